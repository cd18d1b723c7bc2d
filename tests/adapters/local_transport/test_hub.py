# SPDX-License-Identifier: Apache-2.0
"""Peers that misbehave hold nobody and harm nothing."""

import logging
import os
import socket
from collections.abc import Iterator

import oslo_messaging
import pytest

from pcipt_agent.adapters.local_transport.frames import MAGIC, encode
from pcipt_agent.adapters.local_transport.hub import Hub
from pcipt_agent.adapters.local_transport.incoming import Call, Station
from tests.support.bus import Echo, calling, eventually, path_of, serving, socket_url


@pytest.fixture(scope="module")
def served_url() -> Iterator[str]:
    """One server for strangers who must leave it as it was."""
    with socket_url() as url, serving(url, Echo()):
        yield url


def is_let_go(sock: socket.socket) -> bool:
    """Whether the other end closes without a word; it is a reset where it had not read all."""
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"p",
        MAGIC + b"\xff" * 8,
        MAGIC + (4).to_bytes(8, "big") + b"nope",
        MAGIC + (2).to_bytes(8, "big") + b"[]",
        MAGIC + (100_000).to_bytes(8, "big") + b"[" * 100_000,
        encode({"kind": "sing"}),
        encode({"kind": "call", "ctxt": 1, "message": [], "monitor": None}),
        encode({"kind": "call", "ctxt": {}, "message": {}, "monitor": float("inf")}),
        encode({"kind": "notify", "ctxt": {}, "message": {}, "topic": "t", "exchange": []}),
        encode({"kind": "subscribe", "topics": [7]}),
    ],
)
def test_garbage_is_disconnected_and_logged_once_and_others_are_served(
    served_url: str, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with calling(served_url) as client, caplog.at_level(logging.DEBUG, "pcipt_agent"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
            stranger.connect(str(path_of(served_url)))
            stranger.sendall(garbage)
            stranger.shutdown(socket.SHUT_WR)
            assert is_let_go(stranger)
        assert client.call({}, "echo", data=1) == 1
    told = [record for record in caplog.records if f"pid {os.getpid()}" in record.getMessage()]
    assert len(told) == 1


def test_a_stranger_is_told_by_its_first_bytes_and_not_waited_for(url: str) -> None:
    with serving(url, Echo()), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
        stranger.connect(str(path_of(url)))
        stranger.settimeout(10)
        stranger.sendall(b"HELO")
        assert is_let_go(stranger)


def test_a_station_that_is_stopped_takes_no_call_that_is_on_its_way(url: str) -> None:
    hub = Hub(path_of(url))
    station = Station(oslo_messaging.Target(topic="t", server="s"), hub.add, hub.remove)
    taken: list[Call] = []
    station.start(taken.extend)
    assert station.deliver(Call({}, {}, None, None))
    station.stop()
    assert not station.deliver(Call({}, {}, None, None))
    assert len(taken) == 1


def test_a_peer_that_stops_within_a_frame_is_let_go_after_a_while(url: str, caplog: pytest.LogCaptureFixture) -> None:
    hub = Hub(path_of(url), stall=0.2)
    hub.open()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as slow:
        slow.connect(str(path_of(url)))
        slow.sendall(encode({"kind": "call"})[:-3])
        assert slow.recv(1) == b""
    hub.close()
    assert [record.message for record in caplog.records if "no progress in 0.2 s" in record.message]


def test_a_caller_that_does_not_read_its_answer_is_let_go_after_a_while(url: str, caplog: pytest.LogCaptureFixture) -> None:
    hub = Hub(path_of(url), stall=0.2)
    hub.open()
    station = Station(oslo_messaging.Target(topic="t", server="s"), hub.add, hub.remove)

    def answer(calls: list[Call]) -> None:
        calls[0].reply("x" * 10_000_000)

    station.start(answer)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.connect(str(path_of(url)))
        deaf.sendall(
            encode({"kind": "call", "topic": "t", "exchange": None, "server": "s", "ctxt": {}, "message": {}, "monitor": None})
        )
        assert eventually(lambda: any("no progress in 0.2 s" in record.message for record in caplog.records))
    hub.close()
