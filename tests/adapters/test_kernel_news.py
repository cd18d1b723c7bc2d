# SPDX-License-Identifier: Apache-2.0
"""The kernel's news of addresses, routes, mounts and swap: it wakes who waits, says nothing else, and is quiet again after."""

import ctypes
import os
import select
import socket
import sys
from pathlib import Path
from subprocess import run

import pytest

from pcipt_agent.adapters.kernel_news import POLLED, RouteNews, polled_file, route_news
from pcipt_agent.errors import HostError
from pcipt_agent.ports import Hints, HintSource
from tests.support.overflowing import overflowing_socket, question_of_the_loopback


def wakes(source: HintSource, seconds: float = 0.0) -> bool:
    poll = select.poll()
    poll.register(source.fileno(), source.poll_events)
    return bool(poll.poll(seconds * 1000))


def test_a_message_wakes_once_and_is_a_hint_without_an_address() -> None:
    news = route_news()
    while wakes(news):  # this machine's own news
        news.take()
    with socket.socket(fileno=os.dup(news.fileno())) as channel:
        channel.send(question_of_the_loopback())
        channel.send(question_of_the_loopback())
    assert wakes(news)
    assert news.take() == Hints()
    assert not wakes(news)
    news.close()


def test_lost_messages_are_a_hint_and_the_socket_is_quiet_after() -> None:
    news = RouteNews(overflowing_socket())
    assert wakes(news)
    assert news.take() == Hints()
    assert not wakes(news)
    news.close()


@pytest.mark.parametrize("path", POLLED, ids=str)
def test_a_file_that_does_not_change_is_quiet(path: Path) -> None:
    file = polled_file(path)
    assert not wakes(file)
    assert file.take() == Hints()
    file.close()


MOUNTING = """
import ctypes, os, sys
from pathlib import Path
from pcipt_agent.adapters.kernel_news import polled_file
from tests.adapters.test_kernel_news import unshared, wakes
if not unshared():
    sys.exit("not allowed")
file = polled_file(Path("/proc/self/mountinfo"))
libc = ctypes.CDLL(None, use_errno=True)
assert not wakes(file)
assert libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0, os.strerror(ctypes.get_errno())
assert wakes(file), "a mount"
assert not wakes(file), "told twice"
assert libc.umount(b"/tmp") == 0
assert wakes(file), "an unmount"
"""
_NEW_MOUNTS, _NEW_USERS, _PRIVATE, _RECURSIVE = 0x00020000, 0x10000000, 1 << 18, 1 << 14


def unshared() -> bool:
    """Whether this process has a mount namespace of its own now."""
    libc = ctypes.CDLL(None)
    flags = _NEW_MOUNTS if os.geteuid() == 0 else _NEW_MOUNTS | _NEW_USERS
    return bool(libc.unshare(flags) == 0 and libc.mount(b"none", b"/", None, _PRIVATE | _RECURSIVE, None) == 0)


def test_a_mount_and_an_unmount_wake_once_each() -> None:
    """In a mount namespace of its own, which some containers forbid; there it can't be seen."""
    child = run([sys.executable, "-c", MOUNTING], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert (child.returncode, child.stderr) in {(0, ""), (1, "not allowed\n")}


ROUTING = """
import sys
from pcipt_agent.adapters.kernel_news import route_news
from tests.adapters.test_kernel_news import wakes
from tests.adapters.test_rtnetlink import ip, unshared
if not unshared():
    sys.exit("not allowed")
ip("link add v0 type veth peer name v1")
for name in ("v0", "v1"):
    ip(f"link set {name} up")
news = route_news()
for change in (
    "addr add 192.0.2.7/32 dev v0",
    "-6 addr add 2001:db8::7/128 nodad dev v0",
    "route add 198.51.100.0/24 dev v0",
    "-6 route add 2001:db8:1::/48 dev v0",
    "nexthop add id 5 dev v1",
    "nexthop replace id 5 dev v0",
):
    while wakes(news, 0.3):  # an interface that comes up says so for a while
        news.take()
    ip(change)
    assert wakes(news, 5.0), change
"""


def test_each_change_of_an_address_a_route_or_a_next_hop_wakes() -> None:
    """In a network namespace of its own, which some containers forbid; there it can't be seen."""
    child = run([sys.executable, "-c", ROUTING], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert (child.returncode, child.stderr) in {(0, ""), (1, "not allowed\n")}


def test_a_file_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="swaps: No such file"):
        polled_file(tmp_path / "swaps")


@pytest.mark.parametrize(
    "group",
    [
        pytest.param(0x001, id="RTMGRP_LINK"),
        pytest.param(0x010, id="RTMGRP_IPV4_IFADDR"),
        pytest.param(0x040, id="RTMGRP_IPV4_ROUTE"),
        pytest.param(0x100, id="RTMGRP_IPV6_IFADDR"),
        pytest.param(0x400, id="RTMGRP_IPV6_ROUTE"),
    ],
)
def test_links_addresses_and_routes_of_both_families_are_heard_of(group: int) -> None:
    """By the kernel's own word on what the socket is subscribed to (linux/rtnetlink.h)."""
    news = route_news()
    with socket.socket(fileno=os.dup(news.fileno())) as channel:
        assert channel.getsockname()[1] & group
    news.close()
