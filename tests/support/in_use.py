# SPDX-License-Identifier: Apache-2.0
"""What the host itself uses, in a kernel-shaped tree: interfaces with addresses, mounted disks, and all that is over them.

    used = InUse(root)
    used.add_netdev(directory_of_the_function, "eth0")
    used.add_address("eth0", "192.0.2.7/24")

Each method leaves the files of /proc and /sys as the kernel would after the same happening (compared with Linux 6.18): an address
brings its connected route, an interface that is up its link-local address.

Does not know: who reads it.
Source: net/ipv4/fib_trie.c, net/ipv6/route.c, net/ipv6/addrconf.c, Documentation/filesystems/proc.rst.
"""

import os
import re
import sys
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network, ip_interface, ip_network
from pathlib import Path

from pcipt_agent.core.device import HostUse, HostUseKind

_CLAUSES = {
    HostUseKind.ADDRESS: r"(?P<one>\S+) has (?P<other>\S+)",
    HostUseKind.ROUTE: r"(?P<one>\S+) carries (a route to )?(?P<other>.+)",
    HostUseKind.ENSLAVED: r"(?P<other>\S+) is over (?P<one>\S+)",
    HostUseKind.MOUNTED: r"(?P<one>\S+) is mounted on (?P<other>\S+)",
    HostUseKind.SWAP: r"(?P<one>\S+) is (?P<other>swap)",
    HostUseKind.HOLDER: r"(?P<other>\S+) is over (?P<one>\S+)",
}
_PARTITION = re.compile(r"(nvme\d+n\d+)p\d+|([sv]d[a-z]+)\d+")
_NOBODY = "00" * 16


