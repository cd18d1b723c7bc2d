# SPDX-License-Identifier: Apache-2.0
"""The kernel's own news of what the host uses: addresses and routes over netlink, mounts and swap by poll(2).

udev tells of none of these, and between two rescans a network interface that was given an address would look unused. Nothing of
what they say is read: they only make somebody look.

Does not know: what the host uses (`adapters.sysfs`), when anybody looks.
Source: rtnetlink(7); proc_pid_mountinfo(5); mm/swapfile.c, swaps_poll.
"""

import select
import socket
from pathlib import Path
from typing import BinaryIO, Final

from pcipt_agent.errors import HostError
from pcipt_agent.ports import Hints

_LINK, _IPV4_ADDRESS, _IPV4_ROUTE, _IPV6_ADDRESS, _IPV6_ROUTE, _NEXT_HOP = 0x1, 0x10, 0x40, 0x100, 0x400, 0x80000000
_GROUPS: Final = _LINK | _IPV4_ADDRESS | _IPV4_ROUTE | _IPV6_ADDRESS | _IPV6_ROUTE | _NEXT_HOP
"""RTMGRP_*, and RTNLGRP_NEXTHOP, of which a kernel before 5.3 knows nothing and takes no notice."""
_MOST: Final = 10_000
POLLED: Final = (Path("/proc/self/mountinfo"), Path("/proc/swaps"))


def route_news() -> "RouteNews":
    """Listens from now on. Raises HostError where the kernel or the unit's sandbox does not let it."""
    try:
        channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
    except OSError as error:  # the unit's RestrictAddressFamilies
        raise HostError("NETLINK_ROUTE", error.strerror or str(error)) from error
    try:
        channel.bind((0, _GROUPS))
    except OSError as error:
        channel.close()
        raise HostError("NETLINK_ROUTE", error.strerror or str(error)) from error
    return RouteNews(channel)


class RouteNews:
    """A `ports.HintSource`: links, their addresses and routes."""

    poll_events = select.POLLIN

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel

    def fileno(self) -> int:
        return self._channel.fileno()

    def take(self) -> Hints:
        for _ in range(_MOST):
            try:
                self._channel.recv(1)
            except BlockingIOError:
                break
            except OSError:  # some were lost, which says the same
                continue
        return Hints()

    def close(self) -> None:
        self._channel.close()


def polled_file(path: Path) -> "PolledFile":
    """Waits for it from now on. Raises HostError where it can't be opened."""
    try:
        return PolledFile(path.open("rb"))
    except OSError as error:
        raise HostError(str(path), error.strerror or str(error)) from error


class PolledFile:
    """A `ports.HintSource`: a file of /proc that poll(2) tells of when it has changed. The telling itself makes it quiet again."""

    poll_events = select.POLLPRI | select.POLLERR

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def fileno(self) -> int:
        return self._file.fileno()

    def take(self) -> Hints:
        return Hints()

    def close(self) -> None:
        self._file.close()
