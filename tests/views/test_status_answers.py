# SPDX-License-Identifier: Apache-2.0
"""`status` as an answer, and what of it needs attention."""

from dataclasses import replace

import pytest

from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.domain import Domain, Hypervisor
from pcipt_agent.core.inventory import DeviceStatus, Inventory, inventory_of
from pcipt_agent.core.spec import Tags
from pcipt_agent.core.upkeep import Disable
from pcipt_agent.views.agent_facts import AgentFacts, Failure, HintFacts
from pcipt_agent.views.status_answers import status_reply
from tests.support.demo import demo_inventory
from tests.support.planned import (
    allocated,
    at,
    claimed,
    domain,
    entry,
    freed,
    host,
    inventory,
    obey,
    pci,
    rules,
    sriov,
    wanting,
    wish,
)
from tests.support.vitals import NOW, healthy, standing

QUIET = inventory(host(pci("3b:00.0"), pci("3c:00.0")))
ONE_TIME = rules(entry(1, tags=Tags(one_time_use=True)))


def codes(current: Inventory, facts: AgentFacts | None = None) -> list[str]:
    return [each.code for each in status_reply(current, facts or healthy()).attention]


def what(current: Inventory, facts: AgentFacts | None = None) -> tuple[str, str]:
    """The one thing that needs attention, and what to do."""
    (only,) = status_reply(current, facts or healthy()).attention
    return only.what, only.remedy


def seen(current: Inventory, hypervisor: Hypervisor) -> Inventory:
    return inventory_of(current.catalogue, current.book, current.generation, hypervisor)


def test_all_is_well_where_nothing_needs_attention() -> None:
    reply = status_reply(QUIET, healthy())
    assert reply.attention == []
    assert (reply.agent, reply.api, reply.host, reply.generation) == ("0.1.0", "1.1", "compute1", QUIET.generation)
    assert (reply.readiness, reply.disabled, reply.dirty, reply.devices_disabled) == ("enforce", None, [], [])


def test_every_status_is_counted_also_of_what_is_lost() -> None:
    count = status_reply(demo_inventory(), healthy()).devices
    assert set(count) == set(DeviceStatus)
    assert sum(count.values()) == 15
    assert (count[DeviceStatus.LOST], count[DeviceStatus.NOT_ASSIGNABLE], count[DeviceStatus.BLOCKED]) == (1, 2, 2)


def test_libvirt_is_said_with_its_versions_and_since_when() -> None:
    reached = Hypervisor(reachable=True, problem=None, version=(10, 0, 0), qemu_version=(8, 2, 1), watched_since=7.0)
    there = status_reply(seen(QUIET, reached), healthy()).libvirt
    assert (there.reachable, there.version, there.qemu_version, there.since, there.domains) == (True, "10.0.0", "8.2.1", 7.0, 0)
    lost = Hypervisor(problem="connection refused", version=(10, 0, 0))
    gone = status_reply(seen(QUIET, lost), replace(healthy(), libvirt_lost_at=9.0)).libvirt
    assert (gone.reachable, gone.problem, gone.since, gone.version) == (False, "connection refused", 9.0, "10.0.0")


def test_placement_is_said_as_it_is() -> None:
    assert status_reply(QUIET, healthy()).placement.model_dump() == {"configured": False, "reachable": None, "problem": None}
    asked = inventory(QUIET.catalogue.host, replace(rules(), report_in_placement=True))
    placement = status_reply(asked, healthy()).placement
    assert (placement.configured, placement.problem) == (True, "this version of the agent reports nothing to Placement")


def test_a_host_that_was_not_read_yet_has_no_scan() -> None:
    scan = status_reply(QUIET, replace(healthy(), scan=None)).scan
    assert (scan.at, scan.took_seconds, scan.failure) == (None, None, None)


@pytest.mark.parametrize(
    ("facts", "code", "says"),
    [
        (
            replace(healthy(), journal=replace(healthy().journal, unwritable="disk full")),
            "journal-unwritable",
            "nothing can be claimed or freed: disk full",
        ),
        (replace(healthy(), scan_failure=Failure(1.0, "gone")), "scan-failed", "what is shown is old: gone"),
        (replace(healthy(), reload_failure=Failure(1.0, "no JSON")), "reload-failed", "the rules stayed as they were: no JSON"),
        (replace(healthy(), hints=HintFacts(working=False, problem="no udev")), "hints-not-working", "next rescan: no udev"),
        (
            replace(healthy(), transport=replace(healthy().transport, notifications_lost=3)),
            "notifications-lost",
            "3 notifications were lost",
        ),
    ],
)
def test_what_the_agent_can_not_do_needs_attention(facts: AgentFacts, code: str, says: str) -> None:
    assert codes(QUIET, facts) == [code]
    assert says in what(QUIET, facts)[0]


def test_hints_that_nobody_expects_need_no_attention() -> None:
    assert codes(QUIET, replace(healthy(), hints=HintFacts(working=False, problem=None))) == []


def test_libvirt_that_can_not_be_asked_needs_attention() -> None:
    assert codes(seen(QUIET, Hypervisor(problem="refused"))) == ["libvirt-unreachable"]


