# SPDX-License-Identifier: Apache-2.0
"""/sys and /proc under a root, read-only, into a Host.

What is looked at is read again, always, because an event is only a hint and the host is the truth; but what reads the same as last
time is the same object, down to the whole Host, so that a look that finds nothing costs the reading alone. Bare os calls relative
to open directories keep even that near the kernel's own price: 4096 functions have some 50,000 files. VPD is the exception: it is
read once for as long as the function stays, which its file's inode tells: another card of the same model brings another.

A look at a few functions sees what a look at everything would, had nothing else changed: with a VF its PF is read (it has the VF's
number), and where a PF's VFs have come or gone, those. A function that vanishes while it is read is gone, which is no error; one
that is odd is a device with faults (`views.kernel`).

Linux holds a PF's device lock while its VFs are made or removed, and reading `sriov_numvfs` waits for it (drivers/pci/iov.c,
sriov_numvfs_show): a look can take as long as that, which is seconds for a large card. What is gone can be known before (`gone`).

Does not know: what the texts mean (`views.kernel`, `views.vpd`), rules, claims, udev.
Source: Documentation/ABI: testing/sysfs-bus-pci.
"""

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from pcipt_agent.adapters.sysfs.files import opened
from pcipt_agent.adapters.sysfs.function import DriverModules, read_function
from pcipt_agent.adapters.sysfs.host_use import host_uses
from pcipt_agent.adapters.sysfs.nodes import numa_node, read_boot_id, read_cpulists
from pcipt_agent.adapters.sysfs.rtnetlink import told_by_kernel
from pcipt_agent.adapters.sysfs.sighting import NOTHING, Sighting, address_of, kins
from pcipt_agent.adapters.sysfs.vdpa import read_vdpa, read_vdpa_over
from pcipt_agent.adapters.sysfs.vfio_modules import vfio_modules
from pcipt_agent.adapters.sysfs.vpd import Vpd, inode, read_vpd
from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.device import Device
from pcipt_agent.core.host import Host, host_after
from pcipt_agent.views.kernel import Kin, Raw, RawFunction, device_of


class _Known(NamedTuple):
    """A device, and what it was made of."""

    raw: RawFunction
    kin: Kin
    device: Device


class SysfsReader:
    """Reads the tree at `root` (`/` for this machine, whose kernel is asked too); below it are `sys` and `proc`. One thread's at a
    time."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._ask = told_by_kernel if root.resolve() == Path("/") else None
        self._bus = root / "sys/bus/pci/devices"
        self._last = NOTHING
        self._host: Host | None = None
        self._known: dict[str, _Known] = {}

    def read(self) -> Host:
        """The host as it is now; the same object where nothing has changed. Raises HostError where it can't be read at all."""
        now = self._look()
        if self._host is None or now != self._last:
            self._known = self._made(now, now.functions)
            devices = {
                address: known.device for address, known in sorted((each.device.address, each) for each in self._known.values())
            }
            nodes = {node: numa_node(self._root, node, cpulist) for node, cpulist in now.cpulists.items()}
            host = Host(devices=devices, numa_nodes=nodes, boot_id=now.boot_id)
            self._host = self._host if host == self._host else host
        self._last = now
        return self._host

    def read_at(self, addresses: Collection[PciAddress]) -> Host:
        """The host with these functions and their relatives as they are now, and with what the host itself uses now.

        The same object where nothing of it has changed. Raises HostError as `read` does.
        """
        if self._host is None:
            return self.read()
        read = self._read_at(map(str, addresses))
        last, now = self._last, self._beside(read)
        changed = _unlike(last.functions, read, read)
        _merge(last.functions, {name: read[name] for name in changed})
        names = changed | _unlike(last.vpd, now.vpd, read)
        vfs = {str(vf.address) for name in names if (address := address_of(name)) for vf in self._host.vfs_of(address)}
        names |= (
            vfs | _unlike(last.vdpa, now.vdpa, read) | _unlike(last.host_uses, now.host_uses, {*last.host_uses, *now.host_uses})
        )
        made = self._made(now, names)
        changes: dict[PciAddress, Device | None] = {address: None for address in map(address_of, names) if address}
        changes |= {known.device.address: known.device for known in made.values()}
        self._host = host_after(self._host, changes)
        for name in names:
            self._known.pop(name, None)
        self._known.update(made)
        self._last = now
        return self._host

    def gone(self, addresses: Collection[PciAddress]) -> frozenset[PciAddress]:
        """Only names are looked up, which takes no lock of a device."""
        with opened(self._bus) as bus:
            return frozenset(address for address in addresses if _is_gone(bus, str(address)))

    def _look(self) -> Sighting:
        last, modules = self._last, DriverModules(self._root)
        functions = dict[str, RawFunction]()
        texts: Texts = {}
        with opened(self._bus) as bus:
            for name in os.listdir(bus):
                raw = _shared(read_function(bus, name, modules=modules), last.functions.get(name), texts)
                if raw is not None:
                    functions[name] = raw
            for name in _half_made(functions, {}):
                raw = read_function(bus, name, modules=modules)
                if raw is None:
                    del functions[name]
                else:
                    functions[name] = raw
        return Sighting(
            boot_id=read_boot_id(self._root),
            cpulists=read_cpulists(self._root),
            functions=functions,
            vdpa=read_vdpa(self._root),
            vpd=self._vpd(functions),
            host_uses=host_uses(self._root, self._ask),
            vfio_modules=vfio_modules(self._root),
        )

    def _beside(self, read: Mapping[str, RawFunction | None]) -> Sighting:
        """As last, but for what is beside the files of these functions, which have been read."""
        last = self._last
        functions = {name: raw for name, raw in read.items() if raw is not None}
        return last._replace(
            vdpa=_with(last.vdpa, read, read_vdpa_over(self._root, functions)),
            vpd=_with(last.vpd, read, self._vpd(functions)),
            host_uses=host_uses(self._root, self._ask),
        )

    def _read_at(self, names: Iterable[str]) -> dict[str, RawFunction | None]:
        """Each of them, each PF of them, and the VFs that a PF of those has got or lost: once."""
        last, modules = self._last.functions, DriverModules(self._root)
        read: dict[str, RawFunction | None] = {}
        texts: Texts = {}
        waiting = set(names)
        with opened(self._bus) as bus:
            while waiting:
                name = waiting.pop()
                before = last.get(name)
                read[name] = raw = _shared(read_function(bus, name, modules=modules), before, texts)
                waiting |= {each for each in _led_to(before, raw) if each not in read and address_of(each) is not None}
            for name in _half_made(read, last):
                read[name] = read_function(bus, name, modules=modules)
        return read

    def _made(self, now: Sighting, names: Collection[str]) -> dict[str, _Known]:
        """Name → the device, for those that are here; one that is as it was is the object that it was."""
        made = {}
        for address, name, kin in kins(now, names):
            raw, before = now.functions[name], self._known.get(name)
            if before is not None and before.raw is raw and before.kin == kin:
                made[name] = before
            else:
                device = device_of(address, raw, kin=kin)
                made[name] = _Known(raw, kin, before.device if before is not None and before.device == device else device)
        return made

    def _vpd(self, functions: Mapping[str, RawFunction]) -> dict[str, Vpd]:
        """Function name → its VPD, for those of these that have it and are no VF."""
        found, last = {}, self._last.vpd
        for name, raw in functions.items():
            if raw.has_vpd and raw.physfn is None:
                before, hardware = last.get(name), (inode(self._bus / name / "vpd"), *raw.identity)
                if before is not None and before.final and before.hardware == hardware:
                    found[name] = before
                else:
                    found[name] = read_vpd(self._bus / name / "vpd", hardware)
        return found


