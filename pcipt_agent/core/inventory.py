# SPDX-License-Identifier: Apache-2.0
"""Inventory: Host × RuleSet × ClaimBook, and what libvirt's domains hold: our whole state as one value.

Its sets follow from the facts; they are carried along from one inventory to the next because deriving them is linear in the
devices and a claim touches a few. `inventory_of` derives them from nothing, and `core.invariant` checks that both ways agree.

Does not know: how devices are chosen (`core.selection`), what is decided (`core.decide`).
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, assert_never

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.catalogue import Catalogue
from pcipt_agent.core.claim import (
    Allocated,
    Claim,
    ClaimBook,
    Claimed,
    ClaimState,
    Cleaned,
    Disabled,
    Enabled,
    Event,
    Expired,
    Freed,
    evolve,
)
from pcipt_agent.core.device import Device
from pcipt_agent.core.deviceset import EMPTY, DeviceSet, indexes
from pcipt_agent.core.domain import UNSEEN, Domain, Hypervisor, domains_by_device
from pcipt_agent.core.readiness import Unready


class DeviceStatus(StrEnum):
    """What an operator is told of one device; the first that applies, in this order."""

    LOST = "lost"
    """Claimed or allocated, and no longer on the host."""
    UNLISTED = "unlisted"
    """Claimed or allocated, here, and matched by no device_spec now."""
    CLAIMED = "claimed"
    ALLOCATED = "allocated"
    OCCUPIED = "occupied"
    """Held by a libvirt domain that has no claim."""
    NOT_ASSIGNABLE = "not-assignable"
    """Matched by no device_spec, and not odd either: what is odd is unusable, so that the reason is seen (an id that can't be read
    matches nothing)."""
    USED_BY_HOST = "used-by-host"
    """Its network interface, disk or display serves the host itself, or one of a VF of it."""
    SETTLING = "settling"
    """The VFs of its PF, or its own, are appearing or going."""
    UNUSABLE = "unusable"
    DIRTY = "dirty"
    """Freed after one-time use, and not cleaned yet."""
    DISABLED = "disabled"
    """Taken out of service by an operator: itself, its PF or the host."""
    BLOCKED = "blocked"
    """Not free because a relative is claimed, occupied or dirty, its IOMMU group is another guest's, or what must be taken with it
    can't be had."""
    FREE = "free"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """One moment. `generation` changes whenever anything in it does, but for a link's present speed and width; it is compared,
    never computed with."""

    catalogue: Catalogue
    book: ClaimBook
    hypervisor: Hypervisor
    generation: str
    held: DeviceSet
    """Held by a claim and on the host."""
    occupied: DeviceSet
    """Named by a domain and held by no claim."""
    dirty: DeviceSet
    disabled: DeviceSet
    """By an operator: itself, its PF or the host."""
    blocked: DeviceSet
    """A relative is held, occupied or dirty."""
    shared: DeviceSet
    """Another member of its IOMMU group is held or occupied; only who holds that one may have it."""
    beside_held: DeviceSet
    """VFs, held or not, of PFs that have a held VF: taking another of them breaks no further PF."""
    lost_vfs: Mapping[PciAddress, tuple[PciAddress, ...]]
    """PF → the VFs of it that are held and not on the host any more."""
    domains_of: Mapping[PciAddress, tuple[Domain, ...]]
    """Device → the domains that name it."""

    @property
    def free(self) -> DeviceSet:
        """Assignable, ready, and nobody's in any way."""
        return self.catalogue.accompanied(self.catalogue.assignable & self.catalogue.ready & ~self.kept)

    @property
    def spoken_for(self) -> DeviceSet:
        """Held, occupied, dirty or disabled."""
        return self.held | self.occupied | self.dirty | self.disabled

    @property
    def kept(self) -> DeviceSet:
        """What nobody new may have."""
        return self.spoken_for | self.blocked | self.shared

    def status(self, address: PciAddress) -> DeviceStatus | None:
        """None where the address is neither on the host nor held."""
        index = self.catalogue.index_of.get(address)
        claim = self.book.holder_of(address)
        if claim is not None:
            if index is None:
                return DeviceStatus.LOST
            if self.catalogue.spec_of[index] is None:
                return DeviceStatus.UNLISTED
            return DeviceStatus.CLAIMED if claim.state is ClaimState.CLAIMED else DeviceStatus.ALLOCATED
        return None if index is None else self._unheld(index)

    def _unheld(self, index: int) -> DeviceStatus:
        catalogue = self.catalogue
        if self.occupied >> index & 1:
            return DeviceStatus.OCCUPIED
        if catalogue.spec_of[index] is None and not catalogue.devices[index].faults:
            return DeviceStatus.NOT_ASSIGNABLE
        if not catalogue.ready >> index & 1:
            return _NOT_READY.get(catalogue.not_ready(index)[0].reason, DeviceStatus.UNUSABLE)
        if self.dirty >> index & 1:
            return DeviceStatus.DIRTY
        if self.disabled >> index & 1:
            return DeviceStatus.DISABLED
        lonely = bool(catalogue.company_of(index) & self.kept)
        return DeviceStatus.BLOCKED if lonely or (self.blocked | self.shared) >> index & 1 else DeviceStatus.FREE

    def blockers_of(self, device: Device) -> tuple[PciAddress, ...]:
        """The relatives that block it, in address order: held, occupied or dirty; a VF that is held but lost blocks its PF too."""
        host, taken = self.catalogue.host, self.held | self.occupied | self.dirty
        relatives = {vf.address for vf in host.vfs_of(device.address)} | ({device.parent} if device.parent else set())
        here = [address for address in relatives if taken & self.catalogue.set_at([address])]
        return tuple(sorted([*here, *self.lost_vfs.get(device.address, ())]))

    def group_mates_of(self, consumer: str) -> DeviceSet:
        """What shares an IOMMU group with the consumer's own devices and with nobody else's."""
        if not self.shared:
            return EMPTY
        catalogue, taken, found = self.catalogue, self.held | self.occupied, EMPTY
        own = catalogue.set_at(held.address for claim in self.book.claims_of(consumer) for held in claim.held)
        for index in indexes(own):
            mates = catalogue.kinship.group_mates(index)
            found |= EMPTY if mates & taken & ~own else mates
        return found

    def lost(self) -> tuple[Claim, ...]:
        """Claims that hold a device that is no longer on the host, in claim_id order."""
        if self.held.bit_count() == len(self.book.holders):
            return ()
        index_of = self.catalogue.index_of
        gone = {claim_id for address, claim_id in self.book.holders.items() if address not in index_of}
        return tuple(self.book.claims[claim_id] for claim_id in sorted(gone))


