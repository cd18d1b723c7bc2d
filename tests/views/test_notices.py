# SPDX-License-Identifier: Apache-2.0
"""What has happened, as notifications."""

from dataclasses import replace

from pcipt_agent.core.claim import Allocated, Claimed, Cleaned, Decision, Disabled, Enabled, Event, Expired, Freed
from pcipt_agent.core.host import difference
from pcipt_agent.views.notices import NOTICES, notices_of_changes, notices_of_decision
from tests.support.planned import allocated, at, claimed, freed, host, inventory, pci, wanting, wish

EMPTY = inventory(host(pci("3b:00.0")))
CLAIMED = claimed(EMPTY, "c1", wish(wanting(1)))


def decision(*events: Event) -> Decision:
    return Decision(events=events, at=5.0, boot_id="boot-1", request_id="req-1")


def test_a_claim_is_told_with_its_consumer_its_devices_and_who_asked() -> None:
    (notice,) = notices_of_decision(decision(Claimed(CLAIMED.book.claims["c1"])), EMPTY, CLAIMED)
    assert notice.event_type == "pcipt.claim.claimed"
    assert notice.payload.model_dump() == {
        "generation": CLAIMED.generation,
        "request_id": "req-1",
        "at": 5.0,
        "claim_id": "c1",
        "consumer": wish().consumer,
        "addresses": ["0000:3b:00.0"],
        "dirty": [],
        "lost": 0,
    }


def test_an_allocation_is_told() -> None:
    (notice,) = notices_of_decision(decision(Allocated("c1")), CLAIMED, allocated(CLAIMED, "c1"))
    assert (notice.event_type, notice.payload.model_dump()["addresses"]) == ("pcipt.claim.allocated", ["0000:3b:00.0"])


def test_a_freed_claim_is_told_with_what_it_held() -> None:
    (notice,) = notices_of_decision(decision(Freed("c1", 5.0)), CLAIMED, freed(CLAIMED, "c1"))
    told = notice.payload.model_dump()
    assert (notice.event_type, told["consumer"], told["addresses"]) == ("pcipt.claim.freed", wish().consumer, ["0000:3b:00.0"])


def test_the_end_of_a_claim_that_held_nothing_is_told_without_a_consumer() -> None:
    (notice,) = notices_of_decision(decision(Freed("c9", 5.0)), None, freed(EMPTY, "c9"))
    told = notice.payload.model_dump()
    assert (told["claim_id"], told["consumer"], told["addresses"]) == ("c9", None, [])


def test_an_expired_claim_is_told_with_what_its_end_made_dirty() -> None:
    (notice,) = notices_of_decision(decision(Expired("c1", 5.0, (at("3b:00.0"),))), CLAIMED, freed(CLAIMED, "c1"))
    assert (notice.event_type, notice.payload.model_dump()["dirty"]) == ("pcipt.claim.expired", ["0000:3b:00.0"])


def test_an_adopted_claim_is_told_as_such() -> None:
    adopted = replace(CLAIMED.book.claims["c1"], adopted_from="vm1")
    (notice,) = notices_of_decision(decision(Claimed(adopted)), EMPTY, CLAIMED)
    assert notice.event_type == "pcipt.claim.adopted"


def test_an_operator_s_word_is_told_of_a_device_or_of_the_host() -> None:
    words = (Disabled(None, "upgrade", 5.0, "uid 0"), Enabled(at("3b:00.0"), 5.0), Cleaned(at("3b:00.0"), 5.0))
    told = list(notices_of_decision(decision(*words), EMPTY, EMPTY))
    assert [(each.event_type, each.payload.model_dump()["address"], each.payload.model_dump()["reason"]) for each in told] == [
        ("pcipt.host.disabled", None, "upgrade"),
        ("pcipt.device.enabled", "0000:3b:00.0", None),
        ("pcipt.device.cleaned", "0000:3b:00.0", None),
    ]


def test_devices_that_arrive_depart_and_change_are_told_in_address_order() -> None:
    before = host(pci("3a:00.0"), pci("3b:00.0"))
    after = host(replace(pci("3a:00.0"), driver="vfio-pci"), pci("3c:00.0"))
    told = list(notices_of_changes(difference(before, after), inventory(after)))
    assert [(each.event_type, each.payload.model_dump()["address"]) for each in told] == [
        ("pcipt.device.changed", "0000:3a:00.0"),
        ("pcipt.device.departed", "0000:3b:00.0"),
        ("pcipt.device.arrived", "0000:3c:00.0"),
    ]
    assert [each.payload.model_dump(mode="json")["status"] for each in told] == ["free", None, "free"]
    assert told[0].payload.model_dump()["changed"] == ["driver"]


def test_every_event_type_is_published_with_its_payload() -> None:
    changed = replace(pci("3a:00.0"), driver="vfio-pci")
    changes = difference(host(pci("3a:00.0"), pci("3b:00.0")), host(changed, pci("3c:00.0")))
    claim, place = CLAIMED.book.claims["c1"], at("3a:00.0")
    of_claims = (Claimed(claim), Claimed(replace(claim, adopted_from="vm1")), Allocated("c1"), Freed("c1", 5.0), Expired("c1", 5.0))
    of_devices = (Cleaned(place, 5.0), Disabled(place, "x", 5.0, None), Enabled(place, 5.0))
    events = decision(*of_claims, *of_devices, Disabled(None, "x", 5.0, None), Enabled(None, 5.0))
    told = [*notices_of_changes(changes, EMPTY), *notices_of_decision(events, EMPTY, CLAIMED)]
    assert {notice.event_type: type(notice.payload) for notice in told} == NOTICES
