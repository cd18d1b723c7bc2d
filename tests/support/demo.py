# SPDX-License-Identifier: Apache-2.0
"""A small inventory with one device of every status, for whatever shows devices to people."""

from dataclasses import replace

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.alias import Alias, Alternative, NumaPolicy, Request, RuleSet
from pcipt_agent.core.catalogue import catalogue_of
from pcipt_agent.core.claim import (
    Allocated,
    Claim,
    ClaimBook,
    Claimed,
    ClaimState,
    Dirty,
    Disabled,
    Fingerprint,
    Held,
    Wish,
    evolve,
)
from pcipt_agent.core.device import (
    Device,
    DeviceType,
    Fault,
    FaultKind,
    HostUse,
    HostUseKind,
    Link,
    Netdev,
    Sriov,
    VdpaDevice,
)
from pcipt_agent.core.domain import Domain, DomainDevice, Hypervisor
from pcipt_agent.core.host import Host, NumaNode
from pcipt_agent.core.inventory import Inventory, inventory_of
from pcipt_agent.core.spec import AddressGlob, DeviceSpec, Tags

CONSUMER = "8a1cd4bd-2f4b-4e6e-a9a3-3e9d6f1f6a10"
OTHER = "0b6a5d1e-9f0c-4e0a-8c0e-6f3f7f7f2b11"
CLAIMED_AT = 1_795_226_400.0

NIC = PciAddress(0, 0x3B, 0, 0)
GPU = PciAddress(0, 0x86, 0, 0)
LOST = PciAddress(0, 0xAF, 0, 0)


def vf(number: int) -> Device:
    return Device(
        address=NIC._replace(function=number + 1),
        device_type=DeviceType.VF,
        vendor_id="15b3",
        product_id="101e",
        class_code=0x020000,
        driver="mlx5_core",
        numa_node=0,
        iommu_group=20 + number,
        parent=NIC,
        vf_number=number,
        serial="MT2104X00123",
    )


DEVICES = (
    Device(
        address=PciAddress(0, 0, 0, 0),
        device_type=DeviceType.PCI,
        vendor_id="8086",
        product_id="2020",
        class_code=0x060000,
        numa_node=0,
    ),
    Device(
        address=NIC,
        device_type=DeviceType.PF,
        vendor_id="15b3",
        product_id="101d",
        subsystem_vendor_id="15b3",
        subsystem_product_id="0016",
        class_code=0x020000,
        revision=0,
        driver="mlx5_core",
        numa_node=0,
        iommu_group=12,
        sriov=Sriov(total_vfs=8, num_vfs=4, vf_product_id="101e", offset=1, stride=1),
        netdevs=(Netdev("ens1f0", "b8:59:9f:00:11:22"),),
        serial="MT2104X00123",
        reset_methods=("flr", "bus"),
        link=Link(16.0, 16, 16.0, 16),
    ),
    replace(vf(0), netdevs=(Netdev("ens1f0v0", "02:00:00:00:00:01"),)),
    replace(vf(1), driver="vfio-pci", vfio_driver=True),
    vf(2),
    replace(
        vf(3),
        device_type=DeviceType.VDPA,
        vdpa=(VdpaDevice("vdpa0", "net", "virtio_vdpa", None),),
        faults=(Fault(FaultKind.VDPA_NOT_VHOST, "vdpa0 is bound to virtio_vdpa"),),
    ),
    Device(
        address=GPU,
        device_type=DeviceType.PCI,
        vendor_id="10de",
        product_id="20b5",
        class_code=0x030200,
        driver="vfio-pci",
        vfio_driver=True,
        numa_node=1,
        iommu_group=40,
    ),
    Device(
        address=GPU._replace(function=1),
        device_type=DeviceType.PCI,
        vendor_id="10de",
        product_id="22ba",
        class_code=0x040300,
        driver="vfio-pci",
        vfio_driver=True,
        numa_node=1,
        iommu_group=40,
    ),
    Device(
        address=PciAddress(0, 0xD8, 0, 0),
        device_type=DeviceType.PCI,
        vendor_id="144d",
        product_id="a80a",
        class_code=0x010802,
        driver="nvme",
        iommu_group=50,
        serial_unknown="vpd: permission denied",
    ),
)

