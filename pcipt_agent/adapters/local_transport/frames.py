# SPDX-License-Identifier: Apache-2.0
"""Frames: a JSON object of any size on a stream socket, whole or not at all.

Eight magic bytes, the body's length in eight bytes (big-endian), the body in UTF-8. The magic tells a stranger at the first read; a
length is only believed as far as bytes arrive, so a wrong one costs time and no memory. Whoever makes no progress for `stall`
seconds is given up.

Does not know: what a frame says (`hub`, `caller`, `subscriber`).
"""

import json
import socket
import struct
import time
from dataclasses import dataclass
from typing import Any

from oslo_serialization import jsonutils

MAGIC = b"pciptRPC"
_HEADER = struct.Struct("!8sQ")
_CHUNK = 1 << 20
MAX_BODY = 1 << 32
"""4 GiB. A length above it is garbage; no listing of a host comes near (16384 devices are about 16 MiB)."""


class NotAFrame(Exception):
    """The peer does not speak this protocol."""


class Ended(Exception):
    """The peer closed the connection before a frame was whole; `begun` where part of one had arrived."""

    def __init__(self, begun: bool) -> None:
        super().__init__("the connection ended" + (" within a frame" if begun else ""))
        self.begun = begun


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait: `stall` seconds for the next bytes, and not beyond `until` (of time.monotonic) in all."""

    stall: float | None
    until: float | None = None

    def left(self) -> float | None:
        """Seconds for the next read or write; raises TimeoutError where there are none."""
        if self.until is None:
            return self.stall
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("out of time")
        return left if self.stall is None else min(left, self.stall)


def encode(content: dict[str, Any]) -> bytes:
    """The whole frame; jsonutils because callers may hand oslo.messaging dates and sets, as they may with a broker."""
    body = jsonutils.dump_as_bytes(content)
    return _HEADER.pack(MAGIC, len(body)) + body


def send(sock: socket.socket, frame: bytes, patience: Patience) -> None:
    """Raises OSError where the peer has gone, TimeoutError where it takes nothing."""
    rest = memoryview(frame)
    while rest:
        sock.settimeout(patience.left())
        rest = rest[sock.send(rest[:_CHUNK]) :]


def receive(sock: socket.socket, first: Patience, rest: Patience) -> dict[str, Any]:
    """The next frame's content; `first` is how long to wait until it begins, `rest` from then on."""
    header = bytearray()
    while len(header) < _HEADER.size:
        header += _some(sock, _HEADER.size - len(header), rest if header else first, begun=bool(header))
        if not MAGIC.startswith(header[: len(MAGIC)]):
            raise NotAFrame("it does not begin with the magic bytes")
    _, length = _HEADER.unpack(header)
    if length > MAX_BODY:
        raise NotAFrame(f"a frame of {length} bytes")
    body = bytearray()
    while len(body) < length:
        body += _some(sock, length - len(body), rest, begun=True)
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotAFrame("its body is no JSON") from error
    if not isinstance(content, dict):
        raise NotAFrame("its body is no JSON object")
    return content


def _some(sock: socket.socket, size: int, patience: Patience, *, begun: bool) -> bytes:
    sock.settimeout(patience.left())
    data = sock.recv(min(size, _CHUNK))
    if not data:
        raise Ended(begun)
    return data
