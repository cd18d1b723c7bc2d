# SPDX-License-Identifier: Apache-2.0
"""Selection by trying everything, one device at a time: what the quick way is held to, on hosts of a dozen functions.

Does not know: sets, matching, funnels; it asks the devices, the entries and the book alone.
"""

from collections.abc import Sequence

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.alias import Alternative, GroupPolicy, NumaPolicy, Readiness, Request
from pcipt_agent.core.claim import Wish
from pcipt_agent.core.device import Device, DeviceType
from pcipt_agent.core.guest import Guest
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.core.spec import DeviceSpec, resource_class, traits


def eligible(inventory: Inventory, request: Request, wish: Wish) -> list[Device]:
    """The devices that the request could have alone."""
    return [device for device in _in_any_company(inventory, request, wish) if not _missing(inventory, device, wish, [])]


def unready(inventory: Inventory, device: Device) -> str | None:
    """The first that is against the device on this host under these rules: used, settling, or something else."""
    if _is_used(inventory, device):
        return "used"
    if _is_settling(inventory, device):
        return "settling"
    spec = inventory.catalogue.spec_of[inventory.catalogue.index_of[device.address]]
    if device.faults or device.is_bridge or (spec is not None and not _driver_is_right(inventory, device, spec)):
        return "something else"
    return None if _group_could_be_viable(inventory, device) else "something else"


def obstacles(inventory: Inventory, device: Device) -> list[Device]:
    """The other members of its IOMMU group that keep vfio from opening it, while the rules mind."""
    if inventory.catalogue.rules.readiness is Readiness.WARN or device.device_type is DeviceType.VDPA:
        return []
    return [mate for mate in _mates(inventory, device) if _is_in_the_way(mate)]


def possible(inventory: Inventory, wish: Wish) -> bool:
    """Whether all requests can be met at once."""
    wanted = [(request.count, _in_any_company(inventory, request, wish)) for request in wish.requests]
    if any(len(devices) < count for count, devices in wanted):
        return False
    wanted.sort(key=lambda each: len(each[1]))
    return _Trying(inventory, wish).assign(wanted, [])


class _Trying:
    def __init__(self, inventory: Inventory, wish: Wish) -> None:
        self._inventory, self._wish = inventory, wish
        self._apart = wish.group_policy is GroupPolicy.ISOLATE

    def assign(self, wanted: Sequence[tuple[int, Sequence[Device]]], taken: list[Device]) -> bool:
        missing = {address for device in taken for address in _missing(self._inventory, device, self._wish, taken)}
        if len(missing) > sum(count for count, _ in wanted):
            return False
        if not wanted:
            return True
        (count, devices), *others = wanted
        if count == 0:
            return self.assign(others, taken)
        for place, device in enumerate(devices):
            together = any(_collide(device, other, self._apart) for other in taken)
            if not together and self.assign([(count - 1, devices[place + 1 :]), *others], [*taken, device]):
                return True
        return False


def _in_any_company(inventory: Inventory, request: Request, wish: Wish) -> list[Device]:
    catalogue = inventory.catalogue
    return [
        device
        for device, spec in zip(catalogue.devices, catalogue.spec_of, strict=True)
        if spec is not None
        and _fits(device, spec, request, reported=catalogue.rules.report_in_placement)
        and _is_sound(inventory, device)
        and _for_aliases(device, spec)
        and _driver_is_right(inventory, device, spec)
        and _is_nobodys(inventory, device)
        and _group_is_nobody_elses(inventory, device, wish)
        and _group_could_be_viable(inventory, device)
        and _near_enough(inventory, device, request.numa_policy, wish.guest)
    ]


def _collide(one: Device, other: Device, apart: bool) -> bool:
    if one.address == other.address or one.parent == other.address or other.parent == one.address:
        return True
    return apart and one.parent is not None and one.parent == other.parent


def _fits(device: Device, spec: DeviceSpec, request: Request, *, reported: bool) -> bool:
    if request.address is not None:
        return request.address == device.address
    if reported and spec.tags.physical_network:
        return False
    return device.device_type is request.device_type and any(_is(device, spec, each) for each in request.alternatives)


def _is(device: Device, spec: DeviceSpec, wanted: Alternative) -> bool:
    if wanted.vendor_id is not None and wanted.vendor_id != device.vendor_id:
        return False
    if wanted.product_id is not None and wanted.product_id != device.product_id:
        return False
    if wanted.resource_class is not None and wanted.resource_class != resource_class(device, spec.tags):
        return False
    if wanted.live_migratable is not None and wanted.live_migratable != (spec.tags.live_migratable is True):
        return False
    return wanted.traits <= traits(spec.tags)


def _is_sound(inventory: Inventory, device: Device) -> bool:
    return not (device.faults or device.is_bridge or _is_used(inventory, device) or _is_settling(inventory, device))