def _is_gone(bus: int, name: str) -> bool:
    """Not where it can't be known: that is for a look to find out."""
    try:
        os.stat(name, dir_fd=bus, follow_symlinks=False)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


Texts = dict[tuple[Raw, ...], tuple[Raw, ...]]
"""All VFs of a card hold the same: kept once for all of them."""


def _shared(raw: RawFunction | None, before: RawFunction | None, texts: Texts) -> RawFunction | None:
    """What was read, as the object that it was before, where it is as it was."""
    if raw is None:
        return None
    if raw == before:
        return before
    return raw._replace(files=texts.setdefault(raw.files, raw.files))


def _led_to(before: RawFunction | None, raw: RawFunction | None) -> set[str]:
    """Who else may be seen otherwise: the PF that a function has or had, and a PF's VFs where those or the PF are others now."""
    if before is not None and raw is not None and (before.driver, before.identity) == (raw.driver, raw.identity):
        vfs = set(before.virtfns) ^ set(raw.virtfns)
    else:
        vfs = {link for each in (before, raw) if each is not None for link in each.virtfns}
    found = {vf for _, vf in vfs} | {each.physfn for each in (before, raw) if each is not None}
    return {name for name in found if name is not None}


def _half_made(read: Mapping[str, RawFunction | None], last: Mapping[str, RawFunction]) -> set[str]:
    """Whom PFs call their VFs, and who did not say so: Linux lists a VF before it has its `physfn` (pci_iov_add_virtfn)."""
    vfs = {vf for raw in read.values() if raw is not None for _, vf in raw.virtfns if vf is not None}
    return {vf for vf in vfs if (raw := read[vf] if vf in read else last.get(vf)) is not None and raw.physfn is None}


_Value = TypeVar("_Value")


def _with(last: Mapping[str, _Value], read: Collection[str], found: Mapping[str, _Value]) -> Mapping[str, _Value]:
    """As last, but for the functions that were read: of those, what was found."""
    if all(last.get(name) is found.get(name) for name in read):
        return last
    merged = dict(last)  # a copy in C; most of it stays
    for name in read:
        merged.pop(name, None)
    merged.update(found)
    return merged


def _merge(functions: dict[str, RawFunction], changed: Mapping[str, RawFunction | None]) -> None:
    for name, raw in changed.items():
        if raw is None:
            functions.pop(name, None)
        else:
            functions[name] = raw


def _unlike(last: Mapping[str, object], now: Mapping[str, object], names: Iterable[str]) -> set[str]:
    """Those of which they say different things."""
    return {name for name in names if last.get(name) != now.get(name)}
