# SPDX-License-Identifier: Apache-2.0
"""Commands in a host, over one OpenSSH connection that stays.

To agree on keys takes an emulated CPU a second or two, so a connection is made once, by a process in the background, and every
command uses it. It also carries the agent's socket out: a caller outside is root's, and calls at its own speed.

Does not know: what a host is.
"""

import shlex
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_AGENT = "/run/pcipt-agent/agent.sock"
_OPTIONS = {
    "BatchMode": "yes",
    "ConnectTimeout": "30",
    "IdentitiesOnly": "yes",
    "LogLevel": "ERROR",
    "ServerAliveInterval": "15",
    "ServerAliveCountMax": "20",
    "StreamLocalBindUnlink": "yes",
    "StrictHostKeyChecking": "no",
    "UserKnownHostsFile": "/dev/null",
}


class CommandFailed(Exception):
    """A command in the host ended with another exit code than 0; says which, and what it printed."""

    def __init__(self, command: str, done: subprocess.CompletedProcess[str]) -> None:
        super().__init__(f"exit code {done.returncode} of: {command}\n{done.stdout}{done.stderr}".rstrip())
        self.done = done


@dataclass(frozen=True, slots=True)
class Ssh:
    """A way in by a port of this machine's loopback; its files are in `directory`."""

    port: int
    key: Path
    directory: Path

    @property
    def agent_socket(self) -> Path:
        """The agent's socket, here."""
        return self.directory / "agent.sock"

    @property
    def said(self) -> Path:
        """What ssh said when it was last told to connect."""
        return self.directory / "ssh.log"

    def open(self, *, seconds: float, alive: Callable[[], object]) -> bool:
        """Waits until the host lets us in; False where it does not within the time, or is not alive any more."""
        until = time.monotonic() + seconds
        while not self._greets():
            if time.monotonic() > until or not alive():
                return False
            time.sleep(0.3)
        while not self.is_open():
            forward = f"{self.agent_socket}:{_AGENT}"
            command = self._command("-f", "-N", "-M", "-L", forward, "root@127.0.0.1")
            with self.said.open("wb") as said:  # no pipe: the connection stays, and would keep it open
                subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
            if time.monotonic() > until or not alive():
                return self.is_open()
            time.sleep(0.3)
        return True

    def is_open(self) -> bool:
        return subprocess.run(self._command("-O", "check", "host"), check=False, capture_output=True).returncode == 0

    def close(self) -> None:
        """The connection goes, and with it what still runs over it."""
        subprocess.run(self._command("-O", "exit", "host"), check=False, capture_output=True)

    def run(self, command: str, *, check: bool = True, stdin: str = "", timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
        """A shell command in the host. Raises CommandFailed, and TimeoutExpired."""
        done = subprocess.run(
            self._command("root@127.0.0.1", command),
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            input=stdin,
            timeout=timeout,
        )
        if check and done.returncode:
            raise CommandFailed(command, done)
        return done

    def by_hand(self, *command: str) -> int:
        """A terminal in the host for who sits here; its exit code."""
        return subprocess.run(self._command("-t", "root@127.0.0.1", shlex.join(command)), check=False).returncode

    def _greets(self) -> bool:
        """The port takes connections from the start on, as QEMU is there; a server in the host says what it is."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5.0) as channel:
                return channel.recv(4) == b"SSH-"
        except OSError:
            return False

    def _command(self, *words: str) -> list[str]:
        options = [word for name, value in _OPTIONS.items() for word in ("-o", f"{name}={value}")]
        control = ["-S", str(self.directory / "ssh"), "-F", "none"]
        return ["ssh", *control, "-p", str(self.port), "-i", str(self.key), *options, *words]
