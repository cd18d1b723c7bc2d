# SPDX-License-Identifier: Apache-2.0
"""What the host itself uses of its functions: network interfaces and disks, read from /proc and /sys under a root.

Of this machine's own addresses and routes the kernel is asked over rtnetlink, which says more than /proc (`views.route_dump`); of
another root only /proc counts.

It goes from the evidence to the function, never through all interfaces: an address, a route, a mount names what it is on, and what
is over a network interface is almost always virtual, of which a host has few; so 4096 interfaces that nobody uses cost nothing.
Of each kind one use of a function is told.

Not seen: what another network or mount namespace uses and this one does not, ZFS pools (their disks have no holders), the log of a
file system on a disk of its own, a raw disk that a process has open, a network interface that is driven past the kernel (DPDK,
RDMA); under another root also what /proc does not say (`views.net_use`).

Does not know: what the texts mean (`views.net_use`, `views.block_use`, `views.host_names`), the boot display, which the function's
own files tell (`views.kernel`).
Source: Documentation/ABI: testing/sysfs-class-net, stable/sysfs-block, testing/sysfs-fs-btrfs; Documentation/filesystems/proc.rst.
"""

import errno
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

from pcipt_agent.adapters.sysfs.files import raise_ours, why
from pcipt_agent.core.device import HostUse, HostUseKind
from pcipt_agent.errors import HostError
from pcipt_agent.views.block_use import held, mounted, mounts_in, part_of_btrfs, swap, swaps_in
from pcipt_agent.views.host_names import functions_in, nvme_head_in, rank, shown
from pcipt_agent.views.net_use import NetTexts, Told, netdev_uses

_NOT_THERE = (errno.ENOENT, errno.ENODEV, errno.ENOTDIR)
_BESIDE_TOLD = ("if_inet6",)
"""What of /proc/net is wanted beside what the kernel tells."""
_UP = 0x1
"""IFF_UP."""


def host_uses(root: Path, ask: Callable[[], Told] | None = None) -> Mapping[str, tuple[HostUse, ...]]:
    """Name of the function → how the host uses it, for those that it uses; `ask` asks the kernel, where the host is its own.

    Raises HostError where evidence is there and can't be read: what is not known to be unused must not look so.
    """
    found = _Found()
    said = netdev_uses(_net_texts(root)) if ask is None else netdev_uses(_net_texts(root, _BESIDE_TOLD), ask())
    _take_netdevs(root, said, found=found)
    _take_blocks(root, found)
    return found.by_function()


class _Found:
    """Of each function, one use of each kind: the one with the shortest words, so that it seldom changes."""

    def __init__(self) -> None:
        self._found: dict[str, dict[HostUseKind, HostUse]] = {}

    def take(self, functions: Iterable[str], use: HostUse) -> None:
        for function in functions:
            uses = self._found.setdefault(function, {})
            uses[use.kind] = min(use, uses.get(use.kind, use), key=lambda each: rank(each.detail))

    def has(self, function: str, kind: HostUseKind) -> bool:
        return kind in self._found.get(function, {})

    def by_function(self) -> dict[str, tuple[HostUse, ...]]:
        return {function: tuple(uses[kind] for kind in HostUseKind if kind in uses) for function, uses in self._found.items()}


def _net_texts(root: Path, names: Collection[str] = NetTexts._fields) -> NetTexts:
    return NetTexts(*[_text(f"{root}/proc/net/{name}") if name in names else b"" for name in NetTexts._fields])


def _take_netdevs(root: Path, said: Mapping[str, tuple[HostUse, ...]], *, found: _Found) -> None:
    netdevs = f"{root}/sys/class/net"
    uppers = {name: f"{root}/sys/devices/virtual/net/{name}" for name in _listed(f"{root}/sys/devices/virtual/net")}
    for name, uses in said.items():
        # Not all uppers are virtual: Hyper-V's and virtio's failover interfaces are over a VF's.
        uppers[name] = f"{netdevs}/{name}"
        functions = functions_in(_led_to(f"{netdevs}/{name}"))
        if functions and _is_up(f"{netdevs}/{name}/flags"):
            for use in uses:
                found.take(functions, use)
    for upper, path in uppers.items():
        for lower in _lowers(path):
            functions = functions_in(_led_to(f"{path}/{lower}"))
            name = shown(lower.removeprefix("lower_"))
            found.take(functions, HostUse(HostUseKind.ENSLAVED, f"{shown(upper)} is over {name}"))


