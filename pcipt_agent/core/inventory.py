# SPDX-License-Identifier: Apache-2.0
"""Inventory: Host × RuleSet × ClaimBook, our whole state as one value.

Its sets follow from the three facts; they are carried along from one inventory to the next because deriving them is linear in the
devices and a claim touches a few. `inventory_of` derives them from nothing, and `core.invariant` checks that both ways agree.

Does not know: how devices are chosen (`core.selection`), what is decided (`core.decide`).
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.catalogue import Catalogue
from pcipt_agent.core.claim import Allocated, Claim, ClaimBook, Claimed, ClaimState, Event, Freed, Held, evolve
from pcipt_agent.core.device import Device
from pcipt_agent.core.deviceset import EMPTY, DeviceSet
from pcipt_agent.core.readiness import not_ready


class DeviceStatus(StrEnum):
    """What an operator is told of one device; the first that applies, in this order."""

    LOST = "lost"
    """Claimed or allocated, and no longer on the host."""
    UNLISTED = "unlisted"
    """Claimed or allocated, here, and matched by no device_spec now."""
    CLAIMED = "claimed"
    ALLOCATED = "allocated"
    NOT_ASSIGNABLE = "not-assignable"
    """Matched by no device_spec, and not odd either: what is odd is unusable, so that the reason is seen (an id that can't be read
    matches nothing)."""
    UNUSABLE = "unusable"
    BLOCKED = "blocked"
    """Not free because a relative is claimed."""
    FREE = "free"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """One moment. `generation` changes whenever anything in it does, but for a link's present speed and width; it is compared,
    never computed with."""

    catalogue: Catalogue
    book: ClaimBook
    generation: str
    held: DeviceSet
    """Held by a claim and on the host."""
    blocked: DeviceSet
    """A relative is held."""
    beside_held: DeviceSet
    """VFs, held or not, of PFs that have a held VF: taking another of them breaks no further PF."""

    @property
    def free(self) -> DeviceSet:
        """Assignable, ready, not held and not blocked."""
        return self.catalogue.assignable & self.catalogue.ready & ~self.held & ~self.blocked

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
        if index is None:
            return None
        device = self.catalogue.devices[index]
        if self.catalogue.spec_of[index] is None and not device.faults:
            return DeviceStatus.NOT_ASSIGNABLE
        if not_ready(device) is not None:
            return DeviceStatus.UNUSABLE
        return DeviceStatus.BLOCKED if self.blocked >> index & 1 else DeviceStatus.FREE

    def blockers_of(self, device: Device) -> tuple[PciAddress, ...]:
        """The held relatives that block it, in address order; a VF that is held but lost still blocks its PF."""
        host = self.catalogue.host
        relatives = {vf.address for vf in host.vfs_of(device.address)} | ({device.parent} if device.parent else set())
        for claim in () if device.parent else self.lost():
            relatives |= {held.address for held in claim.held if held.fingerprint.parent == device.address}
        return tuple(sorted(address for address in relatives if address in self.book.holders))

    def lost(self) -> tuple[Claim, ...]:
        """Claims that hold a device that is no longer on the host, in claim_id order."""
        if self.held.bit_count() == len(self.book.holders):
            return ()
        index_of = self.catalogue.index_of
        gone = {claim_id for address, claim_id in self.book.holders.items() if address not in index_of}
        return tuple(self.book.claims[claim_id] for claim_id in sorted(gone))


def inventory_of(catalogue: Catalogue, book: ClaimBook, generation: str) -> Inventory:
    """Derived from nothing but the facts. Linear in the claims."""
    held = blocked = beside_held = EMPTY
    for claim in book.claims.values():
        for each in claim.held:
            own, shadow, beside = _effect(catalogue, each)
            held, blocked, beside_held = held | own, blocked | shadow, beside_held | beside
    return Inventory(
        catalogue=catalogue,
        book=book,
        generation=generation,
        held=held,
        blocked=blocked,
        beside_held=beside_held,
    )


def after(inventory: Inventory, event: Event, generation: str) -> Inventory:
    """The inventory once `event` is true. Costs as much as the event has devices; linear in the claims while any is lost."""
    book = evolve(inventory.book, event)
    match event:
        case Claimed(claim):
            return _taken(inventory, claim, book, generation)
        case Freed(claim_id, _) if claim_id in inventory.book.claims:
            if inventory.lost():
                return inventory_of(inventory.catalogue, book, generation)
            return _given_back(inventory, inventory.book.claims[claim_id], book, generation)
        case Freed() | Allocated():
            return replace(inventory, book=book, generation=generation)
        case _:
            assert_never(event)


def _taken(inventory: Inventory, claim: Claim, book: ClaimBook, generation: str) -> Inventory:
    held, blocked, beside_held = inventory.held, inventory.blocked, inventory.beside_held
    for each in claim.held:
        own, shadow, beside = _effect(inventory.catalogue, each)
        held, blocked, beside_held = held | own, blocked | shadow, beside_held | beside
    return Inventory(
        catalogue=inventory.catalogue,
        book=book,
        generation=generation,
        held=held,
        blocked=blocked,
        beside_held=beside_held,
    )


def _given_back(inventory: Inventory, claim: Claim, book: ClaimBook, generation: str) -> Inventory:
    """Nothing is lost here, so every held device is a bit of `held`, and a unit's state can be read off it."""
    catalogue = inventory.catalogue
    held, blocked, beside_held = inventory.held, inventory.blocked, inventory.beside_held
    freed = [catalogue.index_of[each.address] for each in claim.held]
    for index in freed:
        held ^= 1 << index
    for unit in {catalogue.unit_of[index] for index in freed}:
        vfs, pf = catalogue.members.get(unit, EMPTY), 1 << unit
        blocked = blocked | vfs if held & pf else blocked & ~vfs
        blocked = blocked | pf if held & vfs else blocked & ~pf
        beside_held = beside_held if held & vfs else beside_held & ~vfs
    return Inventory(
        catalogue=catalogue,
        book=book,
        generation=generation,
        held=held,
        blocked=blocked,
        beside_held=beside_held,
    )


def _effect(catalogue: Catalogue, held: Held) -> tuple[DeviceSet, DeviceSet, DeviceSet]:
    """What one held device adds to (held, blocked, beside_held)."""
    index = catalogue.index_of.get(held.address)
    if index is not None:
        unit = catalogue.unit_of[index]
        beside = EMPTY if unit == index else catalogue.members[unit]
        return 1 << index, catalogue.relatives[index], beside
    parent = None if held.fingerprint.parent is None else catalogue.index_of.get(held.fingerprint.parent)
    if parent is None:
        return EMPTY, EMPTY, EMPTY
    return EMPTY, 1 << parent, catalogue.members.get(parent, EMPTY)
