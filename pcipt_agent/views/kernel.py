# SPDX-License-Identifier: Apache-2.0
"""What the kernel writes of one PCI function under /sys, and the Device that it means.

Reading is apart from understanding: `adapters.sysfs` brings a function's files as they are, unparsed, and this makes the value of
them. The unparsed form is also what tells whether anything changed since the last look, so that a rescan parses nothing.

A file that must be there and is not, and a text that can't be understood, are faults of this one device; -1, "" and "(null)" are
None. What a function's own files do not say (its place among the PF's VFs, the PF's serial, vDPA over it) comes as `Kin`.

Does not know: files, directories, when they are read, the other functions.
Source: Documentation/ABI/testing/sysfs-bus-pci, sysfs-bus-vdpa; drivers/vdpa/vdpa.c.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple, TypeVar

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.device import Device, DeviceType, Fault, FaultKind, HostUse, HostUseKind, Link, Netdev, Sriov, VdpaDevice
from pcipt_agent.views import sysfs_text
from pcipt_agent.views.vfio import registers_with_vfio
from pcipt_agent.views.vpd import Serial

FILES = (
    "vendor",
    "device",
    "class",
    "subsystem_vendor",
    "subsystem_device",
    "revision",
    "driver_override",
    "numa_node",
    "reset_method",
    "current_link_speed",
    "current_link_width",
    "max_link_speed",
    "max_link_width",
    "sriov_totalvfs",
    "sriov_numvfs",
    "sriov_vf_device",
    "sriov_offset",
    "sriov_stride",
    "boot_vga",
)
"""The files that are read of a function; those of SR-IOV are a PF's alone, and boot_vga a display's."""
NEEDED = frozenset({"vendor", "device", "class", "sriov_totalvfs", "sriov_numvfs"})
"""Files without which a function can't be judged; whether there are others depends on kernel and device."""

UNKNOWN_ID = "0000"
"""Stands for a vendor or product id that can't be read; the device has a fault then."""

Raw = bytes | str | None
"""Octets: what the file holds. Text: why it can't be read. None: it is not there."""


class RawFunction(NamedTuple):
    """One function's directory, unparsed. A tuple, because tuples compare in C."""

    files: tuple[Raw, ...]
    """By `FILES`."""
    driver: str | None
    """Last part of the link's target, here and below; None where there is no link."""
    iommu_group: str | None
    physfn: str | None
    virtfns: tuple[tuple[str, str | None], ...]
    """Name of each virtfnN link, and its target."""
    nets: tuple[tuple[str, Raw], ...]
    """Name of each network interface, and its `address` file."""
    has_vpd: bool
    has_vfio_dev: bool = False
    """Whether its vfio-dev/ lists anything; the vfio core makes that since Linux 6.1."""
    driver_module: str | None = None
    """Of the driver's `module` link, which a driver that is built in has not."""

    @property
    def identity(self) -> tuple[Raw, ...]:
        """What stays while it is the same piece of hardware."""
        return self.files[:5]


class RawVdpa(NamedTuple):
    """One vDPA device's directory, unparsed."""

    name: str
    driver: str | None
    """Of the vdpa bus: vhost_vdpa gives it to a guest, virtio_vdpa keeps it in the host."""
    children: tuple[str, ...]
    virtio_id: Raw
    """The `device` file of its virtioN child, which virtio_vdpa makes."""


class Kin(NamedTuple):
    """What a function's own files do not say."""

    parent: PciAddress | None
    """What `physfn` names."""
    parent_here: bool
    """Whether that function is on the host."""
    vf_number: int | None
    serial: Serial
    """Of its own VPD, or of its PF's for a VF."""
    vdpa: tuple[RawVdpa, ...]
    host_uses: tuple[HostUse, ...] = ()
    """By its network interfaces and block devices (`views.net_use`, `views.block_use`)."""
    vfio_modules: frozenset[str] = frozenset()
    """The modules that `views.vfio` knows by their aliases."""


def vf_numbers(functions: Mapping[str, RawFunction]) -> dict[tuple[str, str | None], int]:
    """(PF, VF) → N of the PF's virtfnN link to the VF; both by name, as `functions` is."""
    return {
        (name, target): int(link.removeprefix("virtfn"))
        for name, raw in functions.items()
        for link, target in raw.virtfns
        if link.removeprefix("virtfn").isdecimal()
    }


