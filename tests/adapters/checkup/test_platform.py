# SPDX-License-Identifier: Apache-2.0
"""Firmware and kernel read from trees: what is there, what is missing, and what can't be read."""

from pathlib import Path

import pytest

from pcipt_agent.adapters.checkup.platform import read_platform
from pcipt_agent.core.diagnosis import Unseen
from pcipt_agent.core.platform_findings import BootLoader, VfioPci

RELEASE = "6.12.48+deb13-amd64"


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "sys/firmware/acpi/tables").mkdir(parents=True)
    (tmp_path / "sys/firmware/acpi/tables/DMAR").touch()
    write(
        tmp_path,
        proc__cpuinfo="processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: x\n\nprocessor\t: 1\nvendor_id\t: GenuineIntel\n",
        proc__cmdline="BOOT_IMAGE=/vmlinuz root=/dev/sda1 intel_iommu=on quiet\n",
        proc__sys__kernel__osrelease=f"{RELEASE}\n",
    )
    return tmp_path


def modules(root: Path, name: str, text: str) -> None:
    directory = root / "lib/modules" / RELEASE
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_text(text)


def test_what_the_tree_says_is_read(root: Path) -> None:
    found = read_platform(root)
    assert found.cpu_vendor == "GenuineIntel"
    assert found.firmware_tables == frozenset({"DMAR"})
    assert not isinstance(found.command_line, Unseen)
    assert "intel_iommu=on" in found.command_line
    assert found.kernel == RELEASE


def test_a_processor_without_vendor_id_has_none(root: Path) -> None:
    write(root, proc__cpuinfo="processor\t: 0\nBogoMIPS\t: 50.00\nCPU implementer\t: 0x41\n")
    assert read_platform(root).cpu_vendor is None


@pytest.mark.parametrize("suffix", ["", ".xz", ".zst", ".gz"])
def test_vfio_pci_is_found_where_the_kernel_has_it(root: Path, suffix: str) -> None:
    modules(
        root, "modules.dep", f"kernel/drivers/vfio/pci/mlx5/mlx5-vfio-pci.ko{suffix}: kernel/drivers/vfio/pci/vfio-pci-core.ko\n"
    )
    assert read_platform(root).vfio_pci is VfioPci.ABSENT
    modules(root, "modules.dep", f"kernel/drivers/vfio/pci/vfio-pci.ko{suffix}: kernel/drivers/vfio/pci/vfio-pci-core.ko{suffix}\n")
    assert read_platform(root).vfio_pci is VfioPci.AVAILABLE
    modules(root, "modules.builtin", "kernel/drivers/vfio/pci/vfio-pci.ko\n")
    assert read_platform(root).vfio_pci is VfioPci.BUILT_IN
    (root / "sys/module/vfio_pci").mkdir(parents=True)
    assert read_platform(root).vfio_pci is VfioPci.LOADED


def test_a_vfio_pci_that_is_built_in_and_shows_its_driver_alone_is_there(root: Path) -> None:
    (root / "sys/bus/pci/drivers/vfio-pci").mkdir(parents=True)
    assert read_platform(root).vfio_pci is VfioPci.LOADED


def test_without_a_list_of_modules_it_is_not_known(root: Path) -> None:
    found = read_platform(root).vfio_pci
    assert isinstance(found, Unseen)
    assert (f"{RELEASE}/modules.dep: No such file" in found.why, found.mend) == (True, "modinfo vfio-pci")


def test_the_boot_loader_s_own_tool_is_found(root: Path) -> None:
    assert read_platform(root).boot_loader is BootLoader.OTHER
    write(root, usr__sbin__update_grub="", etc__default__grub="")
    (root / "usr/sbin/update_grub").rename(root / "usr/sbin/update-grub")
    assert read_platform(root).boot_loader is BootLoader.UPDATE_GRUB
    write(root, usr__sbin__grubby="")
    assert read_platform(root).boot_loader is BootLoader.GRUBBY


def test_an_empty_tree_says_of_each_fact_why_it_is_not_known(tmp_path: Path) -> None:
    found = read_platform(tmp_path)
    for fact in (found.cpu_vendor, found.firmware_tables, found.command_line, found.kernel, found.vfio_pci):
        assert isinstance(fact, Unseen)
        assert fact.why.startswith(f"{tmp_path}/")


def test_odd_files_are_no_end_of_it(root: Path) -> None:
    for name in ("proc/cpuinfo", "proc/cmdline"):
        (root / name).write_bytes(b"\xff\x00vendor_id\n")
    (root / "proc/sys/kernel/osrelease").unlink()
    (root / "proc/sys/kernel/osrelease").mkdir()
    found = read_platform(root)
    assert found.cpu_vendor is None
    assert isinstance(found.kernel, Unseen)
    assert isinstance(found.vfio_pci, Unseen)


def test_a_described_host_says_none_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.host").write_text("host boot x\n")
    found = read_platform(tmp_path / "a.host")
    assert {found.kernel, found.firmware_tables, found.vfio_pci} == {Unseen("a described host does not say it")}
