# SPDX-License-Identifier: Apache-2.0
"""Disks that the host uses: mounted, swap, held; by whatever file system, through whatever is between."""

from pathlib import Path

from tests.adapters.host_use.seen import DISK, OTHER, directory_of, found
from tests.support.in_use import InUse, link


def test_a_disk_that_is_only_there_is_not_used(root: Path, disk: str) -> None:
    assert (root / "sys/class/block" / disk).is_dir()
    assert found(root) == {}


def test_a_mounted_disk_is_used_and_its_shortest_mount_point_told(root: Path, used: InUse, disk: str) -> None:
    used.mount(disk, "/srv/data")
    used.mount(disk, "/srv")
    assert found(root) == {DISK: ["mounted: sda is mounted on /srv"]}


def test_a_mounted_partition_is_its_disks(root: Path, used: InUse, disk: str) -> None:
    used.add_disk(root, "sda2")
    used.mount("sda2", "/mnt/a\\040b")
    assert found(root) == {DISK: ["mounted: sda2 is mounted on /mnt/a\\040b"]}
    assert disk


def test_a_swap_partition_is_used_and_a_swap_file_is_not_looked_for(root: Path, used: InUse, disk: str) -> None:
    used.add_swap("/swapfile\\040(deleted)                 file\t\t2097148\t\t0\t\t-2")
    used.add_swap(f"/{disk}                 file\t\t2097148\t\t0\t\t-2")
    assert found(root) == {}
    used.add_swap(f"/dev/{disk}                                partition\t2097148\t\t0\t\t-3")
    assert found(root) == {DISK: ["swap: sda is swap"]}


def test_a_disk_or_partition_with_a_holder_is_used(root: Path, used: InUse, disk: str) -> None:
    used.add_disk(root, "sda1")
    used.hold("sda1", "dm-0")
    assert found(root) == {DISK: ["holder: dm-0 is over sda1"]}
    used.hold(disk, "md127")
    assert found(root) == {DISK: ["holder: md127 is over sda"]}


def test_every_member_of_a_mounted_btrfs_is_used(root: Path, used: InUse, disk: str) -> None:
    used.add_disk(directory_of(root, OTHER) / "nvme/nvme0", "nvme0n1")
    used.add_mount("40 1 0:44 /root / rw,relatime - btrfs /dev/sda rw,subvol=/root")
    assert found(root) == {DISK: ["mounted: sda is mounted on /"]}
    for name in (disk, "nvme0n1"):
        link(root / "sys/fs/btrfs/8a3c" / "devices" / name, (root / "sys/class/block" / name).resolve())
    assert found(root) == {
        DISK: ["mounted: sda is mounted on /"],
        OTHER: ["mounted: nvme0n1 is part of a mounted btrfs"],
    }


def test_bcachefs_names_all_its_disks(root: Path, used: InUse, disk: str) -> None:
    used.add_disk(directory_of(root, OTHER) / "nvme/nvme0", "nvme0n1")
    used.add_mount(f"40 1 0:44 / /srv rw - bcachefs /dev/{disk}:/dev/nvme0n1 rw")
    assert found(root) == {DISK: ["mounted: sda is mounted on /srv"], OTHER: ["mounted: nvme0n1 is mounted on /srv"]}


def test_of_an_nvme_namespace_those_controllers_are_used_that_reach_it(root: Path, used: InUse) -> None:
    subsystem = root / "sys/devices/virtual/nvme-subsystem/nvme-subsys0"
    link(root / "sys/class/nvme-subsystem/nvme-subsys0", subsystem)
    names = ("0000:41:00.0", "0000:41:00.1", "0000:41:00.2")
    for number, name in enumerate(names):
        controller = directory_of(root, names[0]).with_name(name) / f"nvme/nvme{number}"
        controller.mkdir(parents=True)
        subsystem.mkdir(parents=True, exist_ok=True)
        link(subsystem / f"nvme{number}", controller)
    used.add_disk(subsystem, "nvme0n3")
    used.add_disk(subsystem, "nvme0n3p1")
    used.mount("nvme0n3p1", "/")
    told = ["mounted: nvme0n3p1 is mounted on /"]
    assert found(root) == dict.fromkeys(names, told)
    for number in (0, 2):
        (subsystem / f"nvme{number}/nvme0c{number}n3").mkdir()
    (subsystem / "nvme1/nvme0c1n4").mkdir()
    assert found(root) == {names[0]: told, names[2]: told}


def test_a_function_with_a_root_bus_of_its_own_is_used_with_what_is_behind_it(root: Path, used: InUse) -> None:
    vmd, disk = "0000:64:00.5", "10000:e1:00.0"
    bridge = directory_of(root, vmd) / "pci10000:e0/10000:e0:02.0"
    used.add_disk(bridge / disk / "nvme/nvme0", "nvme0n1")
    used.mount("nvme0n1", "/")
    assert sorted(found(root)) == [vmd, disk]


def test_what_is_mounted_from_no_function_is_nobodys(root: Path, used: InUse) -> None:
    used.add_disk(root / "sys/devices/platform/host7/session1/target7:0:0/7:0:0:1", "sdb")
    used.mount("sdb", "/srv")
    used.add_mount("41 1 0:45 / /nfs rw - nfs4 server:/export rw")
    used.add_mount("42 1 9:127 / /gone rw - ext4 /dev/md127 rw")
    assert found(root) == {}