def _is_used(inventory: Inventory, device: Device) -> bool:
    """By the host: it, or a VF of it that is here."""
    present = inventory.catalogue.host.devices.values()
    return bool(device.host_uses) or any(each.host_uses for each in present if each.parent == device.address)


def _is_settling(inventory: Inventory, device: Device) -> bool:
    present = inventory.catalogue.host.devices
    for pf in (device, present.get(device.parent) if device.parent is not None else None):
        if pf is not None and pf.sriov is not None:
            here = [each for each in present.values() if each.parent == pf.address]
            if len(here) != pf.sriov.num_vfs:
                return True
    return False


def _for_aliases(device: Device, spec: DeviceSpec) -> bool:
    return device.device_type is not DeviceType.VDPA and not spec.tags.remote_managed


def _driver_is_right(inventory: Inventory, device: Device, spec: DeviceSpec) -> bool:
    if inventory.catalogue.rules.readiness is Readiness.WARN:
        return True
    if device.iommu_group is None:
        return False
    if device.device_type is DeviceType.VDPA:
        return True
    if not spec.tags.managed:
        return device.vfio_driver
    version = inventory.catalogue.libvirt_version
    return not device.vfio_driver or device.driver == "vfio-pci" or version is None or version >= (10, 0, 0)


def _is_nobodys(inventory: Inventory, device: Device) -> bool:
    if _is_taken(inventory, device.address) or _is_out(inventory, device):
        return False
    present = inventory.catalogue.host.devices
    if device.parent is not None and device.parent in present and _is_taken(inventory, device.parent):
        return False
    if any(each.parent == device.address and _is_taken(inventory, each.address) for each in present.values()):
        return False
    for claim in inventory.book.claims.values():
        for held in claim.held:
            now = present.get(held.address)
            parent = held.fingerprint.parent if now is None else now.parent
            if parent == device.address:
                return False
    return True


def _is_taken(inventory: Inventory, address: PciAddress) -> bool:
    """Held, named by a domain, or dirty."""
    return address in inventory.book.holders or _is_named(inventory, address) or address in inventory.book.dirty


def _is_named(inventory: Inventory, address: PciAddress) -> bool:
    return any(each.address == address for domain in inventory.hypervisor.domains for each in domain.devices)


def _is_out(inventory: Inventory, device: Device) -> bool:
    """Disabled: itself, the PF that it is on, or the host."""
    book = inventory.book
    with_pf = device.parent in book.disabled and device.parent in inventory.catalogue.host.devices
    return book.host_disabled is not None or device.address in book.disabled or with_pf


def _mates(inventory: Inventory, device: Device) -> list[Device]:
    others = inventory.catalogue.host.devices.values()
    return [each for each in others if device.iommu_group is not None and each.iommu_group == device.iommu_group and each != device]


def _group_is_nobody_elses(inventory: Inventory, device: Device, wish: Wish) -> bool:
    mates = [mate.address for mate in _mates(inventory, device)]
    holders = [inventory.book.holder_of(mate) for mate in mates]
    occupied = any(holder is None and _is_named(inventory, mate) for holder, mate in zip(holders, mates, strict=True))
    return not occupied and all(holder is None or holder.wish.consumer == wish.consumer for holder in holders)


def _is_in_the_way(device: Device) -> bool:
    by_driver = device.driver is not None and not device.vfio_driver and device.driver not in ("pci-stub", "pcieport")
    return by_driver or bool(device.host_uses)


def _would_come(inventory: Inventory, device: Device) -> bool:
    spec = inventory.catalogue.spec_of[inventory.catalogue.index_of[device.address]]
    return spec is not None and spec.tags.managed and _is_sound(inventory, device) and _for_aliases(device, spec)


def _group_could_be_viable(inventory: Inventory, device: Device) -> bool:
    others = obstacles(inventory, device)
    together = [device, *others]
    torn = any(one.parent == other.address for one in together for other in together)
    moving = [*others, *([device] if _is_in_the_way(device) else [])]
    return not others or (all(_would_come(inventory, each) for each in moving) and not torn)


def _missing(inventory: Inventory, device: Device, wish: Wish, taken: Sequence[Device]) -> list[PciAddress]:
    """What stands in its way and is neither taken too nor the consumer's already."""
    own = {held.address for claim in inventory.book.claims_of(wish.consumer) for held in claim.held}
    return [each.address for each in obstacles(inventory, device) if each not in taken and each.address not in own]


def _near_enough(inventory: Inventory, device: Device, policy: NumaPolicy, guest: Guest) -> bool:
    if guest.numa_nodes is None or policy is NumaPolicy.PREFERRED or device.numa_node in guest.numa_nodes:
        return True
    if device.numa_node is None:
        return policy is NumaPolicy.LEGACY
    nodes = inventory.catalogue.host.numa_nodes
    if policy is not NumaPolicy.SOCKET or any(node.socket is None for node in nodes.values()):
        return False
    sockets = {nodes[node].socket for node in guest.numa_nodes if node in nodes}
    return device.numa_node in nodes and nodes[device.numa_node].socket in sockets
