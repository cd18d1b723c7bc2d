# SPDX-License-Identifier: Apache-2.0
"""What has happened, as notifications: event type and payload.

They save a controller from polling and are no record: one that was lost is made good by reading again, and every one carries the
generation of the inventory after it, so that a reader knows whether it has missed any.

Does not know: who is told, queues, oslo.messaging.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.claim import Allocated, Claimed, Cleaned, Decision, Disabled, Enabled, Expired, Freed
from pcipt_agent.core.device import Device, DeviceType
from pcipt_agent.core.host import Arrived, Changed, Departed
from pcipt_agent.core.inventory import DeviceStatus, Inventory
from pcipt_agent.views.wire_replies import Part


class ClaimNotice(Part):
    """Payload of `pcipt.claim.claimed`, `.adopted`, `.allocated`, `.freed` and `.expired`."""

    generation: str
    request_id: str | None
    """Of the call that did it."""
    at: float
    """Seconds since the epoch."""
    claim_id: str
    consumer: str | None
    """null where a claim_id was ended that held nothing."""
    addresses: list[str]
    dirty: list[str]
    """Those of them that must be cleaned before anyone may have them."""
    lost: int = 0
    """Notifications missing before this one: the bus took none, or not fast enough."""


class UpkeepNotice(Part):
    """Payload of `pcipt.device.cleaned`, `.disabled` and `.enabled`, and of `pcipt.host.disabled` and `.enabled`."""

    generation: str
    request_id: str | None
    """Of the call that did it."""
    at: float
    """Seconds since the epoch."""
    address: str | None
    """null: the host."""
    reason: str | None
    """Why it was disabled."""
    lost: int = 0
    """Notifications missing before this one: the bus took none, or not fast enough."""


class DeviceNotice(Part):
    """Payload of `pcipt.device.arrived`, `.departed` and `.changed`."""

    generation: str
    address: str
    device_type: DeviceType
    vendor_id: str
    product_id: str
    status: DeviceStatus | None
    """Now; null: it is gone and nobody holds it."""
    changed: list[str]
    """The facts that are others now, of a device that changed."""
    lost: int = 0
    """Notifications missing before this one: the bus took none, or not fast enough."""


NOTICES: Final[Mapping[str, type[ClaimNotice] | type[DeviceNotice] | type[UpkeepNotice]]] = {
    "pcipt.claim.claimed": ClaimNotice,
    "pcipt.claim.adopted": ClaimNotice,
    "pcipt.claim.allocated": ClaimNotice,
    "pcipt.claim.freed": ClaimNotice,
    "pcipt.claim.expired": ClaimNotice,
    "pcipt.device.arrived": DeviceNotice,
    "pcipt.device.departed": DeviceNotice,
    "pcipt.device.changed": DeviceNotice,
    "pcipt.device.cleaned": UpkeepNotice,
    "pcipt.device.disabled": UpkeepNotice,
    "pcipt.device.enabled": UpkeepNotice,
    "pcipt.host.disabled": UpkeepNotice,
    "pcipt.host.enabled": UpkeepNotice,
}
"""Event type → payload, as published."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification to be sent."""

    event_type: str
    payload: ClaimNotice | DeviceNotice | UpkeepNotice


def notices_of_decision(decision: Decision, before: Inventory | None, after: Inventory) -> Iterator[Notice]:
    """`before` knows the claims that have ended; None where nobody remembers."""
    for event in decision.events:
        match event:
            case Claimed(claim):
                name = "claimed" if claim.adopted_from is None else "adopted"
                yield _claim_notice(name, claim.claim_id, decision, before=before, after=after)
            case Allocated(claim_id):
                yield _claim_notice("allocated", claim_id, decision, before=before, after=after)
            case Freed(claim_id):
                yield _claim_notice("freed", claim_id, decision, before=before, after=after, dirty=event.dirty)
            case Expired(claim_id):
                yield _claim_notice("expired", claim_id, decision, before=before, after=after, dirty=event.dirty)
            case Cleaned(address):
                yield _upkeep_notice("cleaned", address, decision, after)
            case Disabled(place, reason):
                yield _upkeep_notice("disabled", place, decision, after, reason=reason)
            case Enabled(place):
                yield _upkeep_notice("enabled", place, decision, after)
            case _:
                assert_never(event)


def notices_of_changes(changes: Iterable[Arrived | Departed | Changed], after: Inventory) -> Iterator[Notice]:
    for change in changes:
        match change:
            case Arrived(device):
                yield _device_notice("arrived", device, after, [])
            case Departed(device):
                yield _device_notice("departed", device, after, [])
            case Changed(was, now):
                facts = [name for name in Device.__dataclass_fields__ if getattr(was, name) != getattr(now, name)]
                yield _device_notice("changed", now, after, facts)
            case _:
                assert_never(change)


def _claim_notice(
    name: str, claim_id: str, decision: Decision, *, before: Inventory | None, after: Inventory, dirty: Iterable[PciAddress] = ()
) -> Notice:
    claim = after.book.claims.get(claim_id) or (before.book.claims.get(claim_id) if before is not None else None)
    return Notice(
        f"pcipt.claim.{name}",
        ClaimNotice(
            generation=after.generation,
            request_id=decision.request_id,
            at=decision.at,
            claim_id=claim_id,
            consumer=None if claim is None else claim.wish.consumer,
            addresses=[] if claim is None else [str(held.address) for held in claim.held],
            dirty=[str(address) for address in dirty],
        ),
    )


def _upkeep_notice(
    name: str, address: PciAddress | None, decision: Decision, after: Inventory, *, reason: str | None = None
) -> Notice:
    return Notice(
        f"pcipt.{'host' if address is None else 'device'}.{name}",
        UpkeepNotice(
            generation=after.generation,
            request_id=decision.request_id,
            at=decision.at,
            address=None if address is None else str(address),
            reason=reason,
        ),
    )


def _device_notice(name: str, device: Device, after: Inventory, changed: list[str]) -> Notice:
    return Notice(
        f"pcipt.device.{name}",
        DeviceNotice(
            generation=after.generation,
            address=str(device.address),
            device_type=device.device_type,
            vendor_id=device.vendor_id,
            product_id=device.product_id,
            status=after.status(device.address),
            changed=changed,
        ),
    )
