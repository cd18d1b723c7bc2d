# SPDX-License-Identifier: Apache-2.0
"""QEMU's monitor: what a hand at the machine can do, pull a card and put one in.

A connection for each thing that is done: the socket serves one at a time, and several processes may hold one machine.

Does not know: which cards there are.
"""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Message = Mapping[str, Any]


_PROCESSOR = ("info registers", "x /48gx $rsp")
_LONG = re.compile(r"([CDEFGS]S|LDT|TR|[GI]DT|EFER|FCW|FPR\d|[XYZ]MM\d+|Opmask\d+|DR\d) *=|\s*$")
"""Lines of `info registers` that no fault was found by."""


class MonitorRefused(Exception):
    """QEMU does not do what it was told; says what that was, and its words."""


@dataclass(frozen=True, slots=True)
class Monitor:
    """The monitor at this socket."""

    path: Path

    def execute(self, command: str, arguments: Mapping[str, object] | None = None) -> Any:
        """The command's answer."""
        with self._connected(30.0) as line:
            return line.execute(command, arguments or {})

    def add(self, said: Mapping[str, object]) -> None:
        """Puts a card in; the guest hears of it."""
        with self._connected(30.0) as line:
            line.execute("device_add", said)

    def remove(self, name: str, *, timeout: float = 60.0) -> None:
        """Asks the host to let the card go, as by the button beside a slot, and waits until it is out."""
        with self._connected(timeout) as line:
            line.execute("device_del", {"id": name})
            try:
                line.wait_for(lambda message: message.get("event") == "DEVICE_DELETED" and message["data"].get("device") == name)
            except TimeoutError as error:
                raise MonitorRefused(
                    f"{name} is not out after {timeout:g} s: the host does not let it go; its dmesg may say why"
                ) from error

    def processors(self) -> str:
        """Where each processor is, and the top of its stack; the kernel has nokaslr, so its System.map names what is there."""
        return "\n".join(
            self._by_hand(words, each["cpu-index"]) for each in self.execute("query-cpus-fast") for words in _PROCESSOR
        )

    def _by_hand(self, words: str, processor: int) -> str:
        said: str = self.execute("human-monitor-command", {"command-line": words, "cpu-index": processor})
        return "\n".join(line for line in said.splitlines() if not _LONG.match(line))

    @contextmanager
    def _connected(self, timeout: float) -> Iterator["_Line"]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
            channel.settimeout(timeout)
            channel.connect(str(self.path))
            line = _Line(channel, time.monotonic() + timeout)
            line.wait_for(lambda message: "QMP" in message)
            line.execute("qmp_capabilities", {})
            yield line


class _Line:
    """One connection; messages come one a line."""

    def __init__(self, channel: socket.socket, until: float) -> None:
        self._channel = channel
        self._until = until
        self._unread = b""
        self._events: list[Message] = []

    def execute(self, command: str, arguments: Mapping[str, object]) -> Any:
        self._channel.sendall(json.dumps({"execute": command, "arguments": dict(arguments)}).encode() + b"\n")
        while "return" not in (answer := self._next()):
            if "error" in answer:
                raise MonitorRefused(f"{command} {json.dumps(dict(arguments))}: {answer['error']['desc']}")
            self._events.append(answer)
        return answer["return"]

    def wait_for(self, wanted: Callable[[Message], bool]) -> None:
        """Raises TimeoutError. An event may have come before the answer to the command that caused it."""
        while not any(wanted(event) for event in self._events):
            self._events.append(self._next())

    def _next(self) -> Message:
        while b"\n" not in self._unread:
            self._channel.settimeout(max(0.01, self._until - time.monotonic()))
            received = self._channel.recv(65536)
            if not received:
                raise ConnectionError("QEMU has ended")
            self._unread += received
        line, _, self._unread = self._unread.partition(b"\n")
        message: Message = json.loads(line)
        return message
