# SPDX-License-Identifier: Apache-2.0
"""Selection by trying everything, one device at a time: what the quick way is held to, on hosts of a dozen functions.

Does not know: sets, matching, funnels; it asks the devices, the entries and the book alone.
"""

from collections.abc import Sequence

from pcipt_agent.core.alias import Alternative, GroupPolicy, NumaPolicy, Request
from pcipt_agent.core.device import Device, DeviceType
from pcipt_agent.core.guest import Guest
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.core.spec import DeviceSpec, resource_class, traits


def eligible(inventory: Inventory, request: Request, guest: Guest) -> list[Device]:
    """The devices that the request could have alone."""
    catalogue = inventory.catalogue
    return [
        device
        for device, spec in zip(catalogue.devices, catalogue.spec_of, strict=True)
        if spec is not None
        and _fits(device, spec, request, reported=catalogue.rules.report_in_placement)
        and _may_be_handed_out(inventory, device, spec)
        and _near_enough(inventory, device, request.numa_policy, guest)
    ]


def possible(inventory: Inventory, requests: Sequence[Request], guest: Guest, group_policy: GroupPolicy) -> bool:
    """Whether all requests can be met at once."""
    wanted = [(request.count, eligible(inventory, request, guest)) for request in requests]
    if any(len(devices) < count for count, devices in wanted):
        return False
    wanted.sort(key=lambda each: len(each[1]))
    return _assign(wanted, [], group_policy is GroupPolicy.ISOLATE)


def _assign(wanted: Sequence[tuple[int, Sequence[Device]]], taken: list[Device], apart: bool) -> bool:
    if not wanted:
        return True
    (count, devices), *others = wanted
    if count == 0:
        return _assign(others, taken, apart)
    for place, device in enumerate(devices):
        together = any(_collide(device, other, apart) for other in taken)
        if not together and _assign([(count - 1, devices[place + 1 :]), *others], [*taken, device], apart):
            return True
    return False


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


def _may_be_handed_out(inventory: Inventory, device: Device, spec: DeviceSpec) -> bool:
    holders = inventory.book.holders
    if device.faults or device.is_bridge or device.iommu_group is None or spec.tags.remote_managed:
        return False
    if device.device_type is DeviceType.VDPA or device.address in holders:
        return False
    present = inventory.catalogue.host.devices
    if device.parent in holders and device.parent in present:
        return False
    for claim in inventory.book.claims.values():
        for held in claim.held:
            now = present.get(held.address)
            parent = held.fingerprint.parent if now is None else now.parent
            if parent == device.address:
                return False
    return True


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
