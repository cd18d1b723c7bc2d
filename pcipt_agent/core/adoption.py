# SPDX-License-Identifier: Apache-2.0
"""Adoption: what a domain holds without a claim becomes an allocated claim of that domain's.

The guest has the devices whatever we say of them, so no rule and no readiness is asked: a device that no entry lists is adopted all
the same, and is unlisted. What is asked is that nobody else was promised the same hardware.

Does not know: where the domains were seen, XML.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.alias import Request
from pcipt_agent.core.claim import Claim, ClaimState, Fingerprint, Held, Wish
from pcipt_agent.core.deviceset import indexes
from pcipt_agent.core.domain import Domain, vdpa_nodes
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
    """The claim, allocated. Raises DeviceUnknown, and DeviceHeld where a claim has the device, or any, this one too, a relative."""
    _refuse_relatives(inventory, command)
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


def _refuse_relatives(inventory: Inventory, command: Adopt) -> None:
    """A PF beside its VF is what no claim may hold; VFs may have come since the domain's devices were looked at."""
    devices = inventory.catalogue.host.devices
    addresses = {kept.address for kept in command.devices}
    for address in sorted(addresses & devices.keys()):
        parent = devices[address].parent
        if parent in addresses:
            raise DeviceHeld(str(address), str(parent), command.claim_id, command.consumer)


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


@dataclass(frozen=True, slots=True)
class Adoptable:
    """What one domain has and nobody holds."""

    domain: Domain
    devices: tuple[Kept, ...]


@dataclass(frozen=True, slots=True)
class Left:
    """What stays as it is, and why, in a clause; `address` None: the domain as a whole."""

    domain: Domain
    address: PciAddress | None
    why: str


def adoptable(inventory: Inventory, domains: Sequence[Domain]) -> tuple[tuple[Adoptable, ...], tuple[Left, ...]]:
    """What `adopted` would take of these domains one after the other: running ones first, because they have what they name."""
    taken: dict[PciAddress, Domain] = {}
    found: list[Adoptable] = []
    left: list[Left] = []
    for domain in sorted(domains, key=lambda each: not each.running):
        if domain.problem is not None:
            left.append(Left(domain, None, f"its XML is not understood: {domain.problem}"))
        devices: list[Kept] = []
        for kept in _devices(inventory, domain):
            why = _against(inventory, domain, kept.address, taken)
            if why is None:
                devices.append(kept)
                taken[kept.address] = domain
            elif why:
                left.append(Left(domain, kept.address, why))
        if devices:
            found.append(Adoptable(domain, tuple(devices)))
    return tuple(found), tuple(left)


def _devices(inventory: Inventory, domain: Domain) -> list[Kept]:
    """Each once, in the order of the domain's XML."""
    nodes = vdpa_nodes(inventory.catalogue.host)
    found: dict[PciAddress, Kept] = {}
    for each in domain.devices:
        address = each.address if each.vdpa_node is None else nodes.get(each.vdpa_node)
        if address is not None:
            found.setdefault(address, Kept(address, each.managed))
    return list(found.values())


def _against(inventory: Inventory, domain: Domain, address: PciAddress, taken: Mapping[PciAddress, Domain]) -> str | None:
    """Why the device is not the domain's to be adopted; empty where there is nothing to say: it holds it by a claim."""
    index = inventory.catalogue.index_of.get(address)
    holder = inventory.book.holder_of(address)
    if holder is not None:
        own = holder.wish.consumer == domain.uuid
        return "" if own else f"claim {holder.claim_id} of consumer {holder.wish.consumer} holds it"
    if index is None:
        return "it is not on this host"
    relatives = {inventory.catalogue.devices[each].address for each in indexes(inventory.catalogue.kinship.relatives(index))}
    for other in (address, *sorted(relatives & taken.keys())):
        if other in taken:
            return f"domain {taken[other].name} has {'it' if other == address else f'its relative {other}'} too"
    for relative in sorted(relatives.union(inventory.lost_vfs.get(address, ()))):
        holder = inventory.book.holder_of(relative)
        if holder is not None:
            return f"its relative {relative} is held by claim {holder.claim_id} of consumer {holder.wish.consumer}"
    return None
