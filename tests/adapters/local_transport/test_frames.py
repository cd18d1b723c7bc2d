# SPDX-License-Identifier: Apache-2.0
"""Frames over a real pair of sockets: whole, in pieces, cut off, and what is none."""

import socket
import time
from collections.abc import Iterator

import pytest

from pcipt_agent.adapters.local_transport.frames import MAGIC, Ended, NotAFrame, Patience, encode, receive, send

SOON = Patience(5.0)

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    here, there = socket.socketpair()
    with here, there:
        yield here, there


def test_what_is_sent_is_received_frame_by_frame(pair: Pair) -> None:
    send(pair[0], encode({"a": "ü"}) + encode({"b": [1, None]}), SOON)
    assert [receive(pair[1], SOON, SOON) for _ in range(2)] == [{"a": "ü"}, {"b": [1, None]}]


def test_a_frame_that_comes_in_pieces_is_put_together(pair: Pair) -> None:
    frame = encode({"kind": "call"})
    for octet in frame:
        pair[0].send(bytes([octet]))
    assert receive(pair[1], SOON, SOON) == {"kind": "call"}


@pytest.mark.parametrize(("length", "begun"), [(0, False), (5, True), (20, True)])
def test_a_peer_that_goes_is_told_apart_by_whether_it_had_begun(pair: Pair, length: int, begun: bool) -> None:
    pair[0].send(encode({"kind": "call"})[:length])
    pair[0].close()
    with pytest.raises(Ended) as ended:
        receive(pair[1], SOON, SOON)
    assert ended.value.begun is begun


@pytest.mark.parametrize(
    "octets",
    [b"GET / HTTP/1.1\r\n", MAGIC + b"\xff" * 8, MAGIC + b"\0" * 7 + b"\3not", MAGIC + b"\0" * 7 + b"\2[]"],
    ids=["another protocol", "a length beyond reason", "no JSON", "no object"],
)
def test_what_is_no_frame_is_said_at_once(pair: Pair, octets: bytes) -> None:
    pair[0].send(octets)
    with pytest.raises(NotAFrame):
        receive(pair[1], SOON, SOON)


def test_patience_ends_at_its_moment_whatever_trickles_in() -> None:
    with pytest.raises(TimeoutError):
        Patience(5.0, until=time.monotonic()).left()
    left = Patience(5.0, until=time.monotonic() + 1.0).left()
    assert left is not None
    assert left <= 1.0
