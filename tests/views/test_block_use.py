# SPDX-License-Identifier: Apache-2.0
"""Mounts and swap, in the kernel's own lines."""

from pcipt_agent.views.block_use import mounts_in, swaps_in

MOUNTINFO = b"""\
22 28 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
28 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw,errors=remount-ro
90 28 259:1 / /boot/efi rw,relatime shared:47 - vfat /dev/nvme0n1p1 rw,fmask=0077
91 28 259:2 /srv /srv/bind rw,relatime shared:1 master:3 propagate_from:2 - ext4 /dev/nvme0n1p2 rw
92 28 8:17 / /mnt/a\\040-\\040b rw,relatime - ext4 /dev/sdb1 rw
93 28 0:44 /@home /home rw,relatime shared:49 - btrfs /dev/sdc rw,subvolid=257,subvol=/@home
94 28 0:44 /@ /h rw,relatime shared:49 - btrfs /dev/sdc rw,subvolid=257,subvol=/@
95 28 0:45 / /var/lib/x rw - overlay overlay rw
96 28 104:1 / /odd rw - ext4 /dev/cciss/c0d0p1 rw
97 28 0:46 / /pool rw - bcachefs /dev/sdd:/dev/cciss/c0d1 rw
98 28 7:0 / /none rw - ext4
"""


def test_a_mount_is_told_by_its_number_and_where_it_is_shortest() -> None:
    assert mounts_in(MOUNTINFO).by_number == {
        "259:2": "/",
        "259:1": "/boot/efi",
        "8:17": "/mnt/a\\040-\\040b",
        "104:1": "/odd",
    }


def test_a_mount_without_a_number_of_its_own_is_told_by_its_sources() -> None:
    assert mounts_in(MOUNTINFO).by_source == {"sdc": "/h", "sdd": "/pool", "cciss!c0d1": "/pool"}


def test_swap_partitions_are_told_by_name() -> None:
    swaps = b"""Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority
/dev/sda3                               partition\t2097148\t\t0\t\t-2
/dev/dm-1                               partition\t2097148\t\t0\t\t-3
/dev/sdb1\\040(deleted)                  partition\t1\t\t0\t\t-5
/dev/sda3                               file\t\t2097148\t\t0\t\t-4
/swap\\040file\\040(deleted)             file\t\t2097148\t\t0\t\t-5
"""
    assert swaps_in(swaps) == ("sda3", "dm-1", "sdb1")
    assert swaps_in(b"") == ()
