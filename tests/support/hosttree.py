# SPDX-License-Identifier: Apache-2.0
"""Writes a host as the kernel shows it: directories under sys/devices, and the links by which they are found.

    tree = HostTree(tmp_path, host)
    tree.unbind(address)

The tree is made from a Host value, so it can be made from its description too (`views.description`). Faults become what causes
them: a file that is missing, or one that holds other octets. The shape is that of a real /sys (compared with Linux 6.18): each
function's directory under its root bus, drivers and IOMMU groups as links, other files that a reader must step over.

Does not know: who reads it.
Source: Documentation/ABI/testing/sysfs-bus-pci, sysfs-bus-vdpa, sysfs-kernel-iommu_groups.
"""

import ast
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pcipt_agent.core.address import PciAddress, parse_address
from pcipt_agent.core.device import Device, FaultKind, HostUseKind, Link, Sriov, VdpaDevice
from pcipt_agent.core.host import Host, NumaNode
from pcipt_agent.views.cpus import cpus_text
from pcipt_agent.views.vpd import NO_SERIAL, NOT_VPD, WRONG_SUM
from tests.support.in_use import InUse

STEPPED_OVER = ("config", "enable", "irq", "modalias", "remove", "resource", "uevent")
"""Some of the files that no reader of ours needs; a real function has some thirty more."""


