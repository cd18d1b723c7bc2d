# SPDX-License-Identifier: Apache-2.0
"""/sys under a root, read-only, into a Host.

Everything is read again at every look, because an event is only a hint and the host is the truth; but what reads the same as last
time is the same object, down to the whole Host, so that a look that finds nothing costs the reading alone. Bare os calls relative
to open directories keep even that near the kernel's own price: 4096 functions have some 50,000 files. VPD is the exception: real
hardware takes milliseconds to seconds to give it, so it is read once for as long as the function's ids stay.

A function that vanishes while it is read is gone, which is no error; one that is odd is a device with faults (`views.kernel`).
vDPA devices are found by the bus's own list, because they may have any name; one over no PCI function (the kernel's simulator) has
no address and is left out.

Does not know: what the texts mean (`views.kernel`, `views.vpd`), rules, claims, udev.
Source: Documentation/ABI: testing/sysfs-bus-pci, testing/sysfs-bus-vdpa, testing/sysfs-devices-system-cpu,
stable/sysfs-devices-node.
"""

import errno
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pcipt_agent.core.address import PciAddress, parse_address
from pcipt_agent.core.device import Device
from pcipt_agent.core.host import Host, NumaNode
from pcipt_agent.errors import HostError
from pcipt_agent.views.cpus import parse_cpus
from pcipt_agent.views.kernel import FILES, Kin, Raw, RawFunction, RawVdpa, device_of, vf_numbers
from pcipt_agent.views.vpd import Serial, serial_of

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_CLOEXEC
_GONE = (errno.ENOENT, errno.ENODEV)
"""What the kernel answers for a function that is not there any more: by name, and by an open file."""
_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Errors that say nothing of the function."""
_LONGEST = 4096
"""Octets of the longest sysfs text: one page."""
_NODE = re.compile(r"node[0-9]+")
_NO_VPD = Serial(None, None)
_FILE_SET = frozenset(FILES)
_EMPTY = RawFunction((None,) * len(FILES), None, None, None, (), (), has_vpd=False)


class _Vpd(NamedTuple):
    """What was read of a function's VPD, and of which hardware."""

    identity: tuple[Raw, ...]
    serial: Serial
    final: bool
    """Whether another look at the same hardware would say the same."""


