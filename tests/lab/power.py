# SPDX-License-Identifier: Apache-2.0
"""An emulated machine that is on: QEMU with a disk of its own, and the files by which it is spoken to.

What the host wrote is in its overlay, so it survives a power cut as it would on a disk: written and flushed, it is there. All of
one host's files are in one directory, and a record of it says what another process needs to take it over.

Does not know: what runs in the host.
"""

import json
import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.lab.cache import hold
from tests.lab.emulator import emulator
from tests.lab.hardware import EVERY_MACHINE, arguments
from tests.lab.image import Image
from tests.lab.system import MANAGEMENT_MAC

APPEND = (
    "console=ttyS0 root=/dev/vda rw intel_iommu=on quiet loglevel=5 mitigations=off nokaslr audit=0 nowatchdog "
    "tsc=reliable no_timer_check systemd.show_status=no "
    "systemd.default_timeout_start_sec=600 systemd.default_device_timeout_sec=600"
)
"""With patience: where several hosts share a few processors, what takes a second on metal has taken two minutes."""

CPU = "max,l3-cache=off,erms=off,fsrm=off,la57=off,smap=off,smep=off,umip=off"
"""Without what is slow to emulate (with these the boot takes 1.4 times as much of the processor: a kernel that is told that moving
bytes is fast moves them one by one), and without a cache that a socket's NUMA nodes share, which the kernel finds odd."""

_LONGEST_DIRECTORY = 70
"""A socket's path has 108 octets at most (unix(7)), and ssh makes one of a name of its own beside each."""

_ours: dict[Path, "subprocess.Popen[bytes]"] = {}
"""Disk → the QEMU that this process has started with it last."""


class DidNotStart(Exception):
    """QEMU has ended, or the host in it does not answer; says what it said last."""


@dataclass(frozen=True, slots=True)
class Plug:
    """What is needed to switch a host on, or to reach one that is on."""

    name: str
    machine: str
    directory: Path
    ssh_port: int
    key: Path
    kernel: Path
    initrd: Path
    lan: tuple[str, ...] = ()
    """QEMU's words for the NIC on the network of hosts."""

    @property
    def disk(self) -> Path:
        return self.directory / "disk.qcow2"

    @property
    def console(self) -> Path:
        return self.directory / "console.log"

    @property
    def monitor(self) -> Path:
        return self.directory / "monitor"

    @property
    def record(self) -> Path:
        return self.directory / "host.json"


def plugged(image: Image, machine: str, directory: Path, *, name: str, lan: tuple[str, ...] = ()) -> Plug:
    """A host with an empty overlay, not yet on. Raises DidNotStart where its files can't be there."""
    if len(str(directory)) > _LONGEST_DIRECTORY or set(str(directory)) & set(",:% "):
        why = "it is too long, or has one of ` ,:%`"
        raise DidNotStart(f"QEMU and ssh take no socket in {directory}: {why}; set TMPDIR, or XDG_CACHE_HOME for one that stays")
    plug = Plug(name, machine, directory, _free_port(), image.key, image.kernel, image.initrd, lan)
    emulator().overlay(image.disk, at=plug.disk)
    said = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(plug).items()}
    plug.record.write_text(json.dumps(said, indent=1))
    return plug


def recorded(record: Path) -> Plug:
    """The host that a record is of. Raises DidNotStart where there is none."""
    try:
        said = json.loads(record.read_text())
    except (OSError, ValueError) as error:
        raise DidNotStart(f"no host is on at {record}: python3 -m tests.lab up switches one on, and says how it is used") from error
    paths = {key: Path(said[key]) for key in ("directory", "key", "kernel", "initrd")}
    return Plug(**{**said, **paths, "lan": tuple(said["lan"])})


def power_on(plug: Plug, *, stays: bool = False) -> None:
    """The machine runs. It goes with us unless it `stays`."""
    plug.monitor.unlink(missing_ok=True)
    ends = [] if stays else ["-run-with", "exit-with-parent=on"]
    with plug.console.open("ab") as console:
        process = subprocess.Popen(
            emulator().command(*_words(plug), *ends),
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,
            pass_fds=[hold(plug.kernel.parent), hold(emulator().root)],
        )
    _ours[plug.disk] = process
    (plug.directory / "pid").write_text(str(process.pid))
    deadline = time.monotonic() + 20
    while not plug.monitor.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    if process.poll() is not None:
        raise DidNotStart(f"QEMU ended with exit code {process.returncode}:\n{tail(plug)}")


def cut_power(plug: Plug) -> None:
    """The machine is off, with no word to what runs in it."""
    pid = process_of(plug)
    if pid is None:
        return
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    while process_of(plug) is not None:
        time.sleep(0.02)
    if plug.disk in _ours:
        _ours[plug.disk].wait()  # a zombie has no command line either, and a Popen that nobody waited for is a warning
    plug.monitor.unlink(missing_ok=True)


def process_of(plug: Plug) -> int | None:
    """Of the QEMU that runs the machine; None where it is off."""
    if plug.disk in _ours:
        _ours[plug.disk].poll()  # who has ended stays a process until it is asked
    try:
        pid = int((plug.directory / "pid").read_text())
        said = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):  # it goes while it is looked at; or who started it has not said yet which it is
        return None
    return pid if str(plug.disk).encode() in said else None


def tail(plug: Plug, lines: int = 30) -> str:
    """The end of what the console showed."""
    return "\n".join(shown(plug).splitlines()[-lines:])


def shown(plug: Plug) -> str:
    """All that the console showed, over every time the machine was on."""
    return plug.console.read_text(errors="replace") if plug.console.exists() else ""


def _words(plug: Plug) -> list[str]:
    append = f"{APPEND} systemd.hostname={plug.name}"
    disk = f"if=none,id=root,format=qcow2,cache=writeback,werror=report,file={plug.disk}"
    management = f"user,id=net-management,restrict=on,hostfwd=tcp:127.0.0.1:{plug.ssh_port}-:22"
    return [
        *("-name", plug.name, "-nodefaults", "-no-user-config", "-display", "none"),
        *("-accel", "tcg,thread=multi,tb-size=512", "-cpu", CPU),
        *arguments(EVERY_MACHINE[plug.machine]),
        *("-drive", disk, "-device", "virtio-blk-pci,id=root-disk,bus=pcie.0,drive=root"),
        *("-netdev", management),
        *("-device", f"virtio-net-pci,id=management,bus=pcie.0,netdev=net-management,mac={MANAGEMENT_MAC},romfile="),
        *plug.lan,
        *("-serial", "stdio", "-qmp", f"unix:{plug.monitor},server=on,wait=off"),
        *("-kernel", str(plug.kernel), "-initrd", str(plug.initrd), "-append", append),
    ]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