def device_of(address: PciAddress, raw: RawFunction, *, kin: Kin) -> Device:
    """The device that the files mean. Never fails: what can't be understood is a fault of it."""
    plain = _plain(raw.files)
    device_type = _device_type(raw, plain, over=bool(kin.vdpa))
    vdpa = tuple([_vdpa(each, plain.class_code) for each in kin.vdpa])
    faults = [*_faults_of_place(address, raw, parent_here=kin.parent_here), *_faults_of_vdpa(vdpa, device_type)]
    return Device(
        address=address,
        device_type=device_type,
        vendor_id=plain.vendor_id or UNKNOWN_ID,
        product_id=plain.product_id or UNKNOWN_ID,
        subsystem_vendor_id=plain.subsystem_vendor_id,
        subsystem_product_id=plain.subsystem_product_id,
        class_code=plain.class_code,
        revision=plain.revision,
        driver=None if raw.driver is None else _name(raw.driver),
        driver_override=plain.driver_override,
        numa_node=plain.numa_node,
        iommu_group=_iommu_group(raw, faults),
        parent=kin.parent,
        vf_number=kin.vf_number,
        sriov=plain.sriov,
        netdevs=_netdevs(raw, faults),
        serial=kin.serial.number,
        serial_unknown=kin.serial.unknown,
        reset_methods=plain.reset_methods,
        link=plain.link,
        vdpa=vdpa,
        vfio_driver=registers_with_vfio(
            raw.driver, raw.driver_module, has_vfio_dev=raw.has_vfio_dev, vfio_modules=kin.vfio_modules
        ),
        host_uses=(*kin.host_uses, *plain.boot_display),
        faults=(*plain.faults, *faults),
    )


def _name(name: str) -> str:
    """The name of a file as text that can be answered: octets that are no UTF-8 come as lone surrogates, which no JSON holds."""
    return name.encode(errors="backslashreplace").decode()


def _device_type(raw: RawFunction, plain: "_Plain", *, over: bool) -> DeviceType:
    """`over`: whether a vDPA device is over the function."""
    if raw.physfn is not None:
        return DeviceType.VDPA if over else DeviceType.VF
    return DeviceType.PCI if plain.sriov is None else DeviceType.PF


class _Plain(NamedTuple):
    """What the plain files say."""

    vendor_id: str | None
    product_id: str | None
    subsystem_vendor_id: str | None
    subsystem_product_id: str | None
    class_code: int | None
    revision: int | None
    driver_override: str | None
    numa_node: int | None
    reset_methods: tuple[str, ...]
    link: Link | None
    sriov: Sriov | None
    boot_display: tuple[HostUse, ...]
    faults: tuple[Fault, ...]


_BOOT_DISPLAY = (HostUse(HostUseKind.BOOT_DISPLAY, "boot_vga is 1"),)


@lru_cache(maxsize=4096)
def _plain(files: tuple[Raw, ...]) -> _Plain:
    """Remembered, because all VFs of a card have the same: thousands of functions are understood in a few hundred steps."""
    text = _Files(files)
    return _Plain(
        vendor_id=text.take("vendor", sysfs_text.pci_id),
        product_id=text.take("device", sysfs_text.pci_id),
        subsystem_vendor_id=text.take("subsystem_vendor", sysfs_text.pci_id),
        subsystem_product_id=text.take("subsystem_device", sysfs_text.pci_id),
        class_code=text.take("class", sysfs_text.hexadecimal),
        revision=text.take("revision", sysfs_text.hexadecimal),
        driver_override=text.take("driver_override", sysfs_text.override),
        numa_node=text.take("numa_node", sysfs_text.numa_node),
        reset_methods=text.take("reset_method", sysfs_text.words) or (),
        link=_link(text),
        sriov=_sriov(text),
        boot_display=_BOOT_DISPLAY if text.take("boot_vga", sysfs_text.number) else (),
        faults=tuple(text.faults),
    )


_Value = TypeVar("_Value")


class _Files:
    """One function's files on the way to values; what is wrong with them gathers in `faults`."""

    def __init__(self, files: tuple[Raw, ...]) -> None:
        self._files = dict(zip(FILES, files, strict=True))
        self.faults: list[Fault] = []

    def has(self, name: str) -> bool:
        return self._files[name] is not None

    def take(self, name: str, parse: Callable[[bytes], _Value]) -> _Value | None:
        """The value of the file `name`; None where it is missing, empty or not understood."""
        return _parsed(name, self._files[name], parse=parse, faults=self.faults)


def _parsed(name: str, raw: Raw, *, parse: Callable[[bytes], _Value], faults: list[Fault]) -> _Value | None:
    if not raw or raw == b"\n":
        if name in NEEDED:
            faults.append(Fault(FaultKind.MISSING_FILE, name))
        return None
    if isinstance(raw, str):
        faults.append(Fault(FaultKind.MISSING_FILE, f"{name}: {raw}"))
        return None
    try:
        return parse(raw)
    except ValueError:
        faults.append(Fault(FaultKind.UNDECODABLE, f"{name} holds {raw!r}"))
        return None