class _Sighting(NamedTuple):
    """All that one look has read. Two that are equal mean the same Host."""

    boot_id: str
    cpulists: Mapping[int, bytes]
    functions: Mapping[str, RawFunction]
    vdpa: Mapping[str, tuple[RawVdpa, ...]]
    """By the name of the function that it is over."""
    vpd: Mapping[str, _Vpd]


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
            boot_id=self._boot_id(),
            cpulists=self._cpulists(),
            functions=functions,
            vdpa=self._vdpa(),
            vpd=self._vpd(functions, {} if last is None else last.vpd),
        )

    def _host_of(self, now: _Sighting) -> Host:
        nodes = {node: self._numa_node(node, cpulist) for node, cpulist in now.cpulists.items()}
        host = Host(devices=self._devices(now), numa_nodes=nodes, boot_id=now.boot_id)
        return self._host if host == self._host else host

    def _functions(self, last: Mapping[str, RawFunction]) -> dict[str, RawFunction]:
        """Name → what its directory holds, for every function that stayed while it was read."""
        path = self._root / "sys/bus/pci/devices"
        found = {}
        texts: dict[tuple[Raw, ...], tuple[Raw, ...]] = {}  # All VFs of a card hold the same: kept once for all of them.
        with _opened(path) as bus:
            for name in os.listdir(bus):
                raw, before = _read_function(bus, name), last.get(name)
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

    def _vdpa(self) -> dict[str, tuple[RawVdpa, ...]]:
        """Function name → the vDPA devices over it, by name; empty where the kernel has no vdpa bus."""
        path = self._root / "sys/bus/vdpa/devices"
        found: dict[str, tuple[RawVdpa, ...]] = {}
        if not path.is_dir():
            return found
        with _opened(path) as bus:
            for name in sorted(os.listdir(bus)):
                # The link leads to <parent's directory>/<name>; vdpa_register_device() makes the driver's device its parent.
                parent = _led_to(bus, name).rpartition("/")[0].rpartition("/")[2]
                if parent:
                    found[parent] = (*found.get(parent, ()), _read_vdpa(bus, name))
        return found

    def _vpd(self, functions: Mapping[str, RawFunction], last: Mapping[str, _Vpd]) -> dict[str, _Vpd]:
        """Function name → its VPD, for those that have it and are no VF."""
        found = {}
        for name, raw in functions.items():
            if raw.has_vpd and raw.physfn is None:
                before = last.get(name)
                if before is not None and before.final and before.identity == raw.identity:
                    found[name] = before
                else:
                    found[name] = _read_vpd(self._root / "sys/bus/pci/devices" / name / "vpd", raw.identity)
        return found

    def _boot_id(self) -> str:
        path = self._root / "proc/sys/kernel/random/boot_id"
        try:
            return path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise HostError(str(path), _why(error)) from error

    def _cpulists(self) -> dict[int, bytes]:
        """NUMA node → its `cpulist`; empty for a kernel without NUMA."""
        path = self._root / "sys/devices/system/node"
        try:
            names = [name for name in os.listdir(path) if _NODE.fullmatch(name)]
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise HostError(str(path), _why(error)) from error
        found = {int(name.removeprefix("node")): _bytes_of(path / name / "cpulist") for name in names}
        return dict(sorted(found.items()))

    def _numa_node(self, node: int, cpulist: bytes) -> NumaNode:
        """A list that can't be understood is a node without CPUs: its devices are still devices."""
        try:
            cpus = parse_cpus(cpulist.decode("ascii").strip())
        except ValueError:
            cpus = frozenset()
        cpu_path = self._root / "sys/devices/system/cpu"
        sockets = {_bytes_of(cpu_path / f"cpu{cpu}" / "topology/physical_package_id").strip() for cpu in cpus}
        socket = sockets.pop() if len(sockets) == 1 else b""
        return NumaNode(node, cpus, int(socket) if socket.isdigit() and len(socket) < 10 else None)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """The directory, open. Raises HostError where it can't be, or can't be read to the end."""
    try:
        directory = os.open(path, _DIRECTORY)
        try:
            yield directory
        finally:
            os.close(directory)
    except OSError as error:
        raise HostError(str(path), _why(error)) from error


def _read_function(bus: int, name: str) -> RawFunction | None:
    """What the directory `name` holds; None where the function is gone, also if it went while it was read."""
    while True:
        try:
            directory = os.open(name, _DIRECTORY, dir_fd=bus)
        except OSError as error:
            if error.errno in _GONE:
                return None
            _raise_ours(error, name)
            return _EMPTY._replace(files=(_why(error), *_EMPTY.files[1:]))
        try:
            listed = _listed(directory)
            raw = _read_directory(directory, listed)
            if (listed and not _missed(raw, listed)) or _is_still(directory, bus, name=name):
                return raw
        finally:
            os.close(directory)


def _listed(directory: int) -> set[str]:
    """Nothing where it was removed since it was opened."""
    try:
        return set(os.listdir(directory))
    except FileNotFoundError:
        return set()


def _raise_ours(error: OSError, name: str) -> None:
    """Raises HostError where the error says nothing of what was to be read."""
    if error.errno in _OURS:
        raise HostError(name, _why(error)) from error


