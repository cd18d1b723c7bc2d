# SPDX-License-Identifier: Apache-2.0
"""The real daemon in a process of its own, and the real `pcipt` beside it.

Ready is what the daemon tells systemd, on a socket of ours; so nothing waits longer than it must.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oslo_config import cfg

from pcipt_agent.adapters.rpc_client import AgentClient, Answered

START_SECONDS = 60.0


def program(name: str) -> str:
    """The entry point as it is installed beside this Python."""
    return str(Path(sys.executable).with_name(name))


@dataclass(frozen=True, slots=True)
class Agent:
    """A daemon that is ready."""

    config_file: Path
    process: subprocess.Popen[bytes]
    told: Sequence[str]
    """What it has told systemd so far: one item a datagram, which grows."""

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return (self.config_file.parent / "agent.log").read_text()

    def client(self, timeout: float = 60.0) -> AgentClient:
        """A caller in this process; the caller of this method closes it."""
        return AgentClient(cfg.CONF, self._said("transport_url"), self._said("host"), timeout=timeout)

    def call(self, method: str, **arguments: object) -> dict[str, Any]:
        """One call; the reply, or the refusal."""
        with contextlib.closing(self.client()) as client:
            answer = client.call(method, arguments)
        return answer.reply if isinstance(answer, Answered) else answer.refusal

    def pcipt(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """One command line, with this agent's configuration."""
        return pcipt(*arguments, "--config-file", str(self.config_file), stdin=stdin)

    def _said(self, option: str) -> str:
        """What its configuration gives the option."""
        return self.config_file.read_text().partition(f"\n{option} = ")[2].partition("\n")[0]

    def kill(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=START_SECONDS)


def pcipt(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """The installed command, with what it printed."""
    return subprocess.run([program("pcipt"), *arguments], input=stdin, check=False, capture_output=True, text=True, timeout=120)


def configured(directory: Path, host_root: Path, rules: str, *, transport_url: str | None = None) -> Path:
    """A configuration whose state is in `directory`, and its socket too unless there is a `transport_url`."""
    url = transport_url or f"unix://{directory}/agent.sock"
    config_file = directory / "pcipt-agent.conf"
    config_file.write_text(
        f"[DEFAULT]\nhost = compute1\ntransport_url = {url}\n"
        f"[agent]\nhost_root = {host_root}\nstate_path = {directory}/state\n[pci]\n{rules}"
    )
    return config_file


@contextlib.contextmanager
def running_agent(config_file: Path, **environment: str) -> Iterator[Agent]:
    """The daemon from ready to its end; its log is beside the configuration. `environment`: variables beside our own."""
    directory = config_file.parent
    with listening(directory / "notify.sock") as told, (directory / "agent.log").open("ab") as log:
        process = subprocess.Popen(
            [program("pcipt-agent"), "--config-file", str(config_file)],
            env={**os.environ, "NOTIFY_SOCKET": str(directory / "notify.sock"), **environment},
            stdout=log,
            stderr=log,
        )
        try:
            until(lambda: process.poll() is not None or any("READY=1" in each for each in told), START_SECONDS)
            assert process.poll() is None, f"the agent did not get ready:\n{(directory / 'agent.log').read_text()}"
            yield Agent(config_file, process, told)
        finally:
            process.terminate()
            process.wait(timeout=START_SECONDS)


def until(true: Callable[[], object], seconds: float = 30.0) -> None:
    """Waits for it; fails where it does not come."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"it did not come to that within {seconds} s"
        time.sleep(0.01)


@contextlib.contextmanager
def listening(path: Path) -> Iterator[list[str]]:
    """What comes to a datagram socket, as it comes: a queue that nobody empties would make the sender wait."""
    path.unlink(missing_ok=True)
    told: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(path))

        def receive() -> None:
            while said := channel.recv(4096).decode():
                told.append(said)

        thread = threading.Thread(target=receive, daemon=True)
        thread.start()
        try:
            yield told
        finally:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
                last.sendto(b"", str(path))
            thread.join()
