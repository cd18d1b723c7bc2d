# SPDX-License-Identifier: Apache-2.0
"""The running kernel's addresses, routes and next hops, asked for over rtnetlink. Nobody needs a privilege for it.

The kernel is asked to leave out what is no unicast route, which is most of a host's with thousands of interfaces; one before 4.20
does not, and then it is left out here.

Does not know: what the messages mean (`views.route_dump`), which interface is whose.
Source: rtnetlink(7), netlink(7); net/netlink/af_netlink.c (netlink_dump); net/ipv4/fib_frontend.c (ip_valid_fib_dump_req).
"""

import errno
import os
import socket
import struct
from contextlib import suppress
from typing import Final

from pcipt_agent.errors import HostError
from pcipt_agent.views.net_use import Told
from pcipt_agent.views.route_dump import RouteDump, told_in

_GET_ADDRESS, _GET_ROUTE, _GET_NEXT_HOP = 22, 26, 106
_REQUEST_DUMP: Final = 0x301
"""NLM_F_REQUEST | NLM_F_DUMP."""
_INTERRUPTED: Final = 0x10
"""NLM_F_DUMP_INTR: something changed meanwhile, so that something may be missing."""
_ERROR, _DONE = 2, 3
_SOL_NETLINK, _STRICT = 270, 12
"""NETLINK_GET_STRICT_CHK: the kernel heeds what the request says to leave out."""
_UNICAST: Final = 1
_HEAD, _RESULT = struct.Struct("=IHHII"), struct.Struct("=i")
_LONGEST: Final = 1 << 18
"""Octets of one answer; the kernel fills 32 KiB at most."""
_TRIES: Final = 5
_SECONDS: Final = 5
_NO_NEXT_HOPS: Final = (errno.EOPNOTSUPP, errno.EINVAL)
"""What a kernel says that has none (before 5.3)."""


def told_by_kernel() -> Told:
    """By name of the interface.

    Raises HostError where the kernel can't be asked: what is not known to be unused must not look so.
    """
    told = told_in(_dump())
    names = {}
    for index in {index for index, _ in (*told.addresses, *told.routes)}:
        with suppress(OSError):  # gone since
            names[index] = os.fsencode(socket.if_indextoname(index))
    return Told(
        [(names[index], address) for index, address in told.addresses if index in names],
        [(names[index], route) for index, route in told.routes if index in names],
    )


def _dump() -> RouteDump:
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as channel:
            channel.settimeout(_SECONDS)
            with suppress(OSError):
                channel.setsockopt(_SOL_NETLINK, _STRICT, 1)
            return RouteDump(
                _answers(channel, _GET_ADDRESS, struct.pack("=BBBBI", socket.AF_INET, 0, 0, 0, 0)),
                [
                    each
                    for family in (socket.AF_INET, socket.AF_INET6)
                    for each in _answers(channel, _GET_ROUTE, _any_route(family))
                ],
                _next_hops(channel),
            )
    except OSError as error:
        raise HostError("NETLINK_ROUTE", error.strerror or str(error)) from error


def _any_route(family: int) -> bytes:
    return struct.pack("=BBBBBBBBI", family, 0, 0, 0, 0, 0, 0, _UNICAST, 0)


def _next_hops(channel: socket.socket) -> list[bytes]:
    try:
        return _answers(channel, _GET_NEXT_HOP, bytes(8))
    except OSError as error:
        if error.errno not in _NO_NEXT_HOPS:
            raise
        return []


def _answers(channel: socket.socket, question: int, head: bytes) -> list[bytes]:
    """The messages that answer it, without their heads. Raises OSError where the kernel refuses."""
    for number in range(1, _TRIES + 1):
        channel.send(_HEAD.pack(_HEAD.size + len(head), question, _REQUEST_DUMP, number, 0) + head)
        answers, whole = _answered(channel)
        if whole:
            return answers
    raise OSError(errno.EINTR, "addresses or routes change all the time while they are read")


def _answered(channel: socket.socket) -> tuple[list[bytes], bool]:
    """To the end of the dump; and whether nothing changed meanwhile."""
    answers: list[bytes] = []
    whole = True
    while True:
        octets, at = channel.recv(_LONGEST), 0
        while at + _HEAD.size <= len(octets):
            length, kind, flags, _, _ = _HEAD.unpack_from(octets, at)
            content = octets[at + _HEAD.size : at + length]
            whole = whole and not flags & _INTERRUPTED
            if kind in (_ERROR, _DONE):
                (result,) = _RESULT.unpack_from(content) if len(content) >= _RESULT.size else (0,)
                if result < 0:
                    raise OSError(-result, os.strerror(-result))
                return answers, whole
            answers.append(content)
            at += max(_HEAD.size, (length + 3) & ~3)
