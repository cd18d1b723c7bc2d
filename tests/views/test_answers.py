# SPDX-License-Identifier: Apache-2.0
"""Claims as answers."""

from dataclasses import replace

import pytest
from immutables import Map

from pcipt_agent.core.catalogue import catalogue_of
from pcipt_agent.core.claim import ClaimBook, ClaimState, Held
from pcipt_agent.core.decide import ClaimDevices, Free
from pcipt_agent.core.domain import Hypervisor
from pcipt_agent.core.inventory import DeviceStatus, Inventory, inventory_of
from pcipt_agent.core.spec import Tags
from pcipt_agent.errors import ClaimUnknown
from pcipt_agent.views.agent_facts import Standing
from pcipt_agent.views.answers import claim_reply, claims_reply, free_reply
from pcipt_agent.views.wire import ClaimsPayload
from pcipt_agent.views.wire_replies import ClaimPart, FreeReply, OverduePart
from tests.support.planned import allocated, at, claimed, domain, entry, freed, host, inventory, obey, pci, rules, wanting, wish
from tests.support.vitals import standing

TWO = inventory(host(pci("3b:00.0"), pci("3c:00.0"), pci("3d:00.0")))
CLAIMED = claimed(TWO, "c1", wish(wanting(2), nodes=[1, 0]))


def hostdev(held: Held) -> str:
    return f"<hostdev of {held.address}>"


def test_a_claim_is_answered_with_its_devices_and_the_element_of_each() -> None:
    reply = claim_reply(CLAIMED, "c1", hostdev, changed=True)
    assert (reply.generation, reply.changed, reply.dry_run, reply.claim_id) == (CLAIMED.generation, True, False, "c1")
    assert (reply.state, reply.claimed_at, reply.consumer) == (ClaimState.CLAIMED, 1.0, wish().consumer)
    assert [(each.request, each.address, each.status, each.xml) for each in reply.devices] == [
        (0, "0000:3b:00.0", DeviceStatus.CLAIMED, "<hostdev of 0000:3b:00.0>"),
        (0, "0000:3c:00.0", DeviceStatus.CLAIMED, "<hostdev of 0000:3c:00.0>"),
    ]
    assert reply.devices[0].fingerprint.vendor_id == "8086"


def test_an_allocated_claim_says_so_in_its_state_and_its_devices() -> None:
    reply = claim_reply(allocated(CLAIMED, "c1"), "c1", hostdev, changed=True)
    assert reply.state is ClaimState.ALLOCATED
    assert {each.status for each in reply.devices} == {DeviceStatus.ALLOCATED}


def test_a_claim_that_is_not_held_is_refused() -> None:
    with pytest.raises(ClaimUnknown):
        claim_reply(CLAIMED, "c2", hostdev, changed=False)


def test_a_device_that_is_another_now_is_answered_as_it_was_with_what_differs() -> None:
    other = inventory(host(replace(pci("3b:00.0", product="beef"), serial="new"), pci("3c:00.0")), book=CLAIMED.book)
    first, second = claim_reply(other, "c1", hostdev, changed=False).devices
    assert first.fingerprint.product_id == "0001"
    assert (first.fingerprint_differs, second.fingerprint_differs) == (["product_id"], [])


def test_a_device_that_is_gone_is_lost_and_one_that_no_entry_matches_is_unlisted() -> None:
    now = inventory(host(pci("3c:00.0")), rules(entry(1, address="3d:00.0")), CLAIMED.book)
    assert [each.status for each in claim_reply(now, "c1", hostdev, changed=False).devices] == [
        DeviceStatus.LOST,
        DeviceStatus.UNLISTED,
    ]


def test_free_answers_what_it_gave_back() -> None:
    after = freed(CLAIMED, "c1")
    reply = free_reply(CLAIMED, after, "c1")
    assert (reply.changed, reply.state, reply.ended_at, reply.generation) == (True, "ended", 2.0, after.generation)
    assert reply.freed == ["0000:3b:00.0", "0000:3c:00.0"]


def test_free_again_changed_nothing_and_gave_nothing_back() -> None:
    after = freed(CLAIMED, "c1")
    reply = free_reply(after, after, "c1")
    assert (reply.changed, reply.ended_at, reply.freed) == (False, 2.0, [])


def test_free_of_an_unknown_claim_ends_it_and_gives_nothing_back() -> None:
    reply = free_reply(TWO, freed(TWO, "c9"), "c9")
    assert (reply.changed, reply.freed) == (True, [])


def many() -> Inventory:
    current = inventory(host(*(pci(f"3b:{slot:02x}.0") for slot in range(5))))
    for number in (3, 1, 4, 0, 2):
        current = claimed(current, f"c{number}", wish(wanting(1)))
    return allocated(current, "c2")


def ids(**filters: object) -> list[str]:
    return [claim.claim_id for claim in claims_reply(many(), ClaimsPayload.model_validate(filters), standing()).claims]


def test_claims_are_listed_in_the_order_of_their_ids() -> None:
    assert ids() == ["c0", "c1", "c2", "c3", "c4"]


def test_claims_are_filtered_by_state_id_and_consumer() -> None:
    assert ids(state="allocated") == ["c2"]
    assert ids(claim_id="c3") == ["c3"]
    assert ids(consumer=wish().consumer, state="claimed") == ["c0", "c1", "c3", "c4"]
    assert ids(consumer="11111111-1111-1111-1111-111111111111") == []


