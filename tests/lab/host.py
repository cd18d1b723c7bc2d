# SPDX-License-Identifier: Apache-2.0
"""A compute host that runs, in a test's hands.

`booted()` switches one on and cuts its power at the end; `taken_over()` gives one that another process has switched on. What a test
does it does as a person would: commands as root, files, the cards in their slots.

Does not know: what is installed in the host (`installed`), guests.
"""

import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.lab.cache import hold
from tests.lab.hardware import EVERY_MACHINE, Card, Machine, disks, networks, number_of, parts, port
from tests.lab.image import image
from tests.lab.monitor import Monitor, MonitorRefused
from tests.lab.power import DidNotStart, Plug, cut_power, plugged, power_on, process_of, recorded, tail
from tests.lab.ssh import Ssh

BOOT_SECONDS = 600.0
"""Of a machine that is busy; half a minute otherwise."""


class LabHost:
    """One compute host."""

    def __init__(self, plug: Plug, *, stays: bool = False) -> None:
        self.plug = plug
        self.monitor = Monitor(plug.monitor)
        self.ssh = Ssh(plug.ssh_port, plug.key, plug.directory)
        self._stays = stays

    @property
    def name(self) -> str:
        return self.plug.name

    @property
    def machine(self) -> Machine:
        return EVERY_MACHINE[self.plug.machine]

    def start(self) -> None:
        """Switches it on and waits until it can be spoken to; what starts at boot may still do so. Raises DidNotStart."""
        self.switch_on()
        self.await_up()

    def switch_on(self) -> None:
        power_on(self.plug, stays=self._stays)

    def await_up(self) -> None:
        """It can be spoken to. Raises DidNotStart."""
        if not self.ssh.open(seconds=BOOT_SECONDS, alive=lambda: process_of(self.plug)):
            said = self.ssh.said.read_text(errors="replace") if self.ssh.said.exists() else ""
            console = f"the end of its console:\n{tail(self.plug)}"
            raise DidNotStart(f"{self.name} does not answer within {BOOT_SECONDS:g} s; {said}{console}")

    def power_cut(self) -> None:
        """What the host had in its memory is lost; what it gave to its disk is not, flushed or not."""
        cut_power(self.plug)
        self.ssh.close()

    def is_on(self) -> bool:
        return process_of(self.plug) is not None

    def run(self, *command: str, check: bool = True, input: str = "", timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
        """A command as root. Raises CommandFailed where it fails, unless told not to check."""
        return self.ssh.run(shlex.join(command), check=check, stdin=input, timeout=timeout)

    def shell(self, script: str, *, check: bool = True, timeout: float = 120.0) -> str:
        """What a shell script prints; it stops at the first command that fails."""
        return self.ssh.run("sh -e", check=check, stdin=script, timeout=timeout).stdout

    def read(self, path: str) -> str:
        return self.run("cat", path).stdout

    def write(self, path: str, text: str) -> None:
        self.ssh.run(f"cat > {shlex.quote(path)}", stdin=text)

    def pcipt(self, *arguments: str, check: bool = False, timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
        """The command as an operator types it; its exit code is an answer, so it is not checked."""
        return self.run("pcipt", *arguments, check=check, timeout=timeout)

    def address(self, name: str) -> str:
        """Where the card of this name is now: 0000:21:00.0. KeyError where it is not."""
        return self.addresses()[name]

    def addresses(self) -> Mapping[str, str]:
        """Card's name → address, of all that are in their slots; VFs are not cards."""
        return dict(_addresses(self.monitor.execute("query-pci")))

    def vfs(self, name: str) -> list[str]:
        """The addresses of a card's VFs, by their number."""
        links = self.shell(f"cd /sys/bus/pci/devices/{self.address(name)}; for n in $(ls -dv virtfn*); do readlink $n; done")
        return [Path(link).name for link in links.split()]

    def pull(self, name: str) -> None:
        """Presses the button beside the card's slot, and waits until it is out."""
        self.monitor.remove(name)

    def put_in(self, card: Card, *, slot: str | None = None) -> None:
        """A card into its own slot, or that of another."""
        for network in networks(card):
            with suppress(MonitorRefused):  # it stays from when the card was there before
                self.monitor.execute("netdev_add", {"type": "user", "id": f"net-{network}", "restrict": True})
        for disk in disks(card):
            with suppress(MonitorRefused):  # likewise
                self.monitor.execute("blockdev-add", disk)
        for part in parts(card, slot or port(card), number_of(self.machine, card)):
            self.monitor.add(part.said())

    def evidence(self) -> Iterator[tuple[str, str]]:
        """What somebody who looks for a fault wants to see of the host."""
        yield "console", tail(self.plug, 120)
        if not self.is_on():
            yield "host", "it is off"
            return
        with suppress(MonitorRefused, OSError):
            yield "processors", self.monitor.processors()
        for command in ("journalctl -u pcipt-agent --no-pager -n 40 -o short-precise", "pcipt status", "virsh list --all"):
            try:
                done = self.ssh.run(command, check=False, timeout=60)
                yield command, done.stdout + done.stderr
            except subprocess.TimeoutExpired:
                yield command, "no answer within 60 s"


@contextmanager
def booted(machine: str = "big", *, name: str = "compute1", lan: tuple[str, ...] = ()) -> Iterator[LabHost]:
    """A host of this checkout's image from switching it on to a power cut; nothing of it is left. The agent is not set up yet."""
    with tempfile.TemporaryDirectory(prefix="pcipt-lab-") as directory:
        host = LabHost(plugged(image(), machine, Path(directory), name=name, lan=lan))
        try:
            host.start()
            yield host
        finally:
            host.power_cut()


def taken_over(record: Path) -> LabHost:
    """The host that another process has switched on, and that stays when we end."""
    host = LabHost(recorded(record), stays=True)
    hold(host.plug.kernel.parent)
    if not host.ssh.is_open() and not host.ssh.open(seconds=30.0, alive=lambda: process_of(host.plug)):
        raise DidNotStart(f"the host of {record} does not answer; end it and switch on another: python3 -m tests.lab down; … up")
    return host


def _addresses(buses: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for bus in buses:
        for device in bus["devices"]:
            if device["qdev_id"]:
                yield device["qdev_id"], f"0000:{device['bus']:02x}:{device['slot']:02x}.{device['function']:x}"
            if "pci_bridge" in device:
                yield from _addresses([device["pci_bridge"]] if device["pci_bridge"].get("devices") else [])