_NOT_READY: Final = {Unready.USED_BY_HOST: DeviceStatus.USED_BY_HOST, Unready.SETTLING: DeviceStatus.SETTLING}


def inventory_of(catalogue: Catalogue, book: ClaimBook, generation: str, hypervisor: Hypervisor = UNSEEN) -> Inventory:
    """Derived from nothing but the facts. Linear in the claims, and in what is dirty, disabled or named by domains."""
    held, dirty = catalogue.set_at(book.holders), catalogue.set_at(book.dirty)
    lost_vfs = _lost_vfs(catalogue, book)
    domains_of = domains_by_device(catalogue.host, hypervisor)
    occupied = catalogue.set_at(domains_of) & ~held
    taken = held | occupied | dirty
    blocked = shared = beside_held = EMPTY
    for index in indexes(taken):
        blocked |= catalogue.kinship.relatives(index)
    for index in indexes(held | occupied):
        shared |= catalogue.kinship.group_mates(index)
    for index in indexes(held):
        beside_held |= _beside(catalogue, index)
    for parent in lost_vfs:
        index = catalogue.index_of[parent]
        blocked, beside_held = blocked | 1 << index, beside_held | catalogue.kinship.members.get(index, EMPTY)
    return Inventory(
        catalogue=catalogue,
        book=book,
        hypervisor=hypervisor,
        generation=generation,
        held=held,
        occupied=occupied,
        dirty=dirty,
        disabled=_disabled(catalogue, book),
        blocked=blocked,
        shared=shared,
        beside_held=beside_held,
        lost_vfs=lost_vfs,
        domains_of=domains_of,
    )


