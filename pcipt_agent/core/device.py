# SPDX-License-Identifier: Apache-2.0
"""Device: one PCI function, or a vDPA device over one, as the host shows it now.

A value that is replaced when the host changes, never edited. What the kernel says with -1, "" or a missing file is None here;
the reader made it so, once. A device that can't be handed out carries its faults: it is still a device, shown with the reason.

Does not know: where it was read, which rule matches it, who holds it.
Source: Documentation/ABI/testing/sysfs-bus-pci, sysfs-bus-vdpa.
"""

from dataclasses import dataclass
from enum import StrEnum

from pcipt_agent.core.address import PciAddress


class DeviceType(StrEnum):
    """What a function is to SR-IOV; the values are nova's words."""

    PCI = "type-PCI"
    PF = "type-PF"
    """SR-IOV capable, also with no VF enabled."""
    VF = "type-VF"
    VDPA = "vdpa"
    """A VF with a vDPA device over it; its address is the VF's."""


class FaultKind(StrEnum):
    """Why a device is unusable. `Fault.detail` says the particulars."""

    OUTSIDE_LIMITS = "outside-limits"
    """Its address can't be named by libvirt or a rule (domain wider than 16 bits, say)."""
    MISSING_FILE = "missing-file"
    UNDECODABLE = "undecodable"
    VF_WITHOUT_PF = "vf-without-pf"
    VDPA_NOT_VHOST = "vdpa-not-vhost"
    """A vDPA device that is not bound to vhost_vdpa."""
    VDPA_NOT_NET = "vdpa-not-net"
    VDPA_PARENT_NOT_VF = "vdpa-parent-not-vf"


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason why a device can't be used, with the file or value that shows it."""

    kind: FaultKind
    detail: str


class HostUseKind(StrEnum):
    """How the host itself uses a function, in the order in which it is told."""

    ADDRESS = "address"
    """A network interface of it is up and has an address."""
    ROUTE = "route"
    ENSLAVED = "enslaved"
    """Another network interface is over one of it: bond, bridge, team, OVS, VLAN, macvlan."""
    MOUNTED = "mounted"
    SWAP = "swap"
    HOLDER = "holder"
    """Another block device is over one of it: device mapper, MD, bcache."""
    BOOT_DISPLAY = "boot-display"


@dataclass(frozen=True, slots=True)
class HostUse:
    """One way in which the host uses a function itself, with a clause that shows it: eth0 has 192.0.2.7."""

    kind: HostUseKind
    detail: str


@dataclass(frozen=True, slots=True)
class Netdev:
    """A network interface of the function, such as ens1f0 with its MAC (lower case, colons)."""

    name: str
    mac: str | None


@dataclass(frozen=True, slots=True)
class Sriov:
    """A PF's SR-IOV capability; `num_vfs` are enabled now, of `total_vfs`."""

    total_vfs: int
    num_vfs: int
    vf_product_id: str | None
    offset: int | None
    stride: int | None


@dataclass(frozen=True, slots=True)
class Link:
    """PCIe link, now and at most; speeds in GT/s, widths in lanes; None where the kernel says unknown.

    What it is now changes with the load; it is shown, and no difference between two sightings (`core.host`).
    """

    speed: float | None
    width: int | None
    max_speed: float | None
    max_width: int | None


@dataclass(frozen=True, slots=True)
class VdpaDevice:
    """A child on the vdpa bus: vdpa0, class `net`, bus driver `vhost_vdpa`, node /dev/vhost-vdpa-0."""

    name: str
    vdpa_class: str | None
    driver: str | None
    node: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One function. Ids are four lower-case hex digits without 0x; `class_code` is 24 bits (0x020000: Ethernet)."""

    address: PciAddress
    device_type: DeviceType
    vendor_id: str
    product_id: str
    subsystem_vendor_id: str | None = None
    subsystem_product_id: str | None = None
    class_code: int | None = None
    revision: int | None = None
    driver: str | None = None
    driver_override: str | None = None
    numa_node: int | None = None
    iommu_group: int | None = None
    parent: PciAddress | None = None
    """A VF's PF."""
    vf_number: int | None = None
    """N of the PF's virtfnN link."""
    sriov: Sriov | None = None
    netdevs: tuple[Netdev, ...] = ()
    serial: str | None = None
    """VPD serial number (SN); a VF has its PF's."""
    serial_unknown: str | None = None
    """Why `serial` is None where the function has VPD that could not be read; None where it has none."""
    reset_methods: tuple[str, ...] = ()
    link: Link | None = None
    vdpa: tuple[VdpaDevice, ...] = ()
    vfio_driver: bool = False
    """Whether the bound driver registers with vfio: vfio-pci, or a variant or vendor driver."""
    host_uses: tuple[HostUse, ...] = ()
    """One of each kind at most."""
    faults: tuple[Fault, ...] = ()

    @property
    def is_bridge(self) -> bool:
        """PCI base class 06h: host bridges, root ports, switches."""
        return self.class_code is not None and self.class_code >> 16 == 0x06