@contextmanager
def directory_in_memory() -> Iterator[Path]:
    """An empty directory, in memory where this machine has such a place: a tree is thousands of small files."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="pcipt-", dir=memory if os.access(memory, os.W_OK) else None) as directory:
        yield Path(directory)


class HostTree:
    """A kernel-shaped tree at `root`. Every method leaves it as the kernel would after the same happening."""

    def __init__(self, root: Path, host: Host) -> None:
        self.root = root
        self._sys = root / "sys"
        self.used = InUse(root)
        """What the host itself uses of it."""
        boot_id = root / "proc/sys/kernel/random/boot_id"
        for directory in (self._sys / "bus/pci/devices", self._sys / "bus/pci/drivers", self._sys / "class/net", boot_id.parent):
            directory.mkdir(parents=True)
        boot_id.write_text(f"{host.boot_id}\n")
        for node in host.numa_nodes.values():
            self._write_node(node)
        for device in host.devices.values():
            self.plug(device)

    def directory_of(self, address: PciAddress) -> Path:
        return self._sys / "devices" / f"pci{address.domain:04x}:{address.bus:02x}" / str(address)

    def plug(self, device: Device) -> None:
        """The function is there, and its PF has a link to it."""
        directory = self.directory_of(device.address)
        directory.mkdir(parents=True)
        for name in STEPPED_OVER:
            os.mknod(f"{directory}/{name}")
        for name, content in files_of(device).items():
            _write(f"{directory}/{name}", content)
        for fault in device.faults:
            if fault.kind is FaultKind.MISSING_FILE and fault.detail.endswith(": Is a directory"):
                (directory / fault.detail.partition(":")[0]).mkdir()
        if device.parent is None and (device.serial, device.serial_unknown) != (None, None):
            self._write_vpd(directory, device)
        for net in device.netdevs:
            child = directory / (f"virtio{device.address.slot}/net" if device.driver == "virtio-pci" else "net") / net.name
            child.mkdir(parents=True)
            _write(f"{child}/address", f"{net.mac or ''}\n")
            _write(f"{child}/flags", "0x1002\n")
            _link(self._sys / "class/net" / net.name, child)
        if device.driver is not None:
            self.bind(device.address, device.driver)
        self._link_to_group_and_pf(directory, device)
        for vdpa in device.vdpa:
            self.add_vdpa(device.address, vdpa)
        for use in device.host_uses:
            if use.kind is not HostUseKind.BOOT_DISPLAY:
                self.used.show(directory, use)
        if device.vfio_driver:
            (directory / "vfio-dev/vfio0").mkdir(parents=True)
        _link(self._sys / "bus/pci/devices" / str(device.address), directory)

    def unplug(self, address: PciAddress) -> None:
        """The function is gone, with all links to it."""
        directory = self.directory_of(address)
        (self._sys / "bus/pci/devices" / str(address)).unlink()
        for name in {path.name for path in directory.rglob("*")}:
            for each in (self._sys / "class/net" / name, self._sys / "class/block" / name):
                if each.is_symlink() and f"/{address}/" in str(each.readlink()):
                    each.unlink()
        physfn = directory / "physfn"  # going over all functions would cost a bench's processor its caches
        for link in physfn.resolve().glob("virtfn*") if physfn.is_symlink() else directory.parent.parent.glob("pci*/*/virtfn*"):
            if link.readlink().name == str(address):
                link.unlink()
        for link in (self._sys / "bus/vdpa/devices").glob("*"):
            if link.readlink().parent.name == str(address):
                link.unlink()
        self.unbind(address)
        group = directory / "iommu_group"
        if group.is_symlink():
            (group.resolve() / "devices" / str(address)).unlink()
        shutil.rmtree(directory)

    def bind(self, address: PciAddress, driver: str) -> None:
        home = self._sys / "bus/pci/drivers" / driver
        home.mkdir(exist_ok=True)
        _link(self.directory_of(address) / "driver", home)
        _link(home / str(address), self.directory_of(address))

    def unbind(self, address: PciAddress) -> None:
        link = self.directory_of(address) / "driver"
        shutil.rmtree(self.directory_of(address) / "vfio-dev", ignore_errors=True)
        if link.is_symlink():
            (link.resolve() / str(address)).unlink()
            link.unlink()

    def write(self, address: PciAddress, name: str, *, content: bytes | None) -> None:
        """The function's file `name` holds `content`; None: it is not there."""
        path = self.directory_of(address) / name
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)

    def set_num_vfs(self, pf: Device, vfs: Iterable[Device]) -> None:
        """The PF has these VFs and no others, as after a write to sriov_numvfs."""
        directory, vfs = self.directory_of(pf.address), tuple(vfs)
        for link in list(directory.glob("virtfn*")):
            address = parse_address(link.readlink().name)
            assert address is not None
            self.unplug(address)
        for vf in vfs:
            self.plug(vf)
        self.write(pf.address, "sriov_numvfs", content=f"{len(vfs)}\n".encode())

    def add_vdpa(self, parent: PciAddress, vdpa: VdpaDevice) -> None:
        """A vDPA device over the function, as after `vdpa dev add`."""
        directory = self.directory_of(parent) / vdpa.name
        directory.mkdir()
        bus = self._sys / "bus/vdpa"
        (bus / "devices").mkdir(parents=True, exist_ok=True)
        _link(directory / "subsystem", bus)
        if vdpa.driver is not None:
            (bus / "drivers" / vdpa.driver).mkdir(parents=True, exist_ok=True)
            _link(directory / "driver", bus / "drivers" / vdpa.driver)
        if vdpa.node is not None:
            (directory / Path(vdpa.node).name).mkdir()
        if vdpa.driver == "virtio_vdpa" and vdpa.vdpa_class is not None:
            (directory / "virtio7").mkdir()
            _write(f"{directory}/virtio7/device", {"net": "0x0001\n", "block": "0x0002\n"}[vdpa.vdpa_class])
        _link(bus / "devices" / vdpa.name, directory)

    def _link_to_group_and_pf(self, directory: Path, device: Device) -> None:
        if device.iommu_group is not None:
            group = self._sys / "kernel/iommu_groups" / str(device.iommu_group)
            (group / "devices").mkdir(parents=True, exist_ok=True)
            _link(directory / "iommu_group", group)
            _link(group / "devices" / str(device.address), directory)
        if device.parent is None:
            return
        parent = self.directory_of(device.parent)
        _link(directory / "physfn", parent)
        if device.vf_number is not None and parent.is_dir():
            _link(parent / f"virtfn{device.vf_number}", directory)

    def _write_vpd(self, directory: Path, device: Device) -> None:
        path = directory / "vpd"
        if device.serial is not None:
            path.write_bytes(vpd(device.serial))
        elif device.serial_unknown in VPD_THAT_SAYS:
            path.write_bytes(VPD_THAT_SAYS[device.serial_unknown])
        else:
            path.mkdir()
        path.chmod(0o600 if path.is_file() else 0o700)

    def _write_node(self, node: NumaNode) -> None:
        directory = self._sys / f"devices/system/node/node{node.node}"
        directory.mkdir(parents=True)
        _write(f"{directory}/cpulist", f"{cpus_text(node.cpus)}\n")
        for place, cpu in enumerate(sorted(node.cpus)):
            topology = self._sys / f"devices/system/cpu/cpu{cpu}/topology"
            topology.mkdir(parents=True)
            # A node of several sockets has CPUs of both; one CPU alone is of none where its package is not known.
            several = place % 2 if len(node.cpus) > 1 else -1
            _write(f"{topology}/physical_package_id", f"{several if node.socket is None else node.socket}\n")


