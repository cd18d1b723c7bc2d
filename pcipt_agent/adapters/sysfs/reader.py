# SPDX-License-Identifier: Apache-2.0
"""/sys under a root, read-only, into a Host.

Everything is read again at every look, because an event is only a hint and the host is the truth; but what reads the same as last
time is the same object, down to the whole Host, so that a look that finds nothing costs the reading alone. Bare os calls relative
to open directories keep even that near the kernel's own price: 4096 functions have some 50,000 files. VPD is the exception: it is
read once for as long as the function's ids stay.

A function that vanishes while it is read is gone, which is no error; one that is odd is a device with faults (`views.kernel`).

Does not know: what the texts mean (`views.kernel`, `views.vpd`), rules, claims, udev.
Source: Documentation/ABI: testing/sysfs-bus-pci.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pcipt_agent.adapters.sysfs.files import opened
from pcipt_agent.adapters.sysfs.function import read_function
from pcipt_agent.adapters.sysfs.nodes import numa_node, read_boot_id, read_cpulists
from pcipt_agent.adapters.sysfs.vdpa import read_vdpa
from pcipt_agent.adapters.sysfs.vpd import Vpd, read_vpd
from pcipt_agent.core.address import PciAddress, parse_address
from pcipt_agent.core.device import Device
from pcipt_agent.core.host import Host
from pcipt_agent.views.kernel import Kin, Raw, RawFunction, RawVdpa, device_of, vf_numbers
from pcipt_agent.views.vpd import Serial

_NO_VPD = Serial(None, None)


class _Sighting(NamedTuple):
    """All that one look has read. Two that are equal mean the same Host."""

    boot_id: str
    cpulists: Mapping[int, bytes]
    functions: Mapping[str, RawFunction]
    vdpa: Mapping[str, tuple[RawVdpa, ...]]
    """By the name of the function that it is over."""
    vpd: Mapping[str, Vpd]


class _Known(NamedTuple):
    """A device, and what it was made of."""

    raw: RawFunction
    kin: Kin
    device: Device


class SysfsReader:
    """Reads the tree at `root` (`/` for this machine); below it are `sys` and `proc`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._last: _Sighting | None = None
        self._host: Host | None = None
        self._known: dict[str, _Known] = {}

    def read(self) -> Host:
        """The host as it is now; the same object where nothing has changed. Raises HostError where it can't be read at all."""
        now = self._look()
        if self._host is None or now != self._last:
            self._host = self._host_of(now)
        self._last = now
        return self._host

    def _look(self) -> _Sighting:
        last = self._last
        functions = self._functions({} if last is None else last.functions)
        return _Sighting(
            boot_id=read_boot_id(self._root),
            cpulists=read_cpulists(self._root),
            functions=functions,
            vdpa=read_vdpa(self._root),
            vpd=self._vpd(functions, {} if last is None else last.vpd),
        )

    def _host_of(self, now: _Sighting) -> Host:
        nodes = {node: numa_node(self._root, node, cpulist) for node, cpulist in now.cpulists.items()}
        host = Host(devices=self._devices(now), numa_nodes=nodes, boot_id=now.boot_id)
        return self._host if host == self._host else host

    def _functions(self, last: Mapping[str, RawFunction]) -> dict[str, RawFunction]:
        """Name → what its directory holds, for every function that stayed while it was read."""
        path = self._root / "sys/bus/pci/devices"
        found = {}
        texts: dict[tuple[Raw, ...], tuple[Raw, ...]] = {}  # All VFs of a card hold the same: kept once for all of them.
        with opened(path) as bus:
            for name in os.listdir(bus):
                raw, before = read_function(bus, name), last.get(name)
                if raw == before and before is not None:
                    found[name] = before
                elif raw is not None:
                    found[name] = raw._replace(files=texts.setdefault(raw.files, raw.files))
        return found

    def _devices(self, now: _Sighting) -> dict[PciAddress, Device]:
        """In address order; a device that is as it was is the object that it was."""
        known, devices = {}, {}
        numbers = vf_numbers(now.functions)
        addresses = {name: address for name in now.functions if str(address := parse_address(name)) == name and address}
        for address, name in sorted(zip(addresses.values(), addresses, strict=True)):
            raw, kin = now.functions[name], _kin(now, name, addresses=addresses, numbers=numbers)
            before = self._known.get(name)
            if before is not None and before.raw is raw and before.kin == kin:
                known[name] = before
            else:
                device = device_of(address, raw, kin=kin)
                known[name] = _Known(raw, kin, before.device if before is not None and before.device == device else device)
            devices[address] = known[name].device
        self._known = known
        return devices

    def _vpd(self, functions: Mapping[str, RawFunction], last: Mapping[str, Vpd]) -> dict[str, Vpd]:
        """Function name → its VPD, for those that have it and are no VF."""
        found = {}
        for name, raw in functions.items():
            if raw.has_vpd and raw.physfn is None:
                before = last.get(name)
                if before is not None and before.final and before.identity == raw.identity:
                    found[name] = before
                else:
                    found[name] = read_vpd(self._root / "sys/bus/pci/devices" / name / "vpd", raw.identity)
        return found


def _kin(now: _Sighting, name: str, *, addresses: Mapping[str, PciAddress], numbers: Mapping[tuple[str, str | None], int]) -> Kin:
    pf, vdpa = now.functions[name].physfn, now.vdpa.get(name, ())
    vpd = now.vpd.get(pf or name)
    serial = _NO_VPD if vpd is None else vpd.serial
    if pf is None:
        return Kin(None, False, None, serial, vdpa)
    # Only a PF has VFs: a `physfn` that leads to a VF, or back to the function itself, leads to no PF.
    pf_here = pf in addresses and now.functions[pf].physfn is None
    return Kin(addresses.get(pf) or parse_address(pf), pf_here, numbers.get((pf, name)), serial, vdpa)