def _link(text: _Files) -> Link | None:
    speed, width = text.take("current_link_speed", sysfs_text.speed), text.take("current_link_width", sysfs_text.width)
    max_speed, max_width = text.take("max_link_speed", sysfs_text.speed), text.take("max_link_width", sysfs_text.width)
    if (speed, width, max_speed, max_width) == (None, None, None, None):
        return None
    return Link(speed, width, max_speed, max_width)


def _sriov(text: _Files) -> Sriov | None:
    if not text.has("sriov_totalvfs") and not text.has("sriov_numvfs"):
        return None
    return Sriov(
        total_vfs=text.take("sriov_totalvfs", sysfs_text.number) or 0,
        num_vfs=text.take("sriov_numvfs", sysfs_text.number) or 0,
        vf_product_id=text.take("sriov_vf_device", sysfs_text.bare_id),
        offset=text.take("sriov_offset", sysfs_text.number),
        stride=text.take("sriov_stride", sysfs_text.number),
    )


def _iommu_group(raw: RawFunction, faults: list[Fault]) -> int | None:
    if raw.iommu_group is None or raw.iommu_group.isdecimal():
        return None if raw.iommu_group is None else int(raw.iommu_group)
    faults.append(Fault(FaultKind.UNDECODABLE, f"iommu_group leads to {raw.iommu_group!r}"))
    return None


def _netdevs(raw: RawFunction, faults: list[Fault]) -> tuple[Netdev, ...]:
    if not raw.nets:
        return ()
    return tuple(
        [
            Netdev(_name(name), _parsed(f"net/{_name(name)}/address", content, parse=sysfs_text.mac, faults=faults))
            for name, content in raw.nets
        ]
    )


def _faults_of_place(address: PciAddress, raw: RawFunction, *, parent_here: bool) -> list[Fault]:
    faults = []
    if not address.within_limits:
        faults.append(Fault(FaultKind.OUTSIDE_LIMITS, str(address)))
    if raw.physfn is not None and not parent_here:
        faults.append(Fault(FaultKind.VF_WITHOUT_PF, f"physfn is {_name(raw.physfn)}"))
    return faults


def _vdpa(raw: RawVdpa, class_code: int | None) -> VdpaDevice:
    # vhost_vdpa_probe() names the child, and udev the node, vhost-vdpa-%u; libvirt looks for the same child (udevGetVDPACharDev).
    node = next((f"/dev/{child}" for child in raw.children if child.startswith("vhost-vdpa-")), None)
    driver = None if raw.driver is None else _name(raw.driver)
    return VdpaDevice(_name(raw.name), _vdpa_class(raw, class_code), driver, None if node is None else _name(node))


_CLASS_OF_VIRTIO_ID = {1: "net", 2: "block"}
_CLASS_OF_PCI_BASE_CLASS = {0x02: "net", 0x01: "block"}


def _vdpa_class(raw: RawVdpa, class_code: int | None) -> str | None:
    """`net` or `block`, in the words of `vdpa mgmtdev show`.

    The vdpa bus keeps the class to itself: drivers/vdpa/vdpa.c tells it over netlink alone (VDPA_ATTR_DEV_ID). Two things under
    /sys say the same: the virtio device that virtio_vdpa makes (drivers/virtio/virtio.c, `device`), and otherwise the function's
    own PCI class, which is the network controller's for every driver that offers vDPA net over a VF.
    """
    if isinstance(raw.virtio_id, bytes):
        try:
            return _CLASS_OF_VIRTIO_ID.get(sysfs_text.hexadecimal(raw.virtio_id))
        except ValueError:
            return None
    return None if class_code is None else _CLASS_OF_PCI_BASE_CLASS.get(class_code >> 16)


def _faults_of_vdpa(vdpa: tuple[VdpaDevice, ...], device_type: DeviceType) -> list[Fault]:
    faults = []
    for each in vdpa:
        if device_type is not DeviceType.VDPA:
            faults.append(Fault(FaultKind.VDPA_PARENT_NOT_VF, f"{each.name} is over a {device_type} function"))
        if each.driver != "vhost_vdpa":
            faults.append(Fault(FaultKind.VDPA_NOT_VHOST, f"{each.name} is bound to {each.driver or 'no driver'}"))
        elif each.node is None:
            faults.append(Fault(FaultKind.VDPA_NOT_VHOST, f"{each.name} has no vhost-vdpa node"))
        if each.vdpa_class != "net":
            faults.append(Fault(FaultKind.VDPA_NOT_NET, f"{each.name} is of class {each.vdpa_class or 'unknown'}"))
    return faults