def files_of(device: Device) -> dict[str, str | bytes]:
    """File name → what the kernel writes in it, for the function's plain files."""
    files: dict[str, str | bytes] = {
        "vendor": f"0x{device.vendor_id}\n",
        "device": f"0x{device.product_id}\n",
        "numa_node": f"{-1 if device.numa_node is None else device.numa_node}\n",
        "driver_override": f"{device.driver_override or '(null)'}\n",
        **_link_files(device.link),
        **_sriov_files(device.sriov),
    }
    if device.class_code is not None:
        files["class"] = f"0x{device.class_code:06x}\n"
    if device.subsystem_vendor_id is not None:
        files["subsystem_vendor"] = f"0x{device.subsystem_vendor_id}\n"
    if device.subsystem_product_id is not None:
        files["subsystem_device"] = f"0x{device.subsystem_product_id}\n"
    if device.revision is not None:
        files["revision"] = f"0x{device.revision:02x}\n"
    if device.reset_methods:
        files["reset_method"] = f"{' '.join(device.reset_methods)}\n"
    if any(use.kind is HostUseKind.BOOT_DISPLAY for use in device.host_uses):
        files["boot_vga"] = "1\n"
    for fault in device.faults:
        name, _, written = fault.detail.partition(" holds ")
        if fault.kind is FaultKind.MISSING_FILE:
            del files[name.partition(":")[0]]
        elif fault.kind is FaultKind.UNDECODABLE:
            files[name] = ast.literal_eval(written)
    return files


def _link_files(link: Link | None) -> dict[str, str]:
    if link is None:
        return {}
    values = {"current_link": (link.speed, link.width), "max_link": (link.max_speed, link.max_width)}
    return {
        name: text
        for prefix, (speed, width) in values.items()
        for name, text in (
            (f"{prefix}_speed", "Unknown\n" if speed is None else f"{speed} GT/s PCIe\n"),
            (f"{prefix}_width", f"{width or 0}\n"),
        )
    }


def _sriov_files(sriov: Sriov | None) -> dict[str, str]:
    if sriov is None:
        return {}
    files = {"sriov_totalvfs": f"{sriov.total_vfs}\n", "sriov_numvfs": f"{sriov.num_vfs}\n"}
    if sriov.vf_product_id is not None:
        files["sriov_vf_device"] = f"{int(sriov.vf_product_id, 16):x}\n"
    if sriov.offset is not None:
        files["sriov_offset"] = f"{sriov.offset}\n"
    if sriov.stride is not None:
        files["sriov_stride"] = f"{sriov.stride}\n"
    return files


def vpd(serial: str | None, *, name: str = "a card", tail: int = 0) -> bytes:
    """VPD with this serial number (None: without one), and a checksum that is right if `tail` is 0."""
    fields = b"PN\x03X-1" + (b"" if serial is None else b"SN" + bytes([len(serial)]) + serial.encode("ascii"))
    read_only = fields + b"RV\x01"
    identifier = name.encode("ascii")
    head = b"\x82" + len(identifier).to_bytes(2, "little") + identifier + b"\x90" + (len(read_only) + 1).to_bytes(2, "little")
    start = head + read_only
    return start + bytes([(tail - sum(start)) & 0xFF]) + b"\x78"


VPD_THAT_SAYS = {NO_SERIAL: vpd(None), WRONG_SUM: vpd("X", tail=1), NOT_VPD: b"\x90\xff\xff"}
"""Reason why there is no serial number → VPD octets that give it."""


def _write(path: str, content: str | bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.write(file, content if isinstance(content, bytes) else content.encode())
    os.close(file)


def _link(path: Path, target: Path) -> None:
    """A relative link, as all of the kernel's are."""
    target_parts, home_parts = target.parts, path.parts[:-1]
    shared = next(
        (at for at, pair in enumerate(zip(target_parts, home_parts, strict=False)) if pair[0] != pair[1]), len(home_parts)
    )
    path.symlink_to("../" * (len(home_parts) - shared) + "/".join(target_parts[shared:]))
