# SPDX-License-Identifier: Apache-2.0
"""Deciding: the table of a claim's life, row by row, and what a decision carries."""

from dataclasses import replace
from typing import get_args

import pytest

from pcipt_agent.core.adoption import Adopt, Kept
from pcipt_agent.core.alias import Alternative, NumaPolicy, Request
from pcipt_agent.core.claim import Claimed, Freed
from pcipt_agent.core.decide import LIFE, Allocate, ClaimCommand, ClaimDevices, Expire, Free, Life, decide, life_of
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.inventory import DeviceStatus, Inventory
from pcipt_agent.core.spec import Tags
from pcipt_agent.errors import ClaimDiffers, ClaimEnded, ClaimIsAllocated, ClaimUnknown, Difference, Refusal
from tests.support.planned import allocated, at, claimed, entry, freed, host, inventory, obey, pci, rules, sriov, wanting, wish

WISH = wish(wanting(1))
COMMANDS = get_args(ClaimCommand)


def in_state(state: Life) -> Inventory:
    start = inventory(host(pci("01:00.0"), pci("02:00.0")))
    match state:
        case Life.ABSENT:
            return start
        case Life.CLAIMED:
            return claimed(start, "c", WISH)
        case Life.ALLOCATED:
            return allocated(claimed(start, "c", WISH), "c")
        case Life.ENDED:
            return freed(start, "c")


def command(kind: type[ClaimCommand]) -> ClaimCommand:
    if kind is ClaimDevices:
        return ClaimDevices(claim_id="c", wish=WISH, at=1.0)
    if kind is Adopt:
        return Adopt(claim_id="c", consumer="d", domain="guest", devices=(Kept(at("02:00.0"), managed=True),), at=1.0)
    if kind is Expire:
        return Expire(claim_id="c", at=2.0)
    return Allocate(claim_id="c", at=1.5) if kind is Allocate else Free(claim_id="c", at=2.0)


@pytest.mark.parametrize("state", Life)
@pytest.mark.parametrize("kind", COMMANDS)
def test_every_command_leads_where_the_table_says(state: Life, kind: type[ClaimCommand]) -> None:
    before = in_state(state)
    assert life_of(before, "c") is state
    try:
        result = obey(before, command(kind))
    except Refusal:
        result = before
    assert life_of(result, "c") is LIFE[state, kind].becomes


def test_the_table_has_every_state_meet_every_command() -> None:
    assert LIFE.keys() == {(state, kind) for state in Life for kind in COMMANDS}


def test_a_claim_carries_what_its_xml_needs() -> None:
    bound = [replace(device, driver="vfio-pci", vfio_driver=True) for device in sriov("01:00.0", vfs=1)]
    current = inventory(host(*bound), rules(entry(1, tags=Tags(managed=False))))
    (event,) = decide(current, ClaimDevices(claim_id="c", wish=wish(wanting(1, DeviceType.VF)), at=7.0))
    assert isinstance(event, Claimed)
    (held,) = event.claim.held
    assert (held.request, held.address, held.device_type, held.managed) == (0, at("01:00.1"), DeviceType.VF, False)
    assert held.fingerprint.parent == at("01:00.0")
    assert event.claim.claimed_at == 7.0


def test_what_is_held_is_in_request_order() -> None:
    current = inventory(host(pci("01:00.0"), pci("02:00.0"), pci("03:00.0")))
    named = Request(count=1, address=at("03:00.0"))
    after = claimed(current, "c", wish(named, wanting(2)))
    held = after.book.claims["c"].held
    assert [(each.request, str(each.address)) for each in held] == [
        (0, "0000:03:00.0"),
        (1, "0000:01:00.0"),
        (1, "0000:02:00.0"),
    ]


def test_the_same_claim_again_changes_nothing() -> None:
    assert decide(in_state(Life.CLAIMED), command(ClaimDevices)) == ()
    assert decide(in_state(Life.ALLOCATED), command(ClaimDevices)) == ()


def test_a_retry_is_answered_though_its_devices_could_not_be_had_now() -> None:
    current = claimed(inventory(host(pci("01:00.0"))), "c", WISH)
    assert decide(current, command(ClaimDevices)) == ()


def test_another_content_under_the_same_id_is_refused_saying_what_differs() -> None:
    with pytest.raises(ClaimDiffers) as raised:
        decide(in_state(Life.CLAIMED), ClaimDevices(claim_id="c", wish=wish(wanting(2), nodes=[0]), at=1.0))
    assert raised.value.differences == (
        Difference("requests.0.count", "1", "2"),
        Difference("guest.numa_nodes", "none", "0"),
    )


def test_a_claim_that_ended_is_never_claimed_or_allocated_again() -> None:
    for kind in (ClaimDevices, Allocate):
        with pytest.raises(ClaimEnded) as raised:
            decide(in_state(Life.ENDED), command(kind))
        assert raised.value.ended_at == 2.0


def test_allocating_what_nobody_claimed_is_refused() -> None:
    with pytest.raises(ClaimUnknown):
        decide(in_state(Life.ABSENT), command(Allocate))


def test_freeing_an_unknown_id_ends_it() -> None:
    assert decide(in_state(Life.ABSENT), command(Free)) == (Freed("c", 2.0),)


def test_freeing_works_while_the_device_is_lost_or_unlisted() -> None:
    current = claimed(inventory(host(pci("01:00.0"))), "c", WISH)
    lost = inventory(host(), book=current.book)
    unlisted = inventory(host(pci("01:00.0")), rules(entry(1, product="ffff")), current.book)
    for each in (lost, unlisted):
        assert life_of(freed(each, "c"), "c") is Life.ENDED


def test_an_allocated_claim_never_expires() -> None:
    with pytest.raises(ClaimIsAllocated):
        decide(in_state(Life.ALLOCATED), command(Expire))


def test_what_expires_is_had_by_others_again() -> None:
    current = obey(in_state(Life.CLAIMED), command(Expire))
    assert current.status(at("01:00.0")) is DeviceStatus.FREE
    with pytest.raises(ClaimEnded):
        decide(current, command(ClaimDevices))


def test_a_dry_run_is_a_decision_that_nobody_appends() -> None:
    before = in_state(Life.ABSENT)
    first, second = decide(before, command(ClaimDevices)), decide(before, command(ClaimDevices))
    assert first == second
    assert before == in_state(Life.ABSENT)


def test_a_policy_alone_makes_a_difference() -> None:
    one = Request(count=1, device_type=DeviceType.PCI, alternatives=(Alternative(),), numa_policy=NumaPolicy.REQUIRED)
    with pytest.raises(ClaimDiffers) as raised:
        decide(in_state(Life.CLAIMED), ClaimDevices(claim_id="c", wish=wish(one), at=1.0))
    assert raised.value.differences == (Difference("requests.0.numa_policy", "legacy", "required"),)