def test_pages_of_claims_join_up_and_the_last_one_says_so() -> None:
    seen: list[str] = []
    after: str | None = None
    for size in (2, 2, 1):
        page = claims_reply(many(), ClaimsPayload(after=after, limit=2), standing())
        assert len(page.claims) == size
        seen += [claim.claim_id for claim in page.claims]
        after = page.next
    assert (seen, after) == (["c0", "c1", "c2", "c3", "c4"], None)


def test_a_listed_claim_has_its_resolved_requests_and_guest() -> None:
    (claim,) = claims_reply(CLAIMED, ClaimsPayload(), standing()).claims
    assert (claim.numa_nodes, claim.group_policy, claim.move_id) == ([0, 1], "none", None)
    (request,) = claim.requests
    assert (request.count, request.device_type, request.numa_policy, len(request.alternatives)) == (2, "type-PCI", "legacy", 1)
    assert [each.address for each in claim.devices] == ["0000:3b:00.0", "0000:3c:00.0"]


ONE_TIME = rules(entry(1, tags=Tags(one_time_use=True)))


def listed(current: Inventory, seen: Standing | None = None) -> ClaimPart:
    (claim,) = claims_reply(current, ClaimsPayload(), seen or standing()).claims
    return claim


def test_a_claim_says_whose_call_it_was_and_when_a_guest_got_it() -> None:
    current = obey(TWO, ClaimDevices(claim_id="c1", wish=wish(wanting(1)), at=1.0, by="uid 7"))
    assert (listed(current).claimed_by, listed(current).allocated_at) == ("uid 7", None)
    assert (listed(allocated(current, "c1")).allocated_at, listed(current).adopted_from) == (1.5, None)


def test_an_overdue_claim_says_since_when_and_why_it_stays() -> None:
    current = claimed(TWO, "c1", wish(wanting(1)))
    late = standing(at=70.0, timeout=60.0)
    assert listed(current).overdue is None
    assert listed(current, standing(at=60.0, timeout=60.0)).overdue is None
    assert listed(current, late).overdue == OverduePart(since=61.0, stays=None)
    named = inventory(TWO.catalogue.host, book=current.book, domains=[domain("vm1", "3b:00.0")])
    assert listed(named, late).overdue == OverduePart(since=61.0, stays="0000:3b:00.0 is named by domain vm1")
    held_open = standing(at=70.0, timeout=60.0, staying={"c1": "process 7 has it open"})
    assert listed(named, held_open).overdue == OverduePart(since=61.0, stays="process 7 has it open")


def test_a_claim_whose_domain_is_gone_says_so() -> None:
    current = claimed(TWO, "c1", wish(wanting(2)))
    assert listed(current).domain_gone is False
    assert listed(allocated(current, "c1")).domain_gone is True
    one_is_there = inventory(TWO.catalogue.host, book=allocated(current, "c1").book, domains=[domain("vm1", "3c:00.0")])
    assert listed(one_is_there).domain_gone is False


def test_a_claim_names_what_it_has_lost_and_what_its_end_makes_dirty() -> None:
    current = claimed(inventory(TWO.catalogue.host, ONE_TIME), "c1", wish(wanting(2)))
    now = inventory(host(pci("3c:00.0")), ONE_TIME, current.book)
    assert (listed(now).lost, listed(now).dirty_after) == (["0000:3b:00.0"], ["0000:3b:00.0", "0000:3c:00.0"])
    assert (listed(CLAIMED).lost, listed(CLAIMED).dirty_after) == ([], [])


def once(hypervisor: Hypervisor) -> Inventory:
    return claimed(inventory_of(catalogue_of(TWO.catalogue.host, ONE_TIME), ClaimBook(), "0.0", hypervisor), "c1", wish(wanting(1)))


def freed_unused(before: Inventory) -> FreeReply:
    return free_reply(before, obey(before, Free(claim_id="c1", at=2.0, unused=True)), "c1", unused=True)


WATCHED = Hypervisor(reachable=True, problem=None, watched_since=0.5)


@pytest.mark.parametrize(
    ("before", "doubt"),
    [
        (allocated(once(WATCHED), "c1"), "it was allocated"),
        (once(Hypervisor(problem="refused")), "libvirt can't be asked who has had its devices: refused"),
        (once(replace(WATCHED, watched_since=1.5)), "libvirt was not watched all the time since it was claimed"),
        (
            once(replace(WATCHED, shown=Map({at("3b:00.0"): 1.2}))),
            "libvirt has shown 0000:3b:00.0 in a domain since it was claimed",
        ),
        (once(replace(WATCHED, domains=(replace(domain("odd"), problem="line 3"),))), "nobody can tell what domain odd names"),
    ],
)
def test_unused_is_doubted_for_a_reason_and_the_device_is_dirty(before: Inventory, doubt: str) -> None:
    reply = freed_unused(before)
    assert (reply.dirty, reply.unused_doubted) == (["0000:3b:00.0"], doubt)


def test_unused_is_believed_where_libvirt_has_shown_no_other() -> None:
    reply = freed_unused(once(WATCHED))
    assert (reply.freed, reply.dirty, reply.unused_doubted) == (["0000:3b:00.0"], [], None)


def test_free_says_what_is_dirty_also_when_it_is_asked_again() -> None:
    before = once(WATCHED)
    after = freed(before, "c1")
    assert (free_reply(before, after, "c1").dirty, free_reply(before, after, "c1").unused_doubted) == (["0000:3b:00.0"], None)
    assert free_reply(after, after, "c1").dirty == ["0000:3b:00.0"]
