# SPDX-License-Identifier: Apache-2.0
"""What a tree says of firmware and kernel.

Does not know: what it means for the agent (`core.platform_findings`).
Source: Documentation/ABI/testing/sysfs-firmware-acpi; kbuild's modules.dep and modules.builtin; proc(5), cpuinfo.
"""

from pathlib import Path

from pcipt_agent.adapters.checkup.files import names, text
from pcipt_agent.core.diagnosis import Unseen
from pcipt_agent.core.platform_findings import BootLoader, Platform, VfioPci


def read_platform(root: Path) -> Platform:
    """What the tree at `root` says of firmware and kernel; nothing where `root` is a description of a host."""
    if root.is_file():
        silent = Unseen("a described host does not say it")
        return Platform(
            cpu_vendor=silent,
            firmware_tables=silent,
            command_line=silent,
            kernel=silent,
            vfio_pci=silent,
            boot_loader=BootLoader.OTHER,
        )
    kernel = text(root / "proc/sys/kernel/osrelease")
    command_line = text(root / "proc/cmdline")
    return Platform(
        cpu_vendor=_cpu_vendor(root),
        firmware_tables=names(root / "sys/firmware/acpi/tables"),
        command_line=command_line if isinstance(command_line, Unseen) else tuple(command_line.split()),
        kernel=kernel if isinstance(kernel, Unseen) else kernel.strip(),
        vfio_pci=_vfio_pci(root, kernel),
        boot_loader=_boot_loader(root),
    )


def _cpu_vendor(root: Path) -> str | Unseen | None:
    read = text(root / "proc/cpuinfo")
    if isinstance(read, Unseen):
        return read
    found = (line.partition(":")[2].strip() for line in read.splitlines() if line.startswith("vendor_id"))
    return next(found, None)


def _vfio_pci(root: Path, kernel: str | Unseen) -> VfioPci | Unseen:
    if (root / "sys/module/vfio_pci").is_dir() or (root / "sys/bus/pci/drivers/vfio-pci").is_dir():
        return VfioPci.LOADED
    if isinstance(kernel, Unseen):
        return kernel
    modules = root / "lib/modules" / kernel.strip()
    if _lists_vfio_pci(text(modules / "modules.builtin")):
        return VfioPci.BUILT_IN
    loadable = text(modules / "modules.dep")
    if isinstance(loadable, Unseen):
        return Unseen(loadable.why, "modinfo vfio-pci")
    return VfioPci.AVAILABLE if _lists_vfio_pci(loadable) else VfioPci.ABSENT


def _lists_vfio_pci(read: str | Unseen) -> bool:
    """Whether a line is of vfio-pci.ko, compressed or not."""
    lines = [] if isinstance(read, Unseen) else read.splitlines()
    return any(line.partition(":")[0].rpartition("/")[2].startswith("vfio-pci.ko") for line in lines)


def _boot_loader(root: Path) -> BootLoader:
    if any((root / place).exists() for place in ("usr/sbin/grubby", "sbin/grubby", "usr/bin/grubby")):
        return BootLoader.GRUBBY
    if (root / "usr/sbin/update-grub").exists() and (root / "etc/default/grub").exists():
        return BootLoader.UPDATE_GRUB
    return BootLoader.OTHER
