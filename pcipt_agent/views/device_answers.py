# SPDX-License-Identifier: Apache-2.0
"""Devices as answers: the listing, the pools, and why a device has the status it has.

Pure: an inventory and a payload go in, a reply comes out. A held device that is no longer on the host is listed too, known by its
fingerprint, because it is promised still and only `free` ends that.

Does not know: claims' own replies (`views.answers`), tables and trees (`views.text`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.claim import Claim, Fingerprint, Held
from pcipt_agent.core.device import Device, DeviceType
from pcipt_agent.core.domain import Domain
from pcipt_agent.core.inventory import DeviceStatus, Inventory
from pcipt_agent.core.spec import DeviceSpec, mismatch
from pcipt_agent.errors import DeviceUnknown
from pcipt_agent.views.facts import facts_part, tags_part
from pcipt_agent.views.status_reason import company_of, disabled_by, reason_of, warnings_of
from pcipt_agent.views.upkeep_answers import disabled_part
from pcipt_agent.views.wire import DevicesPayload, ExplainDevicePayload, address_of
from pcipt_agent.views.wire_devices import (
    DevicePart,
    DevicesReply,
    DirtyPart,
    DomainPart,
    EntryPart,
    ExplainDeviceReply,
)


def devices_reply(inventory: Inventory, payload: DevicesPayload) -> DevicesReply:
    """The devices that pass the filters, in address order, from the page that was asked for; linear in the devices."""
    after = None if payload.after is None else address_of(payload.after, "after")
    found: list[PciAddress] = []
    for address in _candidates(inventory, payload):
        if (after is not None and address <= after) or not _passes(inventory, address, payload):
            continue
        found.append(address)
        if len(found) > payload.limit:
            break
    page = found[: payload.limit]
    return DevicesReply(
        generation=inventory.generation,
        devices=[device_part(inventory, address) for address in page],
        next=str(page[-1]) if len(found) > payload.limit else None,
    )


def explain_device_reply(inventory: Inventory, payload: ExplainDevicePayload) -> ExplainDeviceReply:
    """Raises DeviceUnknown where the address is neither on the host nor held."""
    address = address_of(payload.address, "address")
    if inventory.status(address) is None:
        raise DeviceUnknown(str(address))
    catalogue = inventory.catalogue
    device = catalogue.host.devices.get(address)
    parent = None if device is None else catalogue.host.parent_of(device)
    return ExplainDeviceReply(
        generation=inventory.generation,
        device=device_part(inventory, address),
        entries=[] if device is None else [_entry(spec, device, parent) for spec in catalogue.rules.specs],
    )


def device_part(inventory: Inventory, address: PciAddress) -> DevicePart:
    """One device that is on the host or held."""
    catalogue, claim = inventory.catalogue, inventory.book.holder_of(address)
    status = inventory.status(address)
    assert status is not None, f"{address} is neither on the host nor held"
    device, held = catalogue.host.devices.get(address), None if claim is None else _held(claim, address)
    index = catalogue.index_of.get(address)
    spec = None if index is None else catalogue.spec_of[index]
    shown, domains = _shown(device, held), inventory.domains_of.get(address, ())
    disabled = () if device is None else disabled_by(inventory, device)
    blocked = device is not None and status is DeviceStatus.BLOCKED
    return DevicePart(
        address=str(address),
        device_type=shown.device_type,
        status=status,
        status_reason=reason_of(inventory, address),
        entry=None if spec is None else spec.entry,
        tags=None if spec is None or device is None else tags_part(device, spec.tags),
        claim_id=None if claim is None else claim.claim_id,
        consumer=None if claim is None else claim.wish.consumer,
        blocked_by=[str(each) for each in inventory.blockers_of(device)] if device is not None and blocked else [],
        group_held_by=[str(each) for each in company_of(inventory, address)] if blocked else [],
        occupied_by=[domain.name for domain in domains] if claim is None else [],
        domains=[_domain(domain) for domain in domains],
        dirty=_dirty(inventory, address),
        disabled=[disabled_part(each) for each in disabled],
        warnings=warnings_of(inventory, address),
        vendor_id=shown.fingerprint.vendor_id,
        product_id=shown.fingerprint.product_id,
        subsystem_vendor_id=shown.fingerprint.subsystem_vendor_id,
        subsystem_product_id=shown.fingerprint.subsystem_product_id,
        parent=None if shown.fingerprint.parent is None else str(shown.fingerprint.parent),
        vf_number=shown.fingerprint.vf_number,
        serial=shown.fingerprint.serial,
        facts=None if device is None else facts_part(device, catalogue.host),
    )


def _domain(domain: Domain) -> DomainPart:
    return DomainPart(name=domain.name, uuid=domain.uuid, running=domain.running)


def _dirty(inventory: Inventory, address: PciAddress) -> DirtyPart | None:
    dirty = inventory.book.dirty.get(address)
    return None if dirty is None else DirtyPart(claim_id=dirty.claim_id, consumer=dirty.consumer, since=dirty.at)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a device is: as it is now, or as it was when it was claimed and is no more."""

    device_type: DeviceType
    fingerprint: Fingerprint


def _shown(device: Device | None, held: Held | None) -> _Shown:
    if device is not None:
        return _Shown(device.device_type, Fingerprint.of(device))
    assert held is not None, "what is not on the host is held"
    return _Shown(held.device_type, held.fingerprint)


def _held(claim: Claim, address: PciAddress) -> Held:
    return next(each for each in claim.held if each.address == address)


def _candidates(inventory: Inventory, payload: DevicesPayload) -> Iterable[PciAddress]:
    """Every address there may be, in order; a consumer's own where it is given."""
    book = inventory.book
    if payload.consumer is not None:
        consumer = str(payload.consumer)
        claims = [claim for claim in book.claims.values() if claim.wish.consumer == consumer]
        return sorted(held.address for claim in claims for held in claim.held)
    return sorted(inventory.catalogue.index_of.keys() | set(book.holders))


def _passes(inventory: Inventory, address: PciAddress, payload: DevicesPayload) -> bool:
    if payload.status is not None and inventory.status(address) is not payload.status:
        return False
    if payload.device_type is None and payload.numa_node is None:
        return True
    device, claim = inventory.catalogue.host.devices.get(address), inventory.book.holder_of(address)
    shown = _shown(device, None if claim is None else _held(claim, address))
    if payload.device_type not in (None, shown.device_type):
        return False
    return payload.numa_node is None or (device is not None and device.numa_node == payload.numa_node)


def _entry(spec: DeviceSpec, device: Device, parent: Device | None) -> EntryPart:
    unfit = mismatch(spec, device, parent)
    return EntryPart(
        entry=spec.entry,
        source=spec.source,
        key=None if unfit is None else unfit.key,
        wanted=None if unfit is None else unfit.wanted,
        found=None if unfit is None else unfit.found,
    )
