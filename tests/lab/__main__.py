# SPDX-License-Identifier: Apache-2.0
"""`python3 -m tests.lab`: a compute host in emulation, for who wants to try the agent without hardware.

    python3 -m tests.lab shell          a root prompt in a host with the agent running and VFs there; it ends with the prompt
    python3 -m tests.lab build          makes what the others need, and keeps it in the cache
    python3 -m tests.lab capture DIR    writes what `pcipt capture` says of each machine

For who writes tests: a host that stays, so that pytest need not boot one each time.

    python3 -m tests.lab up             prints the line for your shell by which pytest uses it; --name for a second one
    python3 -m tests.lab prompt         a root prompt in it
    python3 -m tests.lab down           ends it

It needs root (debootstrap, chroot), Debian's package registry the first time, and 6 GB. The host is emulated whole, so it is some
twenty times as slow as this machine.

Does not know: how any of it is done.
"""

import argparse
import re
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from subprocess import TimeoutExpired
from types import FrameType

from tests.lab.cache import directory
from tests.lab.chroots import BuildFailed, require_root, require_x86_64
from tests.lab.hardware import MACHINES
from tests.lab.host import LabHost, booted, taken_over
from tests.lab.image import image
from tests.lab.installed import install
from tests.lab.monitor import MonitorRefused
from tests.lab.power import DidNotStart, cut_power, plugged, recorded
from tests.lab.recording import recorded as described
from tests.lab.ssh import CommandFailed
from tests.machine import LAB, provide, say

WELCOME = """
You are root on a compute host with the agent running. Try:
    pcipt status        pcipt devices       pcipt claim vf --consumer 8a1cd4bd-2f4b-4e6e-a9a3-3e9d6f1f6a10
    lspci               virsh nodedev-list  journalctl -u pcipt-agent
`exit`, or Ctrl-D, ends the host, and nothing of it is left.
"""


def main() -> int:
    """The exit code."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        prog="python3 -m tests.lab", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, about in (("shell", "a prompt in a host"), ("up", "a host that stays")):
        command = commands.add_parser(name, help=about)
        command.add_argument("--machine", choices=sorted(MACHINES), default="big", help="default: big; small starts sooner")
        if name == "up":
            command.add_argument("--name", type=_name, default="compute1", help="the host's name; default: compute1")
    commands.add_parser("build", help="make what the others need")
    for name, about in (("prompt", "a prompt in the host that stays"), ("down", "end it")):
        commands.add_parser(name, help=about).add_argument("--name", type=_name, default="compute1")
    commands.add_parser("capture", help="recorded hosts").add_argument("directory", type=Path, metavar="DIR")
    said = parser.parse_args()
    require_x86_64()
    require_root()
    for number in (signal.SIGTERM, signal.SIGHUP):  # a terminal that is closed leaves nothing behind either
        signal.signal(number, _end)
    provide([*LAB])
    try:
        return _obey(said)
    except KeyboardInterrupt:
        print("\npcipt-agent: ended by Ctrl-C; nothing is left running", file=sys.stderr)
        return 130
    except (BuildFailed, DidNotStart, CommandFailed, MonitorRefused, TimeoutExpired, OSError) as error:
        print(f"pcipt-agent: {error}", file=sys.stderr)
        return 1


def _obey(said: argparse.Namespace) -> int:
    match said.command:
        case "build":
            say(f"lab: {image().disk}")
        case "shell":
            return _shell(said.machine)
        case "up":
            _up(said.machine, said.name)
        case "prompt":
            return taken_over(_record(said.name)).ssh.by_hand("bash", "-l")
        case "down":
            return _down(said.name)
        case "capture":
            _capture(said.directory)
    return 0


def _shell(machine: str) -> int:
    started = time.monotonic()
    image()
    say(f"lab: switching on the {machine} machine")
    with booted(machine) as host:
        _install(host, started)
        print(WELCOME, flush=True)
        return host.ssh.by_hand("bash", "-l")


def _up(machine: str, name: str) -> None:
    disk, started = image(), time.monotonic()
    record = _record(name)
    if record.exists():
        _down(name)
    shutil.rmtree(record.parent, ignore_errors=True)
    record.parent.mkdir(mode=0o700, parents=True)
    try:
        host = LabHost(plugged(disk, machine, record.parent, name=name), stays=True)
        host.start()
        _install(host, started)
    except BaseException:
        with suppress(DidNotStart):
            _down(name)
        raise
    print(f"export PCIPT_LAB_HOST={record}")


def _install(host: LabHost, started: float) -> None:
    say(f"lab: {host.name} is on after {time.monotonic() - started:.0f} s; installing the agent")
    install(host)
    say(f"lab: the agent is ready after {time.monotonic() - started:.0f} s")


def _down(name: str) -> int:
    record = _record(name)
    try:
        cut_power(recorded(record))
    finally:
        shutil.rmtree(record.parent, ignore_errors=True)
    return 0


def _capture(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for machine in MACHINES:
        with booted(machine) as host:
            install(host)
            (directory / f"lab-{machine}.host").write_text(described(host))
            say(f"lab: wrote {directory}/lab-{machine}.host")


def _name(text: str) -> str:
    """A host's name, which the kernel's command line and a path hold."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", text):
        raise argparse.ArgumentTypeError(f"{text!r}: small letters, digits and dashes, 31 at most")
    return text


def _record(name: str) -> Path:
    """Below the cache, which nobody else may write to: what is in it is obeyed by root."""
    return directory() / "up" / name / "host.json"


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
