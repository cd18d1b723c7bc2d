# SPDX-License-Identifier: Apache-2.0
"""What the host shows of a device, and what its entry says of it, as parts of an answer.

Does not know: claims, status.
"""

from pcipt_agent.core.device import Device, Link, Sriov
from pcipt_agent.core.host import Host
from pcipt_agent.core.spec import Tags, resource_class, traits
from pcipt_agent.views.wire_devices import (
    FactsPart,
    FaultPart,
    HostUsePart,
    LinkPart,
    NetdevPart,
    SriovPart,
    TagsPart,
    VdpaPart,
)


def facts_part(device: Device, host: Host) -> FactsPart:
    members = () if device.iommu_group is None else host.group_members(device.iommu_group)
    return FactsPart(
        class_code=None if device.class_code is None else f"{device.class_code:06x}",
        revision=None if device.revision is None else f"{device.revision:02x}",
        driver=device.driver,
        driver_override=device.driver_override,
        numa_node=device.numa_node,
        socket=socket_of(device.numa_node, host),
        iommu_group=device.iommu_group,
        iommu_group_members=[str(each) for each in members],
        sriov=None if device.sriov is None else _sriov(device.sriov),
        netdevs=[NetdevPart(name=each.name, mac=each.mac) for each in device.netdevs],
        serial_unknown=device.serial_unknown,
        reset_methods=list(device.reset_methods),
        link=None if device.link is None else _link(device.link),
        vdpa=[VdpaPart(name=each.name, vdpa_class=each.vdpa_class, driver=each.driver, node=each.node) for each in device.vdpa],
        vfio_driver=device.vfio_driver,
        host_uses=[HostUsePart(kind=each.kind, detail=each.detail) for each in device.host_uses],
        faults=[FaultPart(kind=each.kind, detail=each.detail) for each in device.faults],
    )


def tags_part(device: Device, tags: Tags) -> TagsPart:
    return TagsPart(
        physical_network=tags.physical_network,
        remote_managed=tags.remote_managed,
        trusted=tags.trusted,
        managed=tags.managed,
        live_migratable=tags.live_migratable,
        one_time_use=tags.one_time_use,
        resource_class=resource_class(device, tags),
        traits=sorted(traits(tags)),
    )


def socket_of(numa_node: int | None, host: Host) -> int | None:
    """The physical package of a NUMA node; None where either is not known."""
    node = None if numa_node is None else host.numa_nodes.get(numa_node)
    return None if node is None else node.socket


def _sriov(sriov: Sriov) -> SriovPart:
    return SriovPart(
        total_vfs=sriov.total_vfs,
        num_vfs=sriov.num_vfs,
        vf_product_id=sriov.vf_product_id,
        offset=sriov.offset,
        stride=sriov.stride,
    )


def _link(link: Link) -> LinkPart:
    return LinkPart(speed=link.speed, width=link.width, max_speed=link.max_speed, max_width=link.max_width)
