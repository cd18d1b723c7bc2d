# SPDX-License-Identifier: Apache-2.0
"""The files below /sys that root may write, and the two programs that load a module and make a vDPA device.

Below another root than `/` files are written and no program is run: its modules and vDPA devices are not this kernel's.

Does not know: what is set, and why.
Source: modprobe(8); vdpa-dev(8) of iproute2 (the netlink protocol below it has no library that Debian 12 and 13 both have).
"""

import os
import subprocess
from pathlib import Path
from typing import Final

from pcipt_agent.errors import HostError

_SECONDS: Final = 60


class SysfsSettings:
    """`ports.KernelSettings` of the system below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._sys = root / "sys"

    def is_there(self, path: str) -> bool:
        return (self._sys / path).exists()

    def read(self, path: str) -> str | None:
        try:
            return (self._sys / path).read_text(encoding="utf-8", errors="replace").strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise HostError(str(self._sys / path), f"can't be read: {error.strerror}") from error

    def goal(self, path: str) -> str | None:
        try:
            return (self._sys / path).readlink().name
        except OSError:
            return None

    def write(self, path: str, value: str) -> None:
        file = self._sys / path
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)  # never made: the kernel makes them
            try:
                os.write(descriptor, value.encode())
            finally:
                os.close(descriptor)
        except OSError as error:
            root = "; only root may, so run it with sudo" if isinstance(error, PermissionError) and os.geteuid() else ""
            raise HostError(str(file), f"would not take {value!r}: {error.strerror}{root}") from error

    def load_module(self, name: str) -> None:
        self._run("modprobe", name, package="kmod")

    def add_vdpa(self, name: str, management_device: str) -> None:
        self._run("vdpa", "dev", "add", "name", name, "mgmtdev", management_device, package="iproute2")

    def _run(self, *command: str, package: str) -> None:
        if self._root != Path("/"):
            raise HostError(str(self._root), f"is not this system's root, so this is not run: {' '.join(command)}")
        try:
            done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS)
        except FileNotFoundError as error:
            raise HostError(command[0], f"there is no such program; apt-get install {package}") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise HostError(" ".join(command), str(error)) from error
        if done.returncode:
            raise HostError(" ".join(command), (done.stderr or done.stdout).strip() or f"exit code {done.returncode}")
