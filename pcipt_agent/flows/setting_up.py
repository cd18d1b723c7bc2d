# SPDX-License-Identifier: Apache-2.0
"""Setting up: PCI functions become what devices.conf says, in the order VFs, drivers, vDPA devices.

Run by root at boot, before the agent; the agent itself changes nothing of a device. It may be run at any time, with guests on the
host, and so: what is so already is left alone, VFs that are there are never removed or made anew, no driver is taken from a
function that the host uses, that a vfio driver has or that has vDPA devices (a guest may have it then), and what was written is
read back. What the kernel has yet to make is waited for where it is needed: a VF that has a section of its own is there only once
its PF's are made, and who makes vDPA devices of a VF once a module has been loaded for it. One function that can't be set up does
not stop the others.

Does not know: claims (what it does to a claimed function is to give it the driver that it needs), how a file below /sys is written.
Source: Documentation/ABI/testing/sysfs-bus-pci (sriov_numvfs, sriov_drivers_autoprobe, driver_override); vdpa-dev(8).
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Final

from pcipt_agent.conf.device_setup import FunctionSetUp
from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.device import Device
from pcipt_agent.core.host import Host
from pcipt_agent.errors import HostError
from pcipt_agent.ports import HostReader, KernelSettings

_VDPA_BUS: Final = "vhost_vdpa"
"""The driver that gives a vDPA device to a guest."""
_PAUSE_SECONDS: Final = 0.5


class Outcome(StrEnum):
    """What became of one wish; the values are shown."""

    DONE = "done"
    ALREADY = "already"
    WOULD = "would"
    """In a dry run."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Done:
    """One wish of one function."""

    outcome: Outcome
    address: PciAddress
    wish: str
    """As in devices.conf: `vfs = 8`."""
    note: str = ""


class _Failed(Exception):
    """One wish can't be granted; the text says why, and the way out."""


class Patience:
    """How long one run waits, all in all, for what is not there yet."""

    def __init__(self, seconds: float, pause: Callable[[float], None]) -> None:
        self._rounds = int(seconds / _PAUSE_SECONDS)
        self._pause = pause

    def waited(self) -> bool:
        """A moment has passed; False, at once, where there is no patience left."""
        if self._rounds <= 0:
            return False
        self._rounds -= 1
        self._pause(_PAUSE_SECONDS)
        return True


