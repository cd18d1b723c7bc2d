# SPDX-License-Identifier: Apache-2.0
"""Inventory: what a claim does to its device's relatives, what an operator is told, and that carrying is deriving."""

from dataclasses import replace
from uuid import UUID

import pytest

from pcipt_agent.core.adoption import Adopt, Kept
from pcipt_agent.core.alias import Request
from pcipt_agent.core.device import DeviceType, Fault, FaultKind, HostUse, HostUseKind
from pcipt_agent.core.deviceset import indexes
from pcipt_agent.core.funnel import Unsatisfied
from pcipt_agent.core.invariant import violations
from pcipt_agent.core.inventory import DeviceStatus, Inventory
from pcipt_agent.core.upkeep import Disable
from tests.support.planned import (
    allocated,
    at,
    claimed,
    domain,
    entry,
    freed,
    gpu,
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

CARD = sriov("01:00.0", vfs=2)
WITHOUT_VFS = sriov("01:00.0", vfs=0)
PF, V1, V2 = "01:00.0", "01:00.1", "01:00.2"


def named(address: str) -> Request:
    return Request(count=1, address=at(address))


def statuses(current: Inventory) -> dict[str, str]:
    return {str(each.address)[5:]: str(current.status(each.address)) for each in current.catalogue.devices}


def test_an_odd_device_is_unusable_also_where_no_entry_matches_it() -> None:
    odd = replace(pci("02:00.0", product="0000"), faults=(Fault(FaultKind.UNDECODABLE, "device"),))
    assert statuses(inventory(host(odd, pci("03:00.0")), rules(entry(1, product="0001")))) == {
        "02:00.0": "unusable",
        "03:00.0": "free",
    }
    assert statuses(inventory(host(odd, pci("03:00.0")), rules())) == {"02:00.0": "unusable", "03:00.0": "free"}


def test_a_pf_is_blocked_while_one_of_its_vfs_is_claimed() -> None:
    current = claimed(inventory(host(*CARD)), "c", wish(named(V2)))
    assert statuses(current) == {PF: "blocked", V1: "free", V2: "claimed"}
    with pytest.raises(Unsatisfied):
        claimed(current, "d", wish(named(PF)))
    current = allocated(current, "c")
    assert statuses(current) == {PF: "blocked", V1: "free", V2: "allocated"}
    assert statuses(freed(current, "c")) == {PF: "free", V1: "free", V2: "free"}


def test_a_vf_is_blocked_while_its_pf_is_claimed() -> None:
    current = claimed(inventory(host(*CARD)), "c", wish(named(PF)))
    assert statuses(current) == {PF: "claimed", V1: "blocked", V2: "blocked"}
    for vf in (V1, V2):
        with pytest.raises(Unsatisfied):
            claimed(current, "d", wish(named(vf)))
    assert statuses(freed(allocated(current, "c"), "c")) == {PF: "free", V1: "free", V2: "free"}


def test_a_pf_stays_blocked_until_the_last_of_its_vfs_is_freed() -> None:
    current = claimed(claimed(inventory(host(*CARD)), "c", wish(named(V1))), "d", wish(named(V2)))
    current = freed(current, "c")
    assert statuses(current) == {PF: "blocked", V1: "free", V2: "claimed"}
    assert [str(address) for address in current.blockers_of(CARD[0])] == ["0000:01:00.2"]
    assert statuses(freed(current, "d"))[PF] == "free"


def test_vfs_enabled_under_a_claimed_pf_are_blocked() -> None:
    before = claimed(inventory(host(*WITHOUT_VFS)), "c", wish(named(PF)))
    current = inventory(host(*CARD), book=before.book)
    assert statuses(current) == {PF: "claimed", V1: "blocked", V2: "blocked"}


def test_a_lost_vf_still_blocks_its_pf_and_gives_it_back_when_freed() -> None:
    before = claimed(inventory(host(*CARD)), "c", wish(named(V1)))
    current = inventory(host(*WITHOUT_VFS), book=before.book)
    assert current.status(at(V1)) is DeviceStatus.LOST
    assert current.status(at(PF)) is DeviceStatus.BLOCKED
    assert current.blockers_of(CARD[0]) == (at(V1),)
    assert [claim.claim_id for claim in current.lost()] == ["c"]
    assert freed(current, "c").status(at(PF)) is DeviceStatus.FREE


def test_a_device_that_is_listed_no_more_stays_with_its_holder() -> None:
    before = claimed(inventory(host(pci("02:00.0"))), "c", wish(wanting(1)))
    current = inventory(host(pci("02:00.0")), rules(entry(1, product="ffff")), before.book)
    assert current.status(at("02:00.0")) is DeviceStatus.UNLISTED
    assert freed(current, "c").status(at("02:00.0")) is DeviceStatus.NOT_ASSIGNABLE


def test_a_device_that_is_not_ready_is_unusable_and_never_free() -> None:
    current = inventory(host(replace(pci("02:00.0"), iommu_group=None)))
    assert current.status(at("02:00.0")) is DeviceStatus.UNUSABLE
    assert current.free == 0


def test_an_address_nobody_knows_has_no_status() -> None:
    assert inventory(host()).status(at("02:00.0")) is None


def test_what_is_free_is_assignable_ready_not_held_and_not_blocked() -> None:
    machine = host(*CARD, pci("02:00.0"), replace(pci("03:00.0"), iommu_group=None))
    current = claimed(inventory(machine), "c", wish(named(V1)))
    assert [str(current.catalogue.devices[index].address)[5:] for index in indexes(current.free)] == [V2, "02:00.0"]


def test_taking_and_giving_back_leaves_the_sets_as_they_were() -> None:
    before = inventory(host(*CARD, *sriov("02:00.0", vfs=2)))
    after = freed(claimed(before, "c", wish(wanting(3, DeviceType.VF))), "c")
    assert (after.held, after.blocked, after.beside_held) == (0, 0, 0)
    assert after.free == before.free


def test_a_device_whose_company_can_not_be_had_is_blocked() -> None:
    before = inventory(host(*gpu("41:00.0")))
    assert statuses(before) == {"41:00.0": "free", "41:00.1": "free"}
    current = obey(before, Disable(address=at("41:00.1"), reason="noisy", at=1.0))
    assert statuses(current) == {"41:00.0": "blocked", "41:00.1": "disabled"}
    assert (before.free.bit_count(), current.free) == (2, 0)


def test_a_claimed_member_blocks_the_others_of_its_iommu_group() -> None:
    current = claimed(inventory(host(*gpu("41:00.0", driver=None))), "c", wish(named("41:00.1")))
    assert statuses(current) == {"41:00.0": "blocked", "41:00.1": "claimed"}
    assert current.free == 0


def test_a_pf_is_not_handed_out_while_the_host_uses_a_vf_of_it_and_its_other_vfs_are() -> None:
    used = replace(CARD[1], host_uses=(HostUse(HostUseKind.ADDRESS, "eth1 has 192.0.2.7"),))
    current = inventory(host(CARD[0], used, CARD[2]))
    assert statuses(current) == {PF: "used-by-host", V1: "used-by-host", V2: "free"}
    with pytest.raises(Unsatisfied):
        claimed(current, "c", wish(named(PF)))
    assert held_by(claimed(current, "c", wish(named(V2))), "c") == [V2]


def test_the_most_telling_reason_is_the_status() -> None:
    uses = (HostUse(HostUseKind.SWAP, "swap on nvme0n1p2"),)
    fault = (Fault(FaultKind.MISSING_FILE, "vendor"),)
    pf, vf = sriov("02:00.0", vfs=2)[:2]
    machine = host(pf, replace(vf, faults=fault), replace(pci("03:00.0"), host_uses=uses, faults=fault, iommu_group=None))
    assert statuses(inventory(machine)) == {"02:00.0": "settling", "02:00.1": "settling", "03:00.0": "used-by-host"}


def test_what_a_guest_has_shares_its_iommu_group_also_where_it_is_a_bridge() -> None:
    """An NVSwitch is one by its class, and guests are given it; without the agent, for no claim gets a bridge."""
    bridge = replace(pci("01:00.0"), class_code=0x068000, iommu_group=7)
    guest = domain("fabric", "01:00.0")
    before = inventory(host(bridge, *(replace(pci(f"0{bus}:00.0"), iommu_group=7) for bus in (2, 3))), domains=[guest])
    devices = (Kept(bridge.address, managed=True),)
    adopted = obey(before, Adopt(claim_id="a", consumer=guest.uuid, domain="fabric", devices=devices, at=1.0))
    own = claimed(adopted, "b", replace(wish(named("02:00.0")), consumer=guest.uuid))
    for current in (before, adopted, own, freed(own, "b")):
        assert current.status(at("03:00.0")) is DeviceStatus.BLOCKED
        with pytest.raises(Unsatisfied):
            claimed(current, "c", wish(named("03:00.0")))
        assert violations(current) == ()


def test_of_an_iommu_group_that_two_guests_have_neither_gets_another_member() -> None:
    """They had it before the agent came; a claim makes no more of it."""
    current = inventory(host(*(replace(pci(f"0{bus}:00.0"), iommu_group=7) for bus in (1, 2, 3))))
    consumers = [str(UUID(int=1)), str(UUID(int=2))]
    for bus, consumer in enumerate(consumers, 1):
        devices = (Kept(at(f"0{bus}:00.0"), managed=True),)
        current = obey(current, Adopt(claim_id=f"a{bus}", consumer=consumer, domain="guest", devices=devices, at=1.0))
    for consumer in consumers:
        with pytest.raises(Unsatisfied):
            claimed(current, "c", replace(wish(named("03:00.0")), consumer=consumer))
    last = freed(current, "a1")
    assert held_by(claimed(last, "c", replace(wish(named("03:00.0")), consumer=consumers[1])), "c") == ["03:00.0"]


def test_a_lost_vf_of_several_is_freed_and_the_other_blocks_the_pf_still() -> None:
    before = claimed(claimed(inventory(host(*CARD)), "c", wish(named(V1))), "d", wish(named(V2)))
    current = inventory(host(*WITHOUT_VFS, pci("02:00.0")), book=before.book)
    current = freed(claimed(current, "e", wish(named("02:00.0"))), "c")
    assert current.lost_vfs == {at(PF): (at(V2),)}
    assert current.status(at(PF)) is DeviceStatus.BLOCKED
    assert violations(current) == ()
    assert freed(current, "d").lost_vfs == {}


def test_a_pf_is_in_use_and_blocked_by_a_lost_vf_while_others_come_and_go() -> None:
    before = claimed(claimed(inventory(host(*CARD)), "c", wish(named(V1))), "d", wish(named(V2)))
    current = freed(inventory(host(CARD[0], CARD[2]), book=before.book), "d")
    assert current.status(at(PF)) is DeviceStatus.SETTLING
    assert (current.blocked, current.beside_held) == (0b01, 0b10)
    assert violations(current) == ()