def test_a_lost_device_needs_attention_and_the_claim_is_named() -> None:
    before = claimed(QUIET, "c1", wish(wanting(1)))
    gone = inventory(host(pci("3c:00.0")), book=before.book)
    assert what(gone) == (
        "claim c1 holds a device that is no longer on the host",
        "bring the device back, or: pcipt free c1",
    )


@pytest.mark.parametrize(
    ("claim_id", "word"), [("c1; reboot", "'c1; reboot'"), ("$(reboot)", "'$(reboot)'"), ("--all", "-- --all")]
)
def test_what_is_to_be_typed_is_one_word_to_the_shell_whatever_the_caller_named_it(claim_id: str, word: str) -> None:
    before = claimed(QUIET, claim_id, wish(wanting(1)))
    gone = inventory(host(pci("3c:00.0")), book=before.book)
    assert what(gone)[1] == f"bring the device back, or: pcipt free {word}"


def test_many_claims_are_counted_and_not_put_into_one_command_line() -> None:
    current = inventory(host(*(pci(f"3b:{slot:02x}.0") for slot in range(6))))
    for number in range(6):
        current = claimed(current, f"c{number}", wish(wanting(1)))
    assert what(inventory(host(), book=current.book)) == (
        "claims c0, c1, c2, c3 and 2 more hold a device that is no longer on the host",
        "bring the device back, or: pcipt free CLAIM",
    )


def test_other_hardware_at_a_claimed_address_needs_attention() -> None:
    before = claimed(QUIET, "c1", wish(wanting(1)))
    other = inventory(host(pci("3b:00.0", product="beef")), book=before.book)
    assert codes(other) == ["fingerprint-differs"]


def test_an_unlisted_device_needs_attention() -> None:
    before = claimed(QUIET, "c1", wish(wanting(1)))
    assert codes(inventory(QUIET.catalogue.host, rules(entry(1, address="ff:00.0")), before.book)) == ["unlisted"]


def test_an_overdue_claim_needs_attention_and_one_in_time_does_not() -> None:
    current = claimed(QUIET, "c1", wish(wanting(1)))
    late = replace(healthy(), standing=standing(at=3601.0, timeout=3600.0))
    early = replace(healthy(), standing=standing(at=3600.0, timeout=3600.0))
    assert (codes(current, late), codes(current, early)) == (["overdue"], [])
    assert status_reply(current, late).claims.overdue == ["c1"]
    assert codes(allocated(current, "c1"), late) == ["domain-gone"]


def test_a_claim_whose_domain_is_gone_needs_attention_only_while_libvirt_says_so() -> None:
    current = allocated(claimed(QUIET, "c1", wish(wanting(1))), "c1")
    assert codes(current) == ["domain-gone"]
    assert codes(seen(current, Hypervisor())) == ["libvirt-unreachable"]
    there = inventory(QUIET.catalogue.host, book=current.book, domains=[domain("vm1", "3b:00.0")])
    assert codes(there) == []


def test_a_domain_with_a_device_that_we_could_give_away_needs_attention() -> None:
    occupied = inventory(QUIET.catalogue.host, domains=[domain("vm1", "3b:00.0")])
    assert what(occupied) == (
        "domain vm1 has what no claim holds: 0000:3b:00.0",
        "pcipt adopt makes claims of it; --dry-run shows which",
    )
    unlisted = inventory(QUIET.catalogue.host, rules(entry(1, address="ff:00.0")), domains=[domain("vm1", "3b:00.0")])
    assert codes(unlisted) == []


def test_a_domain_that_is_not_understood_needs_attention() -> None:
    odd = Domain(uuid="u", name="vm1", running=True, problem="no address")
    assert codes(seen(QUIET, Hypervisor(reachable=True, problem=None, domains=(odd,)))) == ["domain-not-understood"]


def test_dirty_devices_need_attention() -> None:
    once = claimed(inventory(host(*sriov("3b:00.0", vfs=2)), ONE_TIME), "c1", wish(wanting(2, DeviceType.VF)))
    assert what(freed(once, "c1")) == (
        "dirty after one-time use, and handed out to nobody: 0000:3b:00.1, 0000:3b:00.2",
        "clean it, then: pcipt clean ADDRESS",
    )


def test_what_an_operator_has_disabled_is_shown_and_needs_no_attention() -> None:
    current = QUIET
    for address in (at("3b:00.0"), None):
        current = obey(current, Disable(address=address, reason="loud", at=3.0))
    reply = status_reply(current, healthy())
    assert reply.attention == []
    assert reply.disabled is not None
    assert (reply.disabled.reason, [each.address for each in reply.devices_disabled]) == ("loud", ["0000:3b:00.0"])
    assert reply.devices[DeviceStatus.DISABLED] == 2


def test_the_most_pressing_comes_first() -> None:
    facts = replace(healthy(), journal=replace(healthy().journal, unwritable="disk full"), standing=standing(at=NOW, timeout=60.0))
    assert codes(demo_inventory(), facts) == [
        "journal-unwritable",
        "lost",
        "unlisted",
        "domain-gone",
        "overdue",
        "occupied",
        "dirty",
    ]
