# SPDX-License-Identifier: Apache-2.0
"""What /proc says of how the host uses its block devices: mounts and swap.

A swap file needs no look: the file system that it is in is mounted. A mount whose device number is no block device's (btrfs, and
whatever spans several) is told by the name of its source.

Does not know: files, links, functions, holders.
Source: Documentation/filesystems/proc.rst (mountinfo), fs/proc_namespace.c, mm/swapfile.c (swap_show).
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from pcipt_agent.core.device import HostUse, HostUseKind
from pcipt_agent.views.host_names import name_of, rank, shown

_MOUNT = re.compile(rb"\d+ \d+ (\d+):(\d+) \S+ (\S+) [^\n]*?- \S+ (\S*)")
_SWAP = re.compile(rb"/dev/(\S+?)(?:\\040\(deleted\))?\s+partition\s")
"""The node may have been removed, or made anew, since it became swap; the kernel says so in its name (fs/d_path.c)."""


class Mounts(NamedTuple):
    """Mount points, the shortest of each."""

    by_number: dict[str, str]
    """Major and minor number, as in 8:2, → where it is mounted."""
    by_source: dict[str, str]
    """Name of a block device → where what has no number of its own is mounted from it."""


def mounts_in(mountinfo: bytes) -> Mounts:
    """A line that can't be understood is passed over."""
    mounts = Mounts({}, {})
    for line in mountinfo.split(b"\n"):
        parts = _MOUNT.match(line)
        if parts is None:
            continue
        major, minor, target, source = parts.groups()
        if major != b"0":
            _keep(mounts.by_number, [f"{int(major)}:{int(minor)}"], shown(name_of(target)))
        elif source.startswith(b"/dev/"):
            # bcachefs writes all its devices, with colons between them.
            _keep(mounts.by_source, [_name(each) for each in source.split(b":")], shown(name_of(target)))
    return mounts


def _keep(shortest: dict[str, str], keys: Iterable[str], target: str) -> None:
    for key in keys:
        shortest[key] = min(target, shortest.get(key, target), key=rank)


def swaps_in(swaps: bytes) -> tuple[str, ...]:
    """The block devices that are swap, by name."""
    return tuple(_name(b"/dev/" + each[1]) for each in map(_SWAP.match, swaps.split(b"\n")) if each is not None)


def _name(path: bytes) -> str:
    """The kernel's name of /dev/NAME: it writes `!` where the node has `/`."""
    return name_of(path.removeprefix(b"/dev/")).replace("/", "!")


def mounted(name: str, target: str) -> HostUse:
    return HostUse(HostUseKind.MOUNTED, f"{shown(name)} is mounted on {target}")


def part_of_btrfs(name: str) -> HostUse:
    """Of which only one device is named where it is mounted."""
    return HostUse(HostUseKind.MOUNTED, f"{shown(name)} is part of a mounted btrfs")


def swap(name: str) -> HostUse:
    return HostUse(HostUseKind.SWAP, f"{shown(name)} is swap")


def held(name: str, holder: str) -> HostUse:
    return HostUse(HostUseKind.HOLDER, f"{shown(holder)} is over {shown(name)}")