class InUse:
    """What is used of the tree at `root`, which has directories of functions already or gets them later."""

    def __init__(self, root: Path) -> None:
        self._proc, self._sys = root / "proc", root / "sys"
        self._disks = 0

    def add_netdev(self, directory: Path, name: str, *, mac: str | None = None) -> None:
        """A network interface below the directory; it is down."""
        child = directory / "net" / name
        child.mkdir(parents=True)
        (child / "address").write_text(f"{mac or ''}\n")
        (child / "flags").write_text("0x1002\n")
        link(self._sys / "class/net" / name, child)

    def add_virtual(self, name: str) -> Path:
        """A network interface that belongs to no hardware: a bond, a bridge, a VLAN."""
        directory = self._sys / "devices/virtual"
        if not (directory / "net" / name).is_dir():
            self.add_netdev(directory, name)
        return directory / "net" / name

    def bring_up(self, netdev: str) -> None:
        """It is up, so the kernel gives it a link-local IPv6 address, and a route for those and for multicast."""
        (self._sys / "class/net" / netdev / "flags").write_text("0x1003\n")
        self._add_ipv6_address(IPv6Interface("fe80::fc:ff:fe00:1/64"), netdev)
        self._add_ipv6_route(IPv6Network("fe80::/64"), netdev)
        self._add_ipv6_route(IPv6Network("ff00::/8"), netdev)

    def add_address(self, netdev: str, address: str) -> None:
        """`address` has its prefix length, and the route that comes of it. The interface is up."""
        self._set_up(netdev)
        match ip_interface(address):
            case IPv4Interface() as ipv4:
                self.add_local(str(ipv4.ip))
                self.add_route(netdev, str(ipv4.network))
            case IPv6Interface() as ipv6:
                self._add_ipv6_address(ipv6, netdev)
                self._add_ipv6_route(ipv6.network, netdev)

    def add_local(self, address: str) -> None:
        """An IPv4 address of some interface."""
        text = f"     |-- {address}\n        /32 host LOCAL\n"
        path = self._proc / "net/fib_trie"
        before = path.read_text() if path.exists() else "Main:\n  +-- 0.0.0.0/0 3 0 5\n"
        _write(path, before + text)

    def add_route(self, netdev: str, network: str, *, gateway: bool = False) -> None:
        """In the main table."""
        match ip_network(network):
            case IPv4Network() as ipv4:
                before = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT"
                where, mask = _word(int(ipv4.network_address)), _word(int(ipv4.netmask))
                via, flags = (where, "0003") if gateway else ("00000000", "0001")
                line = f"{netdev}\t{where}\t{via}\t{flags}\t0\t0\t0\t{mask}\t0\t0\t0"
                _append(self._proc / "net/route", f"{line:<127}\n", before=f"{before:<127}\n")
            case IPv6Network() as ipv6:
                self._add_ipv6_route(ipv6, netdev)

    def enslave(self, netdev: str, upper: str) -> None:
        """`upper`, which is virtual, is over the network interface."""
        over, lower = self.add_virtual(upper), (self._sys / "class/net" / netdev).resolve()
        link(over / f"lower_{netdev}", lower)
        link(lower / f"upper_{upper}", over)

    def add_disk(self, directory: Path, name: str) -> str:
        """A disk below the directory, or a partition of one; returns its number."""
        parts = _PARTITION.fullmatch(name)
        block = self._sys / "class/block"
        if parts is not None:
            disk = parts[1] or parts[2]
            if not (block / disk).is_symlink():
                self.add_disk(directory, disk)
            child = (block / disk).resolve() / name
        else:
            child = directory / name if directory.name.startswith("nvme") else directory / "block" / name
        (child / "holders").mkdir(parents=True)
        self._disks += 1
        number = f"259:{self._disks}"
        (child / "dev").write_text(f"{number}\n")
        link(block / name, child)
        link(self._sys / "dev/block" / number, child)
        return number

    def mount(self, block: str, target: str) -> None:
        number = (self._sys / "class/block" / block / "dev").read_text().strip()
        self.add_mount(f"27 1 {number} / {target} rw,relatime shared:1 - ext4 /dev/{block} rw")

    def add_mount(self, line: str) -> None:
        _append(self._proc / "self/mountinfo", f"{line}\n", before="22 27 0:21 / /proc rw,relatime - proc proc rw\n")

    def add_swap(self, line: str) -> None:
        before = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
        _append(self._proc / "swaps", f"{line}\n", before=before)

    def hold(self, block: str, holder: str) -> None:
        """`holder`, which is virtual, is over the block device."""
        virtual, disk = self._sys / "devices/virtual/block" / holder, (self._sys / "class/block" / block).resolve()
        if not virtual.is_dir():
            (virtual / "slaves").mkdir(parents=True)
            link(self._sys / "class/block" / holder, virtual)
        link(virtual / "slaves" / block, disk)
        link(disk / "holders" / holder, virtual)

    def show(self, directory: Path, use: HostUse) -> None:
        """The function at `directory` is used as the words of `use` say."""
        parts = re.fullmatch(_CLAUSES[use.kind], use.detail)
        assert parts is not None, use
        one, other = parts["one"], parts["other"]
        if use.kind in (HostUseKind.ADDRESS, HostUseKind.ROUTE, HostUseKind.ENSLAVED):
            if not (self._sys / "class/net" / one).is_symlink():
                self.add_netdev(directory, one)
        elif not (self._sys / "class/block" / one).is_symlink():
            self.add_disk(directory / "ata1/host0/target0:0:0/0:0:0:0", one)
        match use.kind:
            case HostUseKind.ADDRESS:
                self.add_address(one, f"{other}/{64 if ':' in other else 24}")
            case HostUseKind.ROUTE:
                self._set_up(one)
                self.add_route(one, "0.0.0.0/0" if other == "the default route" else other, gateway=True)
            case HostUseKind.ENSLAVED:
                self.enslave(one, other)
            case HostUseKind.MOUNTED:
                self.mount(one, other)
            case HostUseKind.SWAP:
                self.add_swap(f"/dev/{one}                               partition\t2097148\t\t0\t\t-2")
            case HostUseKind.HOLDER:
                self.hold(one, other)
            case HostUseKind.BOOT_DISPLAY:
                raise AssertionError(use)

    def _set_up(self, netdev: str) -> None:
        (self._sys / "class/net" / netdev / "flags").write_text("0x1003\n")

    def _add_ipv6_address(self, address: IPv6Interface, netdev: str) -> None:
        scope = 0x20 if address.is_link_local else 0
        line = f"{int(address.ip):032x} 04 {address.network.prefixlen:02x} {scope:02x} 80 {netdev:>8}\n"
        _append(self._proc / "net/if_inet6", line)
        self._add_ipv6_route(IPv6Network(address.ip), netdev, flags=0x80200001)

    def _add_ipv6_route(self, network: IPv6Network, netdev: str, *, flags: int = 1) -> None:
        where = f"{int(network.network_address):032x} {network.prefixlen:02x}"
        line = f"{where} {_NOBODY} 00 {_NOBODY} 00000100 00000001 00000000 {flags:08x} {netdev:>8}\n"
        _append(self._proc / "net/ipv6_route", line)


def link(path: Path, target: Path) -> None:
    """A relative link, as all of the kernel's are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(os.path.relpath(target, path.parent))


def _word(number: int) -> str:
    """In network order, printed as the machine's own number."""
    return f"{int.from_bytes(number.to_bytes(4, 'big'), sys.byteorder):08X}"


def _append(path: Path, text: str, *, before: str = "") -> None:
    _write(path, (path.read_text() if path.exists() else before) + text)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