class SettingUp:
    """One run over some functions."""

    def __init__(self, reader: HostReader, kernel: KernelSettings, *, dry_run: bool, patience: Patience) -> None:
        self._reader = reader
        self._kernel = kernel
        self._dry_run = dry_run
        self._patience = patience

    def run(self, wanted: Sequence[FunctionSetUp], only: Collection[PciAddress] = ()) -> Iterator[Done]:
        """Wish by wish; `only`: of these functions and their VFs, where any are named. Raises HostError where no host is."""
        with_vfs = [each for each in wanted if each.vfs is not None and (not only or each.address in only)]
        self._wait_for(with_vfs, _may_make_vfs)
        for each in with_vfs:
            yield self._vfs_made(each, each.vfs or 0)
        named = [each for each in wanted if not only or each.address in only]
        host = self._wait_for(named, _is_there)
        own_driver = {each.address for each in wanted if each.driver is not None}
        meant = [each for each in wanted if not only or each.address in only or _is_vf_of(host, each.address, only)]
        for each in meant:
            for address, driver in _drivers(each, host, own_driver):
                yield self._attempt(address, f"driver = {driver}", partial(self._bind, host, address, driver))
        host = self._reader.read()
        for each in meant:
            for address, name in _vdpa_names(each, host):
                yield self._attempt(address, f"vdpa = {name}", partial(self._make_vdpa, host, address, name))

    def _wait_for(self, wanted: Sequence[FunctionSetUp], holds: Callable[[Host, FunctionSetUp], bool]) -> Host:
        """The host as soon as that holds of each, or as it is when patience is at its end."""
        while True:
            host = self._reader.read()
            if all(holds(host, each) for each in wanted) or not self._patience.waited():
                return host

    def _vfs_made(self, wanted: FunctionSetUp, vfs: int) -> Done:
        done = self._attempt(wanted.address, f"vfs = {vfs}", partial(self._make_vfs, wanted, vfs))
        then = [f"driver = {wanted.vf_driver}"] * (wanted.vf_driver is not None) + [f"vdpa = {wanted.vf_vdpa}N"] * (
            wanted.vf_vdpa is not None
        )
        return replace(done, note=f"then each of them: {', '.join(then)}") if done.outcome is Outcome.WOULD and then else done

    def _attempt(self, address: PciAddress, wish: str, grant: Callable[[], bool]) -> Done:
        """`grant` says whether something had to be done."""
        try:
            changed = grant()
        except (_Failed, HostError) as why:
            return Done(Outcome.FAILED, address, wish, str(why))
        if not changed:
            return Done(Outcome.ALREADY, address, wish)
        return Done(Outcome.WOULD if self._dry_run else Outcome.DONE, address, wish)

    def _make_vfs(self, wanted: FunctionSetUp, vfs: int) -> bool:
        address = wanted.address
        device = _there(self._reader.read(), address)
        if device.sriov is None:
            raise _Failed("it has no SR-IOV, so no VFs; in the firmware SR-IOV may be switched off")
        if device.sriov.num_vfs == vfs:
            return False
        if device.sriov.num_vfs:
            raise _Failed(
                f"it has {device.sriov.num_vfs} VFs, and they are left as they are: guests may have them. When none has: "
                f"echo 0 > /sys/bus/pci/devices/{address}/sriov_numvfs, and set it up again"
            )
        if vfs > device.sriov.total_vfs:
            raise _Failed(
                f"it can have {device.sriov.total_vfs} VFs at most (sriov_totalvfs); more may be a setting of its firmware"
            )
        if device.driver is None:
            raise _Failed(f"no driver is bound to it, and VFs are its driver's to make; see dmesg | grep {address}")
        if self._dry_run:
            return True
        if wanted.vf_driver is not None:
            self._write(f"bus/pci/devices/{address}/sriov_drivers_autoprobe", "0")
        self._write(f"bus/pci/devices/{address}/sriov_numvfs", str(vfs))
        return True

    def _bind(self, host: Host, address: PciAddress, driver: str) -> bool:
        device = _there(host, address)
        if device.driver == driver:
            return False
        if device.host_uses:
            raise _Failed(f"the host uses it: {device.host_uses[0].detail}; free it of that first")
        if device.vfio_driver:
            raise _Failed(
                f"{device.driver} has it, so a guest may; when none has: "
                f"echo {address} > /sys/bus/pci/drivers/{device.driver}/unbind, and set it up again"
            )
        if device.sriov is not None and device.sriov.num_vfs:
            raise _Failed(f"its {device.sriov.num_vfs} VFs would go with its driver {device.driver}")
        if device.vdpa:
            name = device.vdpa[0].name
            raise _Failed(
                f"vDPA device {name} would go with its driver {device.driver}, and a guest may have it; when none has: "
                f"vdpa dev del {name}, and set it up again"
            )
        if self._dry_run:
            return True
        self._bind_on("pci", str(address), driver, device.driver)
        return True

    def _bind_on(self, bus: str, name: str, driver: str, present: str | None) -> None:
        directory = f"bus/{bus}/devices/{name}"
        if not self._kernel.is_there(f"bus/{bus}/drivers/{driver}"):
            self._kernel.load_module(driver)
        if not self._kernel.is_there(f"bus/{bus}/drivers/{driver}"):
            raise _Failed(f"there is no driver {driver} on this kernel's {bus} bus; modinfo {driver}")
        self._write(f"{directory}/driver_override", driver)
        if present is not None:
            self._kernel.write(f"{directory}/driver/unbind", name)
        said = ""
        try:
            self._kernel.write(f"bus/{bus}/drivers/{driver}/bind", name)
        except HostError as error:
            said = f" ({error})"
        if (bound := self._kernel.goal(f"{directory}/driver")) != driver:
            raise _Failed(
                f"{driver} did not take it{said}, and {bound or 'no driver'} has it now; see dmesg | grep {name}. Back: "
                f"echo > /sys/{directory}/driver_override; echo {name} > /sys/bus/{bus}/drivers_probe"
            )

    def _make_vdpa(self, host: Host, address: PciAddress, name: str) -> bool:
        device = _there(host, address)
        present = next((each for each in device.vdpa if each.name == name), None)
        if present is not None and present.driver == _VDPA_BUS:
            return False
        if present is None and self._kernel.is_there(f"bus/vdpa/devices/{name}"):
            raise _Failed(f"there is a vDPA device {name} over another function; give this one another name")
        if present is not None and present.driver is not None and device.host_uses:
            raise _Failed(f"{present.driver} has it, and the host uses it: {device.host_uses[0].detail}; free it of that first")
        if self._dry_run:
            return True
        if not self._kernel.is_there(f"bus/vdpa/drivers/{_VDPA_BUS}"):
            self._kernel.load_module(_VDPA_BUS)
        if present is None:
            self._add_vdpa(name, address)
        driver = self._kernel.goal(f"bus/vdpa/devices/{name}/driver")
        if driver != _VDPA_BUS:
            self._bind_on("vdpa", name, _VDPA_BUS, driver)
        return True

    def _add_vdpa(self, name: str, address: PciAddress) -> None:
        """Tried again while there is patience: udev loads the module that makes vDPA devices of a VF after its driver took it."""
        while True:
            try:
                self._kernel.add_vdpa(name, f"pci/{address}")
            except HostError:
                if not self._patience.waited():
                    raise
            else:
                return

    def _write(self, path: str, value: str) -> None:
        """The file holds the value: read back, because some drivers take a write and do otherwise."""
        self._kernel.write(path, value)
        if (found := self._kernel.read(path)) != value:
            raise _Failed(f"/sys/{path} was written {value!r} and holds {found!r}; see dmesg")