def _read_directory(directory: int, listed: set[str]) -> RawFunction:
    """Links first, so that a function that leaves while they are read is noticed by its files."""
    driver = _target(directory, "driver") if "driver" in listed else None
    group = _target(directory, "iommu_group") if "iommu_group" in listed else None
    physfn = _target(directory, "physfn") if "physfn" in listed else None
    virtfns: tuple[tuple[str, str | None], ...] = ()
    if "sriov_numvfs" in listed:
        virtfns = tuple([(name, _target(directory, name)) for name in sorted(listed) if name.startswith("virtfn")])
    files = tuple([_content(directory, name) if name in listed else None for name in FILES])
    nets = _read_nets(directory, "net") if "net" in listed else ()
    if driver == "virtio-pci":
        # The function's own child is the virtio device, and the network interface is that one's.
        nets = tuple([net for name in sorted(listed) if name.startswith("virtio") for net in _read_nets(directory, f"{name}/net")])
    return RawFunction(files, driver, group, physfn, virtfns, nets, "vpd" in listed)


def _missed(raw: RawFunction, listed: set[str]) -> bool:
    """Whether a file that was listed could not be opened any more."""
    return len(FILES) - raw.files.count(None) != len(_FILE_SET & listed)


def _is_still(directory: int, bus: int, *, name: str) -> bool:
    """Whether `name` leads to the directory that was read: a function that left and came back has a new one."""
    try:
        return os.path.samestat(os.fstat(directory), os.stat(name, dir_fd=bus))
    except OSError:
        return False


def _content(directory: int, name: str) -> Raw:
    try:
        file = os.open(name, _FILE, dir_fd=directory)
        try:
            return os.read(file, _LONGEST)
        finally:
            os.close(file)
    except OSError as error:
        _raise_ours(error, name)
        return None if error.errno in _GONE else _why(error)


def _target(directory: int, name: str) -> str | None:
    """The last part of where the link `name` leads."""
    return _led_to(directory, name).rpartition("/")[2] or None


def _led_to(directory: int, name: str) -> str:
    try:
        return os.readlink(name, dir_fd=directory)
    except OSError:
        return ""


def _names(directory: int, name: str) -> list[str]:
    """What the directory `name` lists, in order; nothing where it is not there."""
    try:
        child = os.open(name, _DIRECTORY, dir_fd=directory)
    except OSError as error:
        _raise_ours(error, name)
        return []
    try:
        return sorted(_listed(child))
    finally:
        os.close(child)


def _read_nets(directory: int, path: str) -> tuple[tuple[str, Raw], ...]:
    return tuple([(name, _content(directory, f"{path}/{name}/address")) for name in _names(directory, path)])


def _read_vdpa(bus: int, name: str) -> RawVdpa:
    children = tuple([child for child in _names(bus, name) if child.startswith(("vhost-vdpa-", "virtio"))])
    virtio = next((child for child in children if child.startswith("virtio")), None)
    virtio_id = None if virtio is None else _content(bus, f"{name}/{virtio}/device")
    return RawVdpa(name, _target(bus, f"{name}/driver"), children, virtio_id)


def _read_vpd(path: Path, identity: tuple[Raw, ...]) -> _Vpd:
    try:
        return _Vpd(identity, serial_of(path.read_bytes()), final=True)
    except OSError as error:
        _raise_ours(error, str(path))
        # Not root now is not root later; a device that does not answer (ETIMEDOUT, EIO) may do so next time.
        return _Vpd(identity, Serial(None, f"its VPD can't be read: {_why(error)}"), final=isinstance(error, PermissionError))


def _kin(now: _Sighting, name: str, *, addresses: Mapping[str, PciAddress], numbers: Mapping[tuple[str, str | None], int]) -> Kin:
    pf, vdpa = now.functions[name].physfn, now.vdpa.get(name, ())
    vpd = now.vpd.get(pf or name)
    serial = _NO_VPD if vpd is None else vpd.serial
    if pf is None:
        return Kin(None, False, None, serial, vdpa)
    # Only a PF has VFs: a `physfn` that leads to a VF, or back to the function itself, leads to no PF.
    pf_here = pf in addresses and now.functions[pf].physfn is None
    return Kin(addresses.get(pf) or parse_address(pf), pf_here, numbers.get((pf, name)), serial, vdpa)


def _bytes_of(path: Path) -> bytes:
    """What the file holds; nothing where it can't be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        _raise_ours(error, str(path))
        return b""


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
