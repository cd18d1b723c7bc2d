# SPDX-License-Identifier: Apache-2.0
"""What the running kernel tells of addresses and routes, asked in a network namespace of its own; and who asks it."""

import ctypes
import os
import resource
import sys
from contextlib import suppress
from ipaddress import IPv4Address
from pathlib import Path
from subprocess import run

import pytest

from pcipt_agent.adapters.sysfs import SysfsReader
from pcipt_agent.adapters.sysfs.rtnetlink import told_by_kernel
from pcipt_agent.core.host import Host
from pcipt_agent.errors import HostError
from tests.support.hosttree import HostTree

ROUTING = """
import sys
from pathlib import Path
from tests.adapters.test_rtnetlink import ip, told, unshared
if not unshared():
    sys.exit("not allowed")
for one, other in (("v0", "v1"), ("v2", "v3"), ("v4", "v5")):
    ip(f"link add {one} type veth peer name {other}")
    ip(f"link set {one} up")
    ip(f"link set {other} up")
assert told() == ([], []), told()
ip("addr add 192.0.2.7/32 dev v0")
ip("route add 198.51.100.0/24 nexthop dev v1 nexthop dev v2")
ip("route add 203.0.113.0/24 dev v3 table 77")
ip("nexthop add id 5 via fe80::1 dev v4")
ip("nexthop add id 6 via fe80::1 dev v5")
ip("nexthop add id 7 group 5/6")
ip("-6 route add 2001:db8::/32 nhid 7")
ip("route add 10.7.0.0/16 nhid 7")
ip("route add blackhole 10.8.0.0/16")
expected = ["v1 24", "v2 24", "v3 24", "v4 16", "v4 32", "v5 16", "v5 32"]
for compatible in "10":
    Path("/proc/sys/net/ipv4/nexthop_compat_mode").write_text(compatible)
    assert told() == (["v0 192.0.2.7"], expected), told()
"""
_NEW_USERS, _NEW_NET = 0x10000000, 0x40000000
_SOCKETS: list[int] = []
"""Address families of the sockets that were made while somebody counts."""


def unshared() -> bool:
    """Whether this process has a network namespace of its own now."""
    return bool(ctypes.CDLL(None).unshare(_NEW_NET if os.geteuid() == 0 else _NEW_NET | _NEW_USERS) == 0)


def ip(words: str) -> None:
    run(["ip", *words.split()], check=True)


def told() -> tuple[list[str], list[str]]:
    """Interface and address, interface and prefix length."""
    seen = told_by_kernel()
    return (
        sorted(f"{name.decode()} {IPv4Address(address.number)}" for name, address in seen.addresses),
        sorted(f"{name.decode()} {route.prefix}" for name, route in seen.routes),
    )


def test_the_kernel_tells_what_proc_does_not() -> None:
    """In a network namespace of its own, which some containers forbid; there it can't be seen."""
    child = run([sys.executable, "-c", ROUTING], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert (child.returncode, child.stderr) in {(0, ""), (1, "not allowed\n")}


def test_this_machines_loopback_is_told() -> None:
    assert "lo 127.0.0.1" in told()[0]


def test_a_kernel_that_can_not_be_asked_is_an_error_and_not_no_evidence() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(HostError, match="NETLINK_ROUTE: Too many open files"):
            told_by_kernel()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_kernel_is_asked_of_this_machine_alone(tmp_path: Path) -> None:
    counting = [False]

    def hook(event: str, details: tuple[object, ...]) -> None:
        if counting[0] and event == "socket.__new__":
            _SOCKETS.append(int(str(details[1])))

    sys.addaudithook(hook)  # stays for as long as the process does
    HostTree(tmp_path, Host(devices={}, numa_nodes={}, boot_id="x"))
    counts = []
    for root in (tmp_path, Path("/"), Path("/proc/..")):
        _SOCKETS.clear()
        counting[0] = True
        with suppress(HostError):  # a machine without PCI
            SysfsReader(root).read()
        counting[0] = False
        counts.append(len(_SOCKETS))
    assert counts == [0, 1, 1] if Path("/sys/bus/pci/devices").is_dir() else [0, 0, 0]
