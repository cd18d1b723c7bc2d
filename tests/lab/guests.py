# SPDX-License-Identifier: Apache-2.0
"""Guests in a compute host: a domain around the devices' XML that the agent gave, and what the guest itself sees of them.

They are KVM's guests as on a host of metal: QEMU emulates AMD's SVM for the host's processor, so the host has /dev/kvm. A guest is
then ready after 17 s of processor time; emulated inside the emulation, it was not after five minutes.

They tell their interrupt controller of each interrupt's end by a register (`eoi='off'`), not by KVM's paravirtual flag in memory.
QEMU 11.1's VMRUN leaves `exception_index` at the interrupt that it injects, and injects it again, into a handler that has
interrupts off, where its processor is told to leave its loop before the guest's next exit: the guest then waits for ever for a lock
that it holds itself. With the flag that exit may be milliseconds away: one guest of 41 stood still, and 5 of 11 on a machine that
was stopped and continued 30 times a second. With the register it is a few instructions away: none of 109, and none of 8.

A guest that runs a kernel shows what it sees (`view`). Where it is enough that a domain holds a device, `HOLDER` has no kernel: its
firmware finds nothing to start, and waits; that costs the time that libvirt takes to create it.

Does not know: the agent, claims; the XML of a device is always the agent's, never made here.
"""

import time
from dataclasses import dataclass
from typing import Self

from tests.lab.guest_files import INITRAMFS, KERNEL, PLACE
from tests.lab.guest_view import GuestView, guest_view
from tests.lab.host import LabHost

_LIBVIRT_SECONDS = 400.0
"""To create a guest took more than 180 where five hosts were on at once, on two processors."""
_COMMAND_LINE = "console=ttyS0 quiet"


class GuestFailed(Exception):
    """A guest ended, or did not say in time that it is ready; shows the end of its console and of QEMU's log."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a guest is beside its devices."""

    kernel: bool = True
    memory_mib: int = 192


RUNNING = Shape()
HOLDER = Shape(kernel=False, memory_mib=64)


@dataclass(frozen=True, slots=True)
class Guest:
    """One domain."""

    host: LabHost
    name: str
    uuid: str

    @classmethod
    def create(cls, host: LabHost, name: str, devices_xml: str, *, uuid: str, shape: Shape = RUNNING) -> Self:
        """A guest that is gone when it ends. Raises CommandFailed where libvirt does not start it."""
        guest = cls(host, name, uuid)
        host.run("rm", "-f", guest.console_path)
        host.run("virsh", "create", "/dev/stdin", input=domain_xml(guest, devices_xml, shape), timeout=_LIBVIRT_SECONDS)
        return guest

    @classmethod
    def define(cls, host: LabHost, name: str, devices_xml: str, *, uuid: str, shape: Shape = RUNNING) -> Self:
        """A guest that libvirt keeps, and that is off."""
        guest = cls(host, name, uuid)
        host.run("virsh", "define", "/dev/stdin", input=domain_xml(guest, devices_xml, shape))
        return guest

    @property
    def console_path(self) -> str:
        """In the host."""
        return f"/var/log/libvirt/qemu/{self.name}.console"

    def wait_ready(self, *, seconds: float = 600.0) -> GuestView:
        """What the guest sees, once it has shown all. Raises GuestFailed where it ends before, or takes longer."""
        until = time.monotonic() + seconds
        while not (view := self.view()).ready:
            if not self.is_running():
                raise GuestFailed(f"{self.name} has ended before it was ready:\n{self._last_words()}")
            if time.monotonic() > until:
                raise GuestFailed(f"{self.name} is not ready after {seconds:g} s:\n{self._last_words()}")
            time.sleep(1.0)
        return view

    def view(self) -> GuestView:
        """What it has shown so far."""
        return guest_view(self.console())

    def console(self) -> str:
        return self.host.run("cat", self.console_path, check=False).stdout

    def is_running(self) -> bool:
        return self.host.run("virsh", "domstate", self.name, check=False).stdout.strip() == "running"

    def dumpxml(self) -> str:
        """The domain as libvirt runs it."""
        return self.host.run("virsh", "dumpxml", self.name).stdout

    def destroy(self) -> None:
        """Its plug is pulled; its devices go back to the host."""
        self.host.run("virsh", "destroy", self.name, timeout=_LIBVIRT_SECONDS)

    def undefine(self) -> None:
        self.host.run("virsh", "undefine", self.name)

    def _last_words(self) -> str:
        files = (self.console_path, f"/var/log/libvirt/qemu/{self.name}.log")
        return "\n".join(self.host.run("tail", "-n", "20", file, check=False).stdout for file in files)


def domain_xml(guest: Guest, devices_xml: str, shape: Shape) -> str:
    """A domain document as libvirt takes it, with these devices."""
    boot = f"<kernel>{PLACE}/{KERNEL}</kernel><initrd>{PLACE}/{INITRAMFS}</initrd><cmdline>{_COMMAND_LINE}</cmdline>"
    return f"""\
<domain type='kvm'>
  <name>{guest.name}</name>
  <uuid>{guest.uuid}</uuid>
  <memory unit='MiB'>{shape.memory_mib}</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type>{boot if shape.kernel else ""}</os>
  <features><acpi/><apic eoi='off'/></features>
  <cpu mode='host-passthrough'/>
  <on_reboot>destroy</on_reboot>
  <devices>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
    <serial type='file'><source path='{guest.console_path}'/></serial>
    {devices_xml}
  </devices>
</domain>
"""
