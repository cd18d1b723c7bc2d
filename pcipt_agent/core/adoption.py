# SPDX-License-Identifier: Apache-2.0
"""Adoption: what a domain holds without a claim becomes an allocated claim of that domain's.

The guest has the devices whatever we say of them, so no rule and no readiness is asked: a device that no entry lists is adopted all
the same, and is unlisted. What is asked is that nobody else was promised the same hardware.

Does not know: where the domains were seen, XML.
"""

from dataclasses import dataclass

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.alias import Request
from pcipt_agent.core.claim import Claim, ClaimState, Fingerprint, Held, Wish
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.errors import DeviceHeld, DeviceUnknown


@dataclass(frozen=True, slots=True)
class Kept:
    """A device that the domain has, and whether libvirt binds its driver (managed)."""

    address: PciAddress
    managed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """The devices are the domain's from now on."""

    claim_id: str
    consumer: str
    """The domain's UUID."""
    domain: str
    """The domain's name."""
    devices: tuple[Kept, ...]
    """At least one."""
    at: float
    """Seconds since the epoch."""
    by: str | None = None
    """Whose call it is, as far as the transport tells."""


def adopted(inventory: Inventory, command: Adopt) -> Claim:
    """The claim, allocated. Raises DeviceUnknown, and DeviceHeld where a claim holds the device or a relative of it."""
    held = tuple(_kept(inventory, number, kept) for number, kept in enumerate(command.devices))
    requests = tuple(Request(count=1, device_type=each.device_type, address=each.address) for each in held)
    return Claim(
        claim_id=command.claim_id,
        wish=Wish(consumer=command.consumer, requests=requests),
        held=held,
        state=ClaimState.ALLOCATED,
        claimed_at=command.at,
        claimed_by=command.by,
        allocated_at=command.at,
        adopted_from=command.domain,
    )


def _kept(inventory: Inventory, number: int, kept: Kept) -> Held:
    index = inventory.catalogue.index_of.get(kept.address)
    if index is None:
        raise DeviceUnknown(str(kept.address))
    device, spec = inventory.catalogue.devices[index], inventory.catalogue.spec_of[index]
    for address in (kept.address, *inventory.blockers_of(device)):
        holder = inventory.book.holder_of(address)
        if holder is not None:
            raise DeviceHeld(str(kept.address), str(address), holder.claim_id, holder.wish.consumer)
    return Held(
        request=number,
        address=kept.address,
        device_type=device.device_type,
        managed=kept.managed,
        entry=None if spec is None else spec.source,
        fingerprint=Fingerprint.of(device),
        one_time_use=spec is not None and bool(spec.tags.one_time_use),
    )
