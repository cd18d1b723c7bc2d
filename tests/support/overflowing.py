# SPDX-License-Identifier: Apache-2.0
"""A netlink socket that has lost messages: the kernel says ENOBUFS, once, and what it had kept can still be read.

Does not know: who reads it.
Source: net/netlink/af_netlink.c, netlink_overrun.
"""

import socket
import struct

_GET_LINK, _REQUEST, _LOOPBACK = 18, 1, 1


def overflowing_socket() -> socket.socket:
    """Its buffer is small, and the kernel has answered more questions than fit."""
    full = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
    full.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 20_000)
    full.bind((0, 0))
    for _ in range(100):
        full.send(question_of_the_loopback())
    return full


def question_of_the_loopback() -> bytes:
    """What the kernel answers to by one message, to whoever asks."""
    return struct.pack("=LHHLL", 32, _GET_LINK, _REQUEST, 1, 0) + struct.pack("=BxHiII", 0, 0, _LOOPBACK, 0, 0)