RULES = RuleSet(
    specs=(
        DeviceSpec(
            entry=1,
            source='{"address": "0000:3b:00.0", "physical_network": "physnet1"}',
            address=AddressGlob(0, 0x3B, 0, 0),
            tags=Tags(physical_network="physnet1", trusted=True),
        ),
        DeviceSpec(
            entry=2,
            source='{"vendor_id": "10de", "product_id": "20b5", "resource_class": "CUSTOM_GPU", "managed": "no"}',
            vendor_id="10de",
            product_id="20b5",
            tags=Tags(resource_class="CUSTOM_GPU", managed=False),
        ),
        DeviceSpec(entry=3, source='{"vendor_id": "15b3"}', vendor_id="15b3"),
    ),
    aliases={
        "gpu": Alias(
            name="gpu",
            device_type=DeviceType.PCI,
            numa_policy=NumaPolicy.REQUIRED,
            alternatives=(Alternative(vendor_id="10de", product_id="20b5"),),
        ),
        "nic": Alias(
            name="nic",
            device_type=DeviceType.VF,
            numa_policy=None,
            alternatives=(Alternative(vendor_id="15b3", product_id="101e"),),
        ),
    },
)


DISK = DEVICES[-1]
_SECOND_NIC = replace(DEVICES[1], address=PciAddress(0, 0xE0, 0, 0), vendor_id="1cc1", iommu_group=70, netdevs=())
_BUSY = (
    replace(DISK, address=PciAddress(0, 0xDA, 0, 0), vendor_id="1cc1", iommu_group=60),
    replace(
        DISK,
        address=PciAddress(0, 0xDB, 0, 0),
        vendor_id="1cc1",
        iommu_group=61,
        host_uses=(HostUse(HostUseKind.MOUNTED, "nvme1n1p2 is mounted at /srv"),),
    ),
    replace(DISK, address=PciAddress(0, 0xDC, 0, 0), vendor_id="1cc1", iommu_group=62),
    replace(DISK, address=PciAddress(0, 0xDD, 0, 0), vendor_id="1cc1", iommu_group=63),
    replace(_SECOND_NIC, sriov=Sriov(total_vfs=8, num_vfs=2, vf_product_id="101e", offset=1, stride=1)),
)
_FOR_THE_BUSY = DeviceSpec(
    entry=4, source='{"vendor_id": "1cc1", "one_time_use": "yes"}', vendor_id="1cc1", tags=Tags(one_time_use=True)
)
_GUEST = Domain(
    uuid="6c2f4e0a-1d3b-4b43-8c0f-5a9e7b1d2c3f",
    name="builder",
    running=True,
    devices=(DomainDevice(_BUSY[0].address, None, managed=True),),
)


def demo_host(*more: Device) -> Host:
    nodes = {number: NumaNode(number, frozenset(range(number * 8, number * 8 + 8)), number) for number in (0, 1)}
    return Host(devices={device.address: device for device in (*DEVICES, *more)}, numa_nodes=nodes, boot_id="b0071d00")


def demo_inventory() -> Inventory:
    """VF 1 is claimed, VF 2 allocated, their PF blocked, VF 3 unusable, the audio function unlisted, a former device lost; of four
    disks one is a domain's without a claim, one the host's own, one dirty and one disabled; the second NIC's VFs are appearing."""
    nic = Request(count=1, alias="nic", device_type=DeviceType.VF, alternatives=RULES.aliases["nic"].alternatives)
    exact = [Request(count=1, address=address) for address in (DEVICES[4].address, GPU._replace(function=1), LOST)]
    gone = replace(DEVICES[-1], address=LOST)
    book = ClaimBook()
    for event in (
        Claimed(claim("port-1", CONSUMER, (nic,), (DEVICES[3],))),
        Claimed(claim("instance-7", OTHER, tuple(exact), (DEVICES[4], DEVICES[7], gone))),
        Allocated("instance-7"),
        Disabled(_BUSY[3].address, "fan is loud", CLAIMED_AT, "uid 0 (pid 4711)"),
    ):
        book = evolve(book, event)
    book = replace(book, dirty=book.dirty.set(_BUSY[2].address, Dirty("job-3", OTHER, CLAIMED_AT)))
    rules = replace(RULES, specs=(*RULES.specs, _FOR_THE_BUSY))
    seen = Hypervisor(reachable=True, problem=None, version=(10, 0, 0), domains=(_GUEST,), watched_since=CLAIMED_AT)
    return inventory_of(catalogue_of(demo_host(*_BUSY), rules), book, "3.14", seen)


def claim(claim_id: str, consumer: str, requests: tuple[Request, ...], devices: tuple[Device, ...]) -> Claim:
    """One device a request."""
    held = tuple(
        Held(
            request=index,
            address=each.address,
            device_type=each.device_type,
            managed=True,
            entry="{}",
            fingerprint=Fingerprint.of(each),
        )
        for index, each in enumerate(devices)
    )
    return Claim(
        claim_id=claim_id,
        wish=Wish(consumer=consumer, requests=requests),
        held=held,
        state=ClaimState.CLAIMED,
        claimed_at=CLAIMED_AT,
    )
