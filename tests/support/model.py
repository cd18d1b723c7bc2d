# SPDX-License-Identifier: Apache-2.0
"""The model of a random life: dicts of who was told what, and what follows for each device, one device at a time.

    model.claim("c", wish, held, at=1.0)      a claim was granted
    model.end("c", left)                      it has ended, and left these dirty
    model.status(address, inventory)          what an operator must be told

Does not know: sets, catalogues' indexes, funnels, how events change a book.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from immutables import Map

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.alias import Readiness
from pcipt_agent.core.claim import Wish
from pcipt_agent.core.device import Device
from pcipt_agent.core.domain import Domain, DomainDevice, Hypervisor
from pcipt_agent.core.inventory import DeviceStatus, Inventory
from pcipt_agent.core.readiness import Unready
from pcipt_agent.core.spec import DeviceSpec
from tests.support.brute import obstacles, unready


@dataclass(slots=True)
class Libvirt:
    """What it knows and, while it can be asked, shows."""

    domains: dict[str, Domain] = field(default_factory=dict)
    """By name."""
    seen: tuple[Domain, ...] = ()
    """By the agent, last."""
    shown: dict[PciAddress, float] = field(default_factory=dict)
    """To this run of the agent."""
    watched_since: float | None = None

    def name(self, domain: Domain) -> None:
        self.domains[domain.name] = domain

    def look(self, at: float, *, reachable: bool) -> Hypervisor:
        """What the agent sees now."""
        if reachable:
            self.seen = tuple(self.domains[name] for name in sorted(self.domains))
            self.shown.update({each.address: at for domain in self.seen for each in domain.devices if each.address is not None})
            self.watched_since = at if self.watched_since is None else self.watched_since
        else:
            self.watched_since = None
        return Hypervisor(
            reachable=reachable,
            problem=None if reachable else "Connection refused",
            domains=self.seen,
            watched_since=self.watched_since,
            shown=Map(self.shown),
        )

    def restart(self) -> None:
        """The agent has seen nothing yet."""
        self.seen, self.shown, self.watched_since = (), {}, None

    def having(self, address: PciAddress) -> list[Domain]:
        """As far as was seen."""
        return [domain for domain in self.seen if address in {each.address for each in domain.devices}]


def domain_with(name: str, uuid: str, addresses: Iterable[PciAddress], *, running: bool) -> Domain:
    devices = tuple(DomainDevice(address, None, managed=True) for address in addresses)
    return Domain(uuid=uuid, name=name, running=running, devices=devices)


@dataclass(slots=True)
class Model:
    holders: dict[PciAddress, str] = field(default_factory=dict)
    wishes: dict[str, Wish] = field(default_factory=dict)
    claimed_at: dict[str, float] = field(default_factory=dict)
    once: dict[str, set[PciAddress]] = field(default_factory=dict)
    """claim_id → those that were of one-time use when it was made."""
    allocated: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    dirty: set[PciAddress] = field(default_factory=set)
    disabled: set[PciAddress | None] = field(default_factory=set)
    """None: the host."""
    libvirt: Libvirt = field(default_factory=Libvirt)

    def claim(self, claim_id: str, wish: Wish, held: Iterable[PciAddress], inventory: Inventory, *, at: float) -> None:
        """It holds these."""
        addresses = list(held)
        self.wishes[claim_id], self.claimed_at[claim_id] = wish, at
        self.once[claim_id] = {address for address in addresses if _is_for_one_time(inventory, address)}
        for address in addresses:
            assert address not in self.holders, "promised twice"
            self.holders[address] = claim_id

    def of(self, claim_id: str) -> set[PciAddress]:
        return {address for address, holder in self.holders.items() if holder == claim_id}

    def end(self, claim_id: str, inventory: Inventory, *, unused: bool = False) -> None:
        """It has ended, and what a guest may have had of one-time use is dirty."""
        used = {address for address in self.of(claim_id) if address in self.once[claim_id] or _is_for_one_time(inventory, address)}
        if unused and claim_id not in self.allocated:
            used = {address for address in used if not self._was_watched(address, self.claimed_at[claim_id])}
        self.dirty |= used
        self.holders = {address: holder for address, holder in self.holders.items() if holder != claim_id}
        for filed in (self.wishes, self.claimed_at, self.once):
            filed.pop(claim_id, None)
        self.allocated.discard(claim_id)
        self.ended.add(claim_id)

    def _was_watched(self, address: PciAddress, since: float) -> bool:
        """And no domain was seen to name it."""
        watched = self.libvirt.watched_since
        return watched is not None and watched <= since and not self.libvirt.shown.get(address, 0.0) >= since

    def status(self, address: PciAddress, inventory: Inventory) -> DeviceStatus | None:
        there = inventory.catalogue.host.devices.get(address)
        if address in self.holders:
            if there is None:
                return DeviceStatus.LOST
            if spec_of(inventory, address) is None:
                return DeviceStatus.UNLISTED
            return DeviceStatus.ALLOCATED if self.holders[address] in self.allocated else DeviceStatus.CLAIMED
        return None if there is None else self._unheld(there, inventory)

    def _unheld(self, device: Device, inventory: Inventory) -> DeviceStatus:
        if self.libvirt.having(device.address):
            return DeviceStatus.OCCUPIED
        if spec_of(inventory, device.address) is None and not device.faults:
            return DeviceStatus.NOT_ASSIGNABLE
        against = unready(inventory, device)
        if against is not None:
            return {"used": DeviceStatus.USED_BY_HOST, "settling": DeviceStatus.SETTLING}.get(against, DeviceStatus.UNUSABLE)
        if device.address in self.dirty:
            return DeviceStatus.DIRTY
        if self.is_out(device, inventory):
            return DeviceStatus.DISABLED
        lonely = any(self._is_kept(mate, inventory) or self._is_apart(mate, inventory) for mate in obstacles(inventory, device))
        return DeviceStatus.BLOCKED if lonely or self._is_apart(device, inventory) else DeviceStatus.FREE

    def is_out(self, device: Device, inventory: Inventory) -> bool:
        """Disabled: itself, the PF that it is on, or the host."""
        with_pf = device.parent in self.disabled and device.parent in inventory.catalogue.host.devices
        return None in self.disabled or device.address in self.disabled or with_pf

    def _is_kept(self, device: Device, inventory: Inventory) -> bool:
        """It is somebody's itself, dirty or disabled."""
        return self._is_somebodys(device) or device.address in self.dirty or self.is_out(device, inventory)

    def _is_somebodys(self, device: Device) -> bool:
        return device.address in self.holders or bool(self.libvirt.having(device.address))

    def _is_apart(self, device: Device, inventory: Inventory) -> bool:
        """A relative of it is held, occupied or dirty, or a member of its IOMMU group is held or occupied."""
        present = inventory.catalogue.host.devices
        relatives = [each for each in present.values() if each.parent == device.address or each.address == device.parent]
        if any(self._is_somebodys(each) or each.address in self.dirty for each in relatives):
            return True
        every = [each for claim in inventory.book.claims.values() for each in claim.held]
        lost = any(each.fingerprint.parent == device.address and each.address not in present for each in every)
        group = device.iommu_group
        mates = [each for each in present.values() if group is not None and each.iommu_group == group and each != device]
        return lost or any(self._is_somebodys(mate) for mate in mates)


