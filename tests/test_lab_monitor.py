# SPDX-License-Identifier: Apache-2.0
"""The monitor's side of QEMU's protocol, against a peer that says what QEMU says."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.lab.monitor import Monitor, MonitorRefused

GREETING: dict[str, Any] = {"QMP": {"version": {}, "capabilities": []}}
GONE = {"event": "DEVICE_DELETED", "data": {"device": "nic0", "path": "/machine/peripheral/nic0"}}


@contextlib.contextmanager
def peer(path: Path, *answers: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Says its greeting, and the next of `answers` after each command; what it was told is yielded."""
    told: list[dict[str, Any]] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.bind(str(path))
        door.listen()

        def serve() -> None:
            channel, _ = door.accept()
            with channel, channel.makefile("r") as lines:
                channel.sendall(json.dumps(GREETING).encode() + b"\n")
                for line, answer in zip(lines, [[{"return": {}}], *answers], strict=False):
                    told.append(json.loads(line))
                    channel.sendall(b"".join(json.dumps(each).encode() + b"\n" for each in answer))
                lines.read()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield told
        thread.join(timeout=10)


def test_a_commands_answer_is_returned(tmp_path: Path) -> None:
    with peer(tmp_path / "qmp", [{"event": "STOP", "data": {}}, {"return": [{"bus": 0}]}]) as told:
        assert Monitor(tmp_path / "qmp").execute("query-pci") == [{"bus": 0}]
    assert [each["execute"] for each in told] == ["qmp_capabilities", "query-pci"]


def test_a_card_is_out_when_qemu_says_so_though_that_came_before_the_answer(tmp_path: Path) -> None:
    with peer(tmp_path / "qmp", [GONE, {"return": {}}]) as told:
        Monitor(tmp_path / "qmp").remove("nic0", timeout=5.0)
    assert told[-1] == {"execute": "device_del", "arguments": {"id": "nic0"}}


def test_another_cards_going_is_not_taken_for_it(tmp_path: Path) -> None:
    other = {"event": "DEVICE_DELETED", "data": {"path": "/machine/peripheral/nic1/bus"}}
    with peer(tmp_path / "qmp", [{"return": {}}, other]), pytest.raises(MonitorRefused, match="nic0 is not out after"):
        Monitor(tmp_path / "qmp").remove("nic0", timeout=0.3)


def test_a_refusal_says_what_was_refused_and_why(tmp_path: Path) -> None:
    answer = [{"error": {"class": "GenericError", "desc": "Bus 'x' not found"}}]
    with peer(tmp_path / "qmp", answer), pytest.raises(MonitorRefused, match=r"device_add.*Bus 'x' not found"):
        Monitor(tmp_path / "qmp").add({"driver": "igb", "bus": "x"})


def test_a_qemu_that_ends_meanwhile_is_no_answer(tmp_path: Path) -> None:
    with peer(tmp_path / "qmp"), pytest.raises((ConnectionError, TimeoutError)):
        Monitor(tmp_path / "qmp").remove("nic0", timeout=0.5)
