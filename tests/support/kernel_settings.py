# SPDX-License-Identifier: Apache-2.0
"""A kernel that obeys: what is written to a kernel-shaped tree has the consequences that it has on a real one.

Files are written by the real adapter, so a file that is not there, or may not be written, is refused as the real one refuses it.

Source: drivers/pci/iov.c (sriov_numvfs_store), drivers/pci/pci-sysfs.c (driver_override_store), drivers/base/bus.c (bind_store).
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from pcipt_agent.adapters.kernel_settings import SysfsSettings
from pcipt_agent.core.address import PciAddress, parse_address
from pcipt_agent.core.device import Device, DeviceType, Sriov, VdpaDevice
from pcipt_agent.core.host import Host
from pcipt_agent.errors import HostError
from pcipt_agent.readers import reader_at
from tests.support.hosttree import HostTree

VFS_OF = Callable[[Device, int], Sequence[Device]]


def pf(address: PciAddress, *, vfs: int = 0, total_vfs: int = 8, driver: str | None = "mlx5_core") -> Device:
    """A NIC's PF; without VFs of its own, which `vf` makes."""
    return Device(
        address=address,
        device_type=DeviceType.PF,
        vendor_id="15b3",
        product_id="101d",
        class_code=0x020000,
        driver=driver,
        sriov=Sriov(total_vfs, vfs, "101e", 2, 1),
    )


def vf(parent: PciAddress, number: int, *, driver: str | None = None) -> Device:
    """VF `number` of the PF, at the address that offset 2 and stride 1 give it."""
    place = parent.function + 2 + number
    return Device(
        address=parent._replace(slot=parent.slot + place // 8, function=place % 8),
        device_type=DeviceType.VF,
        vendor_id="15b3",
        product_id="101e",
        class_code=0x020000,
        driver=driver,
        parent=parent,
        vf_number=number,
    )


class ObeyingKernel:
    """`ports.KernelSettings` over a tree. Which drivers it has is said; so is who ignores what it is told."""

    def __init__(self, root: Path, *devices: Device, drivers: Sequence[str] = ("vfio-pci",)) -> None:
        host = Host(devices={each.address: each for each in devices}, numa_nodes={}, boot_id="x")
        self.tree = HostTree(root, host)
        self.root = root
        self.modules = set(drivers)
        self.unbindable: set[str] = set()
        """Drivers that take no device."""
        self.deaf: set[str] = set()
        """Files, by their last part, that take every value and keep their own."""
        self.vdpa_driver: str | None = "vhost_vdpa"
        """Who takes a new vDPA device by itself."""
        self.makes_vdpa = True
        """Whether the module that makes vDPA devices is loaded."""
        self.writes: list[tuple[str, str]] = []
        self._files = SysfsSettings(root)
        for device in devices:
            if device.sriov is not None:
                self.tree.write(device.address, "sriov_drivers_autoprobe", content=b"1\n")

    def host(self) -> Host:
        """As the real reader sees it."""
        return reader_at(self.root).read()

    def is_there(self, path: str) -> bool:
        return self._files.is_there(path)

    def read(self, path: str) -> str | None:
        return self._files.read(path)

    def goal(self, path: str) -> str | None:
        return self._files.goal(path)

    def write(self, path: str, value: str) -> None:
        self.writes.append((path, value))
        match path.split("/"):
            case [*_, name] if name in self.deaf:
                return
            case ["bus", "pci", "devices", address, "sriov_numvfs"]:
                self._make_vfs(address, int(value))
            case ["bus", bus, "devices", name, "driver", "unbind"]:
                assert name == value
                self._unbind(bus, name)
            case ["bus", bus, "drivers", driver, "bind"]:
                self._bind(bus, value, driver)
            case _:
                self._files.write(path, value)

    def load_module(self, name: str) -> None:
        if name not in self.modules:
            raise HostError(f"modprobe {name}", f"modprobe: FATAL: Module {name} not found")
        bus = "vdpa" if name == "vhost_vdpa" else "pci"
        (self.root / f"sys/bus/{bus}/drivers" / name).mkdir(parents=True, exist_ok=True)

    def add_vdpa(self, name: str, management_device: str) -> None:
        address = parse_address(management_device.removeprefix("pci/"))
        assert address is not None
        if not self.makes_vdpa or self.goal(f"bus/pci/devices/{address}/driver") not in ("mlx5_core", "vp-vdpa"):
            raise HostError(f"vdpa dev add name {name}", "kernel answers: Operation not supported")
        self.tree.add_vdpa(address, VdpaDevice(name, "net", self.vdpa_driver, f"/dev/vhost-{name}"))
        (self.root / f"sys/bus/vdpa/devices/{name}/driver_override").write_text("(null)\n")

    def _make_vfs(self, address: str, number: int) -> None:
        found = parse_address(address)
        assert found is not None
        device = self.host().devices[found]
        assert device.sriov is not None
        if device.sriov.num_vfs and number:
            raise HostError(address, "Device or resource busy")
        probe = self.read(f"bus/pci/devices/{address}/sriov_drivers_autoprobe") == "1"
        self.tree.set_num_vfs(device, [vf(found, each, driver=device.driver if probe else None) for each in range(number)])

    def _unbind(self, bus: str, name: str) -> None:
        link = self.root / f"sys/bus/{bus}/devices/{name}/driver"
        (link.resolve() / name).unlink(missing_ok=True)
        link.unlink()

    def _bind(self, bus: str, name: str, driver: str) -> None:
        if self.read(f"bus/{bus}/devices/{name}/driver_override") != driver or driver in self.unbindable:
            raise HostError(f"bus/{bus}/drivers/{driver}/bind", f"would not take {name!r}: No such device")
        (self.root / f"sys/bus/{bus}/devices/{name}/driver").symlink_to(self.root / f"sys/bus/{bus}/drivers/{driver}")