def _lowers(netdev: str) -> list[str]:
    """The links to the network interfaces that it is over; a tap is over none, and a host has one of it for each guest."""
    return [] if _is_there(f"{netdev}/tun_flags") else [name for name in _listed_of_one(netdev) if name.startswith("lower_")]


def _is_up(path: str) -> bool:
    """Also where it can't be known: it has an address or a route, which a network interface that is down has not."""
    try:
        flags = Path(path).read_bytes()
        return bool(int(flags, 16) & _UP)
    except OSError as error:
        raise_ours(error, path)
        return True
    except ValueError:
        return True


def _take_blocks(root: Path, found: _Found) -> None:
    blocks = f"{root}/sys/class/block"
    functions = _FunctionsOfBlocks(root)
    mounts = mounts_in(_text(f"{root}/proc/self/mountinfo"))
    by_number = {_led_to(f"{root}/sys/dev/block/{number}").rpartition("/")[2]: at for number, at in mounts.by_number.items()}
    for name, target in (*by_number.items(), *mounts.by_source.items()):
        found.take(functions.of(name), mounted(name, target))
    for name in _members_of_btrfs(root):
        found.take(functions.of(name), part_of_btrfs(name))
    for name in swaps_in(_text(f"{root}/proc/swaps")):
        found.take(functions.of(name), swap(name))
    for name in sorted(_listed(blocks), key=rank):
        served = functions.of(name)
        # A host may have thousands of disks behind one adapter: one that is held is enough.
        if not all(found.has(function, HostUseKind.HOLDER) for function in served):
            for holder in _listed_of_one(f"{blocks}/{name}/holders"):
                found.take(served, held(name, holder))


class _FunctionsOfBlocks:
    """Which functions serve a block device."""

    def __init__(self, root: Path) -> None:
        self._blocks = f"{root}/sys/class/block"
        self._subsystems = f"{root}/sys/class/nvme-subsystem"

    def of(self, name: str) -> tuple[str, ...]:
        """None for one that is virtual, or not there."""
        path = _led_to(f"{self._blocks}/{name}")
        head = nvme_head_in(path)
        if head is None:
            return functions_in(path)
        links = [f"{self._subsystems}/{head.subsystem}/{each}" for each in _listed_of_one(f"{self._subsystems}/{head.subsystem}")]
        controllers = {link: functions for link in links if (functions := functions_in(_led_to(link)))}
        reaching = [link for link in controllers if _is_there(f"{link}/{head.path_of(link.rpartition('/')[2])}")]
        # Which controllers reach it is not always to be seen; then all of them may.
        return tuple(function for link in reaching or controllers for function in controllers[link])


def _members_of_btrfs(root: Path) -> Iterator[str]:
    """The block devices of all btrfs that are mounted, of which /proc names one each."""
    for file_system in _listed(f"{root}/sys/fs/btrfs"):
        yield from _listed_of_one(f"{root}/sys/fs/btrfs/{file_system}/devices")


def _text(path: str) -> bytes:
    """What the file holds; nothing where the kernel has no such file (IPv6 is off). Raises HostError where it can't be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        if error.errno in _NOT_THERE:
            return b""
        raise HostError(path, why(error)) from error


def _listed(path: str) -> list[str]:
    """What the directory lists; nothing where it is not there. Raises HostError where it can't be read."""
    try:
        return os.listdir(path)
    except OSError as error:
        if error.errno in _NOT_THERE:
            return []
        raise HostError(path, why(error)) from error


def _listed_of_one(path: str) -> list[str]:
    """As `_listed`, of one interface or disk: whatever is odd about it, or gone, is its own trouble."""
    try:
        return os.listdir(path)
    except ValueError:  # a name with a NUL in it
        return []
    except OSError as error:
        raise_ours(error, path)
        return []


def _led_to(path: str) -> str:
    """Where the link leads, as written in it; nothing where there is none."""
    try:
        return os.readlink(path)
    except (OSError, ValueError):
        return ""


def _is_there(path: str) -> bool:
    return os.path.lexists(path)
