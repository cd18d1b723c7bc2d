# SPDX-License-Identifier: Apache-2.0
"""Machines too large to write down: two sockets full of SR-IOV network cards.

Does not know: what is asked of them.
"""

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.device import Device, DeviceType, Link, Netdev, Sriov
from pcipt_agent.core.host import Host, NumaNode

VFS_PER_PF = 63
"""With their PF a card of 64 functions; a host has at most 256 of them, one to a bus."""


def card(bus: int) -> tuple[Device, ...]:
    """The PF at slot 0 of `bus` and its VFs; cards on even buses are of NUMA node 0, on odd ones of node 1."""
    pf = Device(
        address=PciAddress(0, bus, 0, 0),
        device_type=DeviceType.PF,
        vendor_id="15b3",
        product_id="101d",
        subsystem_vendor_id="15b3",
        subsystem_product_id="0050",
        class_code=0x020000,
        revision=0,
        driver="mlx5_core",
        numa_node=bus % 2,
        iommu_group=bus * 64,
        sriov=Sriov(VFS_PER_PF, VFS_PER_PF, "101e", 1, 1),
        netdevs=(Netdev(f"ens{bus}f0", f"b8:59:9f:00:{bus:02x}:00"),),
        serial=f"MT2042X{bus:05}",
        reset_methods=("flr", "bus"),
        link=Link(16.0, 16, 16.0, 16),
    )
    return pf, *(_vf(pf, number) for number in range(VFS_PER_PF))


def _vf(pf: Device, number: int) -> Device:
    bus, devfn = pf.address.bus, number + 1
    return Device(
        address=PciAddress(0, bus, devfn >> 3, devfn & 7),
        device_type=DeviceType.VF,
        vendor_id="15b3",
        product_id="101e",
        subsystem_vendor_id="15b3",
        subsystem_product_id="0050",
        class_code=0x020000,
        revision=0,
        driver="mlx5_core",
        numa_node=pf.numa_node,
        iommu_group=bus * 64 + devfn,
        parent=pf.address,
        vf_number=number,
        netdevs=(Netdev(f"ens{bus}f0v{number}", f"b8:59:9f:00:{bus:02x}:{devfn:02x}"),),
        serial=pf.serial,
        reset_methods=("flr",),
    )


def sriov_host(functions: int) -> Host:
    """A host of so many functions, a multiple of 64 up to 16384."""
    devices = {device.address: device for bus in range(functions // (VFS_PER_PF + 1)) for device in card(bus)}
    nodes = {node: NumaNode(node, frozenset(range(node * 16, node * 16 + 16)), node) for node in (0, 1)}
    return Host(devices=devices, numa_nodes=nodes, boot_id="1b4e28ba-2fa1-11d2-883f-0016d3cca427")
