# SPDX-License-Identifier: Apache-2.0
"""Adopting what a domain holds: the claim that it becomes, and whose hardware is never adopted."""

import pytest

from pcipt_agent.core.adoption import Adopt, Kept
from pcipt_agent.core.claim import ClaimState
from pcipt_agent.core.invariant import violations
from pcipt_agent.core.inventory import DeviceStatus, Inventory
from pcipt_agent.core.spec import Tags
from pcipt_agent.errors import DeviceHeld, DeviceUnknown
from tests.support.planned import (
    at,
    claimed,
    domain,
    entry,
    freed,
    held_by,
    host,
    inventory,
    obey,
    pci,
    rules,
    sriov,
    wanting,
    wish,
)

GUEST = domain("guest-7", "01:00.0")


def adopted(before: Inventory, *addresses: str) -> Inventory:
    devices = tuple(Kept(at(address), managed=False) for address in addresses)
    return obey(before, Adopt(claim_id="a", consumer=GUEST.uuid, domain=GUEST.name, devices=devices, at=5.0, by="pcipt"))


def test_an_occupied_device_is_the_domains_allocated_claim_afterwards() -> None:
    before = inventory(host(pci("01:00.0"), pci("02:00.0")), domains=[GUEST])
    assert before.status(at("01:00.0")) is DeviceStatus.OCCUPIED
    after = adopted(before, "01:00.0")
    assert after.status(at("01:00.0")) is DeviceStatus.ALLOCATED
    claim = after.book.claims["a"]
    assert (claim.wish.consumer, claim.adopted_from, claim.state) == (GUEST.uuid, "guest-7", ClaimState.ALLOCATED)
    assert (claim.claimed_at, claim.allocated_at, claim.claimed_by) == (5.0, 5.0, "pcipt")
    assert [held.managed for held in claim.held] == [False]
    assert violations(after) == ()


def test_it_is_occupied_again_where_the_claim_is_freed_and_the_domain_stays() -> None:
    after = freed(adopted(inventory(host(pci("01:00.0")), domains=[GUEST]), "01:00.0"), "a")
    assert after.status(at("01:00.0")) is DeviceStatus.OCCUPIED
    assert violations(after) == ()


def test_a_device_that_no_entry_lists_is_adopted_as_unlisted() -> None:
    current = inventory(host(pci("01:00.0")), rules(entry(1, product="ffff")), domains=[GUEST])
    after = adopted(current, "01:00.0")
    assert after.status(at("01:00.0")) is DeviceStatus.UNLISTED
    assert after.book.claims["a"].held[0].entry is None


def test_the_tag_of_one_time_use_is_taken_from_the_entry_that_lists_it_now() -> None:
    current = inventory(host(pci("01:00.0")), rules(entry(1, tags=Tags(one_time_use=True))), domains=[GUEST])
    after = freed(adopted(current, "01:00.0"), "a")
    assert set(after.book.dirty) == {at("01:00.0")}


def test_several_devices_of_a_domain_are_one_claim_in_their_order() -> None:
    current = inventory(host(pci("01:00.0"), pci("02:00.0")), domains=[domain("guest-7", "02:00.0", "01:00.0")])
    after = adopted(current, "02:00.0", "01:00.0")
    assert held_by(after, "a") == ["02:00.0", "01:00.0"]
    assert violations(after) == ()


def test_what_a_claim_holds_is_not_adopted() -> None:
    current = claimed(inventory(host(pci("01:00.0"))), "c", wish(wanting(1)))
    with pytest.raises(DeviceHeld) as raised:
        adopted(current, "01:00.0")
    assert (raised.value.address, raised.value.held, raised.value.claim_id) == ("0000:01:00.0", "0000:01:00.0", "c")


@pytest.mark.parametrize(("held", "asked"), [("01:00.0", "01:00.1"), ("01:00.1", "01:00.0")])
def test_a_relative_of_what_a_claim_holds_is_not_adopted(held: str, asked: str) -> None:
    current = inventory(host(*sriov("01:00.0", vfs=2)))
    current = obey(current, Adopt(claim_id="c", consumer="x", domain="d", devices=(Kept(at(held), managed=True),), at=1.0))
    with pytest.raises(DeviceHeld) as raised:
        adopted(current, asked)
    assert (raised.value.address, raised.value.held) == (f"0000:{asked}", f"0000:{held}")


def test_a_pf_is_not_adopted_beside_its_vf() -> None:
    current = inventory(host(*sriov("01:00.0", vfs=2)))
    with pytest.raises(DeviceHeld) as raised:
        adopted(current, "01:00.1", "01:00.0")
    assert (raised.value.address, raised.value.held, raised.value.claim_id) == ("0000:01:00.1", "0000:01:00.0", "a")


def test_a_device_that_is_not_here_is_not_adopted() -> None:
    with pytest.raises(DeviceUnknown):
        adopted(inventory(host(pci("01:00.0"))), "09:00.0")
