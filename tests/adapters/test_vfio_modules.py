# SPDX-License-Identifier: Apache-2.0
"""modules.alias of the kernel that runs: read once, again when it has changed, and not missed where it is not there."""

import os
from pathlib import Path

import pytest

from pcipt_agent.adapters.sysfs import SysfsReader
from pcipt_agent.adapters.sysfs.vfio_modules import vfio_modules
from pcipt_agent.views.description import parse_description
from tests.support.hosttree import HostTree

ALIAS = "alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci\n"


def write(root: Path, release: str, *, aliases: str) -> Path:
    """The tree's kernel is this release, with these aliases."""
    (root / "proc/sys/kernel").mkdir(parents=True, exist_ok=True)
    (root / "proc/sys/kernel/osrelease").write_text(f"{release}\n")
    path = root / "lib/modules" / release / "modules.alias"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(aliases)
    return path


def test_the_modules_are_the_running_kernels(tmp_path: Path) -> None:
    write(tmp_path, "6.12.48+deb13-amd64", aliases="alias vfio_pci:x hisi_acc_vfio_pci\n")
    write(tmp_path, "5.15.0-91-generic", aliases=ALIAS)
    assert vfio_modules(tmp_path) == {"mlx5_vfio_pci"}


def test_an_unchanged_file_is_read_once_and_a_changed_one_again(tmp_path: Path) -> None:
    path = write(tmp_path, "5.15.0", aliases=ALIAS)
    first = vfio_modules(tmp_path)
    assert vfio_modules(tmp_path) is first
    path.write_text(ALIAS + "alias vfio_pci:y vendor_vfio\n")
    assert vfio_modules(tmp_path) == {"mlx5_vfio_pci", "vendor_vfio"}
    os.utime(path, ns=(1, 1))
    assert vfio_modules(tmp_path) == {"mlx5_vfio_pci", "vendor_vfio"}


@pytest.mark.parametrize("release", ["", ".", "..", "../5.15.0", "5.15.0/..", "5.15.0\0", "no\nline", "\udcff", "6.1"])
def test_a_release_that_is_none_or_has_no_modules_has_none_for_vfio(tmp_path: Path, release: str) -> None:
    write(tmp_path, "5.15.0", aliases=ALIAS)
    (tmp_path / "proc/sys/kernel/osrelease").write_bytes(os.fsencode(release))
    assert vfio_modules(tmp_path) == frozenset()
    assert vfio_modules(tmp_path / "nothing") == frozenset()


def test_an_older_kernels_variant_driver_is_known_by_its_module(tmp_path: Path) -> None:
    text = "host boot x\n0000:3b:00.1 15b3:101e PCI driver mlx5_vfio_pci\n  class 020000\n"
    tree = HostTree(tmp_path, parse_description(text, "a.host"))
    reader = SysfsReader(tmp_path)
    assert [device.vfio_driver for device in reader.read().devices.values()] == [False]
    write(tmp_path, "5.15.0", aliases=ALIAS)
    assert [device.vfio_driver for device in reader.read().devices.values()] == [False]
    (tmp_path / "sys/module/mlx5_vfio_pci").mkdir(parents=True)
    (tmp_path / "sys/bus/pci/drivers/mlx5_vfio_pci/module").symlink_to("../../../../module/mlx5_vfio_pci")
    assert [device.vfio_driver for device in reader.read().devices.values()] == [True]
    for device in reader.read().devices.values():
        tree.unbind(device.address)
    assert [device.vfio_driver for device in reader.read().devices.values()] == [False]


def test_a_drivers_functions_are_known_by_what_the_vfio_core_shows_of_them(tmp_path: Path) -> None:
    text = "host boot x\n0000:3b:00.1 15b3:101e PCI driver nvidia vfio\n  class 020000\n"
    host = parse_description(text, "a.host")
    tree = HostTree(tmp_path, host)
    assert SysfsReader(tmp_path).read() == host
    for address in host.devices:
        (tree.directory_of(address) / "vfio-dev/vfio0").rmdir()
    assert [device.vfio_driver for device in SysfsReader(tmp_path).read().devices.values()] == [False]