def after(inventory: Inventory, event: Event, generation: str) -> Inventory:
    """The inventory once `event` is true. Costs as much as the event has devices; linear in the claims for what operators do."""
    book = evolve(inventory.book, event)
    match event:
        case Claimed(claim):
            return _touched(inventory, claim, book, generation)
        case Freed(claim_id, _) | Expired(claim_id, _) if claim_id in inventory.book.claims:
            return _touched(inventory, inventory.book.claims[claim_id], book, generation)
        case Freed() | Expired() | Allocated():
            return replace(inventory, book=book, generation=generation)
        case Cleaned() | Disabled() | Enabled():
            return inventory_of(inventory.catalogue, book, generation, inventory.hypervisor)
        case _:
            assert_never(event)


def _touched(inventory: Inventory, claim: Claim, book: ClaimBook, generation: str) -> Inventory:
    """After the claim was made or has ended: only its devices' PFs and IOMMU groups are looked at."""
    catalogue = inventory.catalogue
    held, occupied, dirty = inventory.held, inventory.occupied, inventory.dirty
    touched = [index for each in claim.held if (index := catalogue.index_of.get(each.address)) is not None]
    for index in touched:
        bit, address = 1 << index, catalogue.devices[index].address
        held = held | bit if address in book.holders else held & ~bit
        dirty = dirty | bit if address in book.dirty else dirty & ~bit
        occupied = occupied | bit if address in inventory.domains_of and address not in book.holders else occupied & ~bit
    taken = held | occupied | dirty
    blocked, beside_held, shared = inventory.blocked, inventory.beside_held, inventory.shared
    lost_vfs = _lost_vfs_after(inventory, claim, book)
    losers = catalogue.set_at(each.fingerprint.parent for each in claim.held if each.fingerprint.parent is not None)
    for unit in {catalogue.kinship.unit_of(index) for index in touched}.union(indexes(losers)):
        vfs, pf, lost = catalogue.kinship.members.get(unit, EMPTY), 1 << unit, catalogue.devices[unit].address in lost_vfs
        blocked = blocked | vfs if taken & pf else blocked & ~vfs
        blocked = blocked | pf if taken & (vfs | catalogue.kinship.relatives(unit)) or lost else blocked & ~pf
        beside_held = beside_held | vfs if held & vfs or lost else beside_held & ~vfs
    for group in {1 << index | catalogue.kinship.group_mates(index) for index in touched if catalogue.kinship.group_mates(index)}:
        guests = group & (held | occupied)
        alone = guests if guests.bit_count() == 1 else EMPTY  # nobody is beside it
        shared = shared & ~group | (group & ~alone if guests else EMPTY)
    return replace(
        inventory,
        book=book,
        generation=generation,
        held=held,
        occupied=occupied,
        dirty=dirty,
        blocked=blocked,
        shared=shared,
        beside_held=beside_held,
        lost_vfs=lost_vfs,
    )


def _beside(catalogue: Catalogue, index: int) -> DeviceSet:
    unit = catalogue.kinship.unit_of(index)
    return EMPTY if unit == index else catalogue.kinship.members[unit]


def _lost_vfs(catalogue: Catalogue, book: ClaimBook) -> dict[PciAddress, tuple[PciAddress, ...]]:
    """Of the PFs that are here."""
    index_of = catalogue.index_of
    found: dict[PciAddress, list[PciAddress]] = defaultdict(list)
    for claim in book.claims.values():
        for each in claim.held:
            parent = each.fingerprint.parent
            if each.address not in index_of and parent is not None and parent in index_of:
                found[parent].append(each.address)
    return {parent: tuple(sorted(vfs)) for parent, vfs in found.items()}


def _lost_vfs_after(inventory: Inventory, claim: Claim, book: ClaimBook) -> Mapping[PciAddress, tuple[PciAddress, ...]]:
    """As `_lost_vfs`, where it was right before the claim was made or has ended."""
    index_of, found = inventory.catalogue.index_of, inventory.lost_vfs
    for each in claim.held:
        parent = each.fingerprint.parent
        if each.address not in index_of and parent is not None and parent in index_of:
            others = tuple(vf for vf in found.get(parent, ()) if vf != each.address)
            now = tuple(sorted((*others, each.address))) if each.address in book.holders else others
            found = {pf: vfs for pf, vfs in {**found, parent: now}.items() if vfs}
    return found


def _disabled(catalogue: Catalogue, book: ClaimBook) -> DeviceSet:
    if book.host_disabled is not None:
        return catalogue.all_devices
    own = catalogue.set_at(book.disabled)
    found = own
    for index in indexes(own):
        found |= catalogue.kinship.members.get(index, EMPTY)
    return found
