# SPDX-License-Identifier: Apache-2.0
"""What has happened, in one line of the log: the address, the consumer, and what became of them.

Does not know: who reads it, RPC, the inventory.
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import assert_never

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.claim import Allocated, Claim, ClaimBook, Claimed, Cleaned, Disabled, Enabled, Event, Expired, Freed, Held
from pcipt_agent.core.device import Device, Fault, Link, Netdev, Sriov, VdpaDevice
from pcipt_agent.core.host import Arrived, Changed, Departed


def event_in_words(event: Event, before: ClaimBook) -> str:
    """`before` is the book that the event was decided on."""
    match event:
        case Claimed(claim) if claim.adopted_from is not None:
            return f"adopted {addresses(claim.held)} of domain {claim.adopted_from} for {_whose(claim)}"
        case Claimed(claim):
            return f"claimed {addresses(claim.held)} for {_whose(claim)}"
        case Allocated(claim_id):
            claim = before.claims[claim_id]
            return f"allocated {addresses(claim.held)} to {_whose(claim)}"
        case Freed(claim_id) if claim_id in before.claims:
            claim = before.claims[claim_id]
            return f"freed {addresses(claim.held)} of {_whose(claim)}{_dirty(event.dirty)}"
        case Freed(claim_id):
            return f"ended claim {claim_id}, which held nothing"
        case Expired(claim_id):
            claim = before.claims[claim_id]
            return f"expired {addresses(claim.held)} of {_whose(claim)}, which was never allocated{_dirty(event.dirty)}"
        case Cleaned(address):
            return f"cleaned {address}"
        case Disabled(place, reason):
            return f"disabled {place or 'the host'}: {reason}"
        case Enabled(place):
            return f"enabled {place or 'the host'}"
        case _:
            assert_never(event)


def change_in_words(change: Arrived | Departed | Changed) -> str:
    match change:
        case Arrived(device):
            return f"{device.address} arrived: {_what(device)}"
        case Departed(device):
            return f"{device.address} departed: {_what(device)}"
        case Changed(before, after):
            pairs = [(field.name, getattr(before, field.name), getattr(after, field.name)) for field in fields(Device)]
            parts = [f"{name} {_shown(old)} → {_shown(new)}" for name, old, new in pairs if old != new]
            return f"{after.address} changed: {', '.join(parts)}"
        case _:
            assert_never(change)


def addresses(held: Iterable[Held]) -> str:
    return ", ".join(str(each.address) for each in held)


def _dirty(those: Sequence[PciAddress]) -> str:
    return f"; dirty until cleaned: {', '.join(map(str, those))}" if those else ""


def _whose(claim: Claim) -> str:
    return f"consumer {claim.wish.consumer} (claim {claim.claim_id})"


def _what(device: Device) -> str:
    return f"{device.device_type} {device.vendor_id}:{device.product_id}"


def _shown(value: object) -> str:
    """A field's value in a person's words; none of them is a Python expression."""
    match value:
        case None | "" | ():
            return "none"
        case PciAddress():
            return str(value)
        case tuple():
            return "; ".join(_shown(each) for each in value)
        case Fault(kind, detail):
            return f"{kind}: {detail}"
        case Netdev(name, mac):
            return f"{name} {_shown(mac)}"
        case VdpaDevice(name, vdpa_class, driver, node):
            return f"{name} {_shown(vdpa_class)} {_shown(driver)} {_shown(node)}"
        case Sriov():
            return f"{value.num_vfs} of {value.total_vfs} VFs"
        case Link():
            return f"at most {_shown(value.max_speed)} GT/s x{_shown(value.max_width)}"
        case _:
            return str(value)
