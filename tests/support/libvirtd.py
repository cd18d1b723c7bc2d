# SPDX-License-Identifier: Apache-2.0
"""A libvirt daemon of the test's own, whose domains are libvirt's test driver's: a real socket, protocol, keep-alive and death.

Does not know: who connects to it.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = Path("/usr/sbin/libvirtd")
INSTALL = "apt-get install --no-install-recommends libvirt-daemon"
_STARTED_SECONDS = 20.0


class Libvirtd:
    """Not running until it is started; its socket is in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.socket = directory / "libvirt-sock"
        self.uri = f"test+unix:///default?socket={self.socket}"

    def start(self) -> None:
        """It answers when this returns."""
        assert PROGRAM.exists(), f"{PROGRAM} is missing: {INSTALL}"
        configuration = self._directory / "libvirtd.conf"
        configuration.write_text(f'unix_sock_dir = "{self._directory}"\nauth_unix_ro = "none"\nauth_unix_rw = "none"\n')
        self.socket.unlink(missing_ok=True)
        own = {name: str(self._directory) for name in ("HOME", "XDG_RUNTIME_DIR")}
        # Without the other drivers, which would take hold of this machine's networks and guests.
        environment = {**os.environ, **own, "LIBVIRT_DRIVER_DIR": str(self._directory)}
        command = [str(PROGRAM), "-f", str(configuration), "-p", str(self._directory / "pid")]
        log = (self._directory / "log").open("wb")
        with log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        until = time.monotonic() + _STARTED_SECONDS
        while not self.socket.exists():
            assert self._process.poll() is None, (self._directory / "log").read_text()
            assert time.monotonic() < until, "no socket"
            time.sleep(0.02)

    def hang(self) -> None:
        """Its process is stopped: the socket stays, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """As kill -9 does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


@contextmanager
def libvirtd(directory: Path) -> Iterator[Libvirtd]:
    """One that runs, and does not afterwards."""
    daemon = Libvirtd(directory)
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.kill()