def _is_there(host: Host, wanted: FunctionSetUp) -> bool:
    return wanted.address in host.devices


def _may_make_vfs(host: Host, wanted: FunctionSetUp) -> bool:
    """They are its driver's to make."""
    device = host.devices.get(wanted.address)
    return device is not None and device.driver is not None


def _there(host: Host, address: PciAddress) -> Device:
    device = host.devices.get(address)
    if device is None:
        raise _Failed("it is not on this host; lspci -D shows what is")
    return device


def _is_vf_of(host: Host, address: PciAddress, pfs: Collection[PciAddress]) -> bool:
    device = host.devices.get(address)
    return device is not None and device.parent in pfs


def _drivers(wanted: FunctionSetUp, host: Host, own_driver: set[PciAddress]) -> Iterator[tuple[PciAddress, str]]:
    """Each function and the driver that it is to have; a VF's own section goes before its PF's."""
    if wanted.driver is not None:
        yield wanted.address, wanted.driver
    if wanted.vf_driver is not None:
        yield from ((vf.address, wanted.vf_driver) for vf in host.vfs_of(wanted.address) if vf.address not in own_driver)


def _vdpa_names(wanted: FunctionSetUp, host: Host) -> Iterator[tuple[PciAddress, str]]:
    if wanted.vdpa is not None:
        yield wanted.address, wanted.vdpa
    if wanted.vf_vdpa is not None:
        yield from ((vf.address, f"{wanted.vf_vdpa}{vf.vf_number}") for vf in host.vfs_of(wanted.address))
