# SPDX-License-Identifier: Apache-2.0
"""systemd's notification socket, played by a real datagram socket."""

import socket
from pathlib import Path

import pytest

from pcipt_agent.adapters.systemd import notify


def test_the_states_arrive_in_one_datagram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "notify"
    monkeypatch.setenv("NOTIFY_SOCKET", str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        assert notify("READY=1", "STATUS=serving")
        assert systemd.recv(4096) == b"READY=1\nSTATUS=serving"


def test_an_abstract_name_begins_with_an_at_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("")  # autobind, unix(7): the kernel picks an abstract name
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + systemd.getsockname()[1:].decode())
        assert notify("STOPPING=1")
        assert systemd.recv(4096) == b"STOPPING=1"


def test_without_systemd_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