def spec_of(inventory: Inventory, address: PciAddress) -> DeviceSpec | None:
    """The entry that lists the device now."""
    index = inventory.catalogue.index_of.get(address)
    return None if index is None else inventory.catalogue.spec_of[index]


def _is_for_one_time(inventory: Inventory, address: PciAddress) -> bool:
    spec = spec_of(inventory, address)
    return spec is not None and spec.tags.one_time_use


def against_giving(model: Model, inventory: Inventory, wish: Wish, held: Iterable[PciAddress]) -> Iterator[str]:
    """What must not be so of devices that were just promised; `model` does not know of that yet."""
    catalogue = inventory.catalogue
    own = {each.address for claim in inventory.book.claims_of(wish.consumer) for each in claim.held}
    for address in held:
        index = catalogue.index_of[address]
        device = catalogue.devices[index]
        if address in model.dirty or model.libvirt.having(address) or model.is_out(device, inventory):
            yield f"{address} is dirty, occupied or disabled"
        if catalogue.not_ready(index):
            yield f"{address} is not ready"
        if catalogue.rules.readiness is Readiness.ENFORCE:
            if not {each.address for each in obstacles(inventory, device)} <= own:
                yield f"{address} is in bad company"
            if any(why.reason is not Unready.DRIVER for why in catalogue.warnings(index, beside=catalogue.set_at(own))):
                yield f"{address} was given with a warning where the rules enforce"
        for other, claim_id in model.holders.items():
            there = catalogue.host.devices.get(other)
            if device.parent == other or (there is not None and there.parent == address):
                yield f"{address} is given beside its relative {other}"
            together = there is not None and there.iommu_group is not None and there.iommu_group == device.iommu_group
            if together and model.wishes[claim_id].consumer != wish.consumer:
                yield f"{address} shares an IOMMU group with {other}, another consumer's"
