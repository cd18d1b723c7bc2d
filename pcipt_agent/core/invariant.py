# SPDX-License-Identifier: Apache-2.0
"""What is true of every inventory we may hold, as checks that look at nothing else.

Each check yields its violations as sentences. They are asked after every step of a random life in the tests, and once at start of a
journal that has just been replayed: a book that breaks one of them promises somebody what somebody else has.

Does not know: how an inventory came about, what is done about a violation.
Source: the shape is beancount's (ops/validation.py): a tuple of functions from the whole to its errors.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.deviceset import indexes
from pcipt_agent.core.inventory import DeviceStatus, Inventory, inventory_of

Check = Callable[[Inventory], Iterator[str]]


def _no_device_is_held_twice(inventory: Inventory) -> Iterator[str]:
    holders: dict[str, list[str]] = {}
    for claim in inventory.book.claims.values():
        for held in claim.held:
            holders.setdefault(str(held.address), []).append(claim.claim_id)
    for address, claim_ids in holders.items():
        if len(claim_ids) > 1:
            yield f"{address} is held {len(claim_ids)} times: by {', '.join(sorted(claim_ids))}"


def _holders_and_claims_agree(inventory: Inventory) -> Iterator[str]:
    said = dict(inventory.book.holders.items())
    held = {each.address: claim.claim_id for claim in inventory.book.claims.values() for each in claim.held}
    for address in sorted(said.keys() | held.keys()):
        if said.get(address) != held.get(address):
            yield f"{address} is filed under {said.get(address)} and held by {held.get(address)}"


def _no_pf_is_held_beside_its_vf(inventory: Inventory) -> Iterator[str]:
    """Asked of VFs that are their PF's now and were when claimed; those enabled under a held PF are blocked, so nobody has them."""
    pfs = {held.address for claim in inventory.book.claims.values() for held in claim.held if held.device_type is DeviceType.PF}
    for claim in inventory.book.claims.values():
        for held in claim.held:
            device = inventory.catalogue.host.devices.get(held.address)
            parent = held.fingerprint.parent
            if device is not None and parent in pfs and device.parent == parent:
                yield f"{held.address} is held by {claim.claim_id}, and its PF {parent} by {inventory.book.holders.get(parent)}"


def _carried_sets_are_the_derived_ones(inventory: Inventory) -> Iterator[str]:
    derived = inventory_of(inventory.catalogue, inventory.book, inventory.generation, inventory.hypervisor)
    for name in ("held", "occupied", "dirty", "disabled", "blocked", "shared", "beside_held"):
        if getattr(inventory, name) != getattr(derived, name):
            yield f"{name} is carried as {getattr(inventory, name):x} and derived as {getattr(derived, name):x}"
    if inventory.lost_vfs != derived.lost_vfs:
        yield f"lost_vfs is carried as {_lost_vfs(inventory)} and derived as {_lost_vfs(derived)}"


def _lost_vfs(inventory: Inventory) -> str:
    return "; ".join(f"{', '.join(map(str, vfs))} of {pf}" for pf, vfs in inventory.lost_vfs.items()) or "none"


def _no_ended_claim_is_held(inventory: Inventory) -> Iterator[str]:
    for claim_id in inventory.book.claims:
        if claim_id in inventory.book.ended:
            yield f"claim {claim_id} has ended and is held"


def _a_claim_holds_what_it_asked_for(inventory: Inventory) -> Iterator[str]:
    for claim_id, claim in inventory.book.claims.items():
        if claim_id != claim.claim_id:
            yield f"claim {claim.claim_id} is filed under {claim_id}"
        asked = {number: request.count for number, request in enumerate(claim.wish.requests) if request.count}
        held = dict(Counter(held.request for held in claim.held))
        if asked != held:
            yield f"claim {claim_id} asked for {asked} (request → devices) and holds {held}"


def _what_is_free_is_nobodys(inventory: Inventory) -> Iterator[str]:
    kept = inventory.held | inventory.occupied | inventory.dirty | inventory.disabled | inventory.blocked | inventory.shared
    if inventory.free & kept:
        yield f"{inventory.free & kept:x} is free, and kept from everybody"
    if inventory.free & ~(inventory.catalogue.assignable & inventory.catalogue.ready):
        yield f"{inventory.free:x} is free, and not all of it is assignable and ready"


def _nothing_is_said_against_what_is_free(inventory: Inventory) -> Iterator[str]:
    """Who shares an IOMMU group is no law here: an adopted guest may, and another kernel or firmware puts held devices together."""
    for index in indexes(inventory.free):
        for why in inventory.catalogue.not_ready(index):
            yield f"{inventory.catalogue.devices[index].address} is free, and {why.reason}: {why.detail}"


def _what_is_free_is_told_so(inventory: Inventory) -> Iterator[str]:
    free = inventory.free
    for index, device in enumerate(inventory.catalogue.devices):
        status = inventory.status(device.address)
        if (status is DeviceStatus.FREE) != bool(free >> index & 1):
            yield f"{device.address} is told to be {status}, and is {'' if free >> index & 1 else 'not '}among the free"


INVARIANTS: Final[tuple[Check, ...]] = (
    _no_device_is_held_twice,
    _holders_and_claims_agree,
    _no_pf_is_held_beside_its_vf,
    _carried_sets_are_the_derived_ones,
    _no_ended_claim_is_held,
    _a_claim_holds_what_it_asked_for,
    _nothing_is_said_against_what_is_free,
    _what_is_free_is_told_so,
    _what_is_free_is_nobodys,
)


def violations(inventory: Inventory) -> tuple[str, ...]:
    """Every violation, in the order of `INVARIANTS`; empty where all hold."""
    return tuple(violation for check in INVARIANTS for violation in check(inventory))
