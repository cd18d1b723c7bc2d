# SPDX-License-Identifier: Apache-2.0
"""What has happened, as notifications: event type and payload.

They save a controller from polling and are no record: one that was lost is made good by reading again, and every one carries the
generation of the inventory after it, so that a reader knows whether it has missed any.

Does not know: who is told, queues, oslo.messaging.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from pcipt_agent.core.claim import Allocated, Claimed, Decision, Event, Freed
from pcipt_agent.core.device import Device, DeviceType
from pcipt_agent.core.host import Arrived, Changed, Departed
from pcipt_agent.core.inventory import DeviceStatus, Inventory
from pcipt_agent.views.wire_replies import Part


class ClaimNotice(Part):
    """Payload of `pcipt.claim.claimed`, `.allocated` and `.freed`."""

    generation: str
    request_id: str | None
    """Of the call that did it."""
    at: float
    """Seconds since the epoch."""
    claim_id: str
    consumer: str | None
    """null where a claim_id was ended that held nothing."""
    addresses: list[str]
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


NOTICES: Final[Mapping[str, type[ClaimNotice] | type[DeviceNotice]]] = {
    "pcipt.claim.claimed": ClaimNotice,
    "pcipt.claim.allocated": ClaimNotice,
    "pcipt.claim.freed": ClaimNotice,
    "pcipt.device.arrived": DeviceNotice,
    "pcipt.device.departed": DeviceNotice,
    "pcipt.device.changed": DeviceNotice,
}
"""Event type → payload, as published."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification to be sent."""

    event_type: str
    payload: ClaimNotice | DeviceNotice


def notices_of_decision(decision: Decision, before: Inventory | None, after: Inventory) -> Iterator[Notice]:
    """`before` knows the claims that were freed; None where nobody remembers."""
    for event in decision.events:
        name, claim_id = _name(event)
        claim = after.book.claims.get(claim_id) or (before.book.claims.get(claim_id) if before is not None else None)
        yield Notice(
            f"pcipt.claim.{name}",
            ClaimNotice(
                generation=after.generation,
                request_id=decision.request_id,
                at=decision.at,
                claim_id=claim_id,
                consumer=None if claim is None else claim.wish.consumer,
                addresses=[] if claim is None else [str(held.address) for held in claim.held],
            ),
        )


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


def _name(event: Event) -> tuple[str, str]:
    match event:
        case Claimed(claim):
            return "claimed", claim.claim_id
        case Allocated(claim_id):
            return "allocated", claim_id
        case Freed(claim_id, _):
            return "freed", claim_id
        case _:
            assert_never(event)


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
