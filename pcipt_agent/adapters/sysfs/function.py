# SPDX-License-Identifier: Apache-2.0
"""One function's directory, read whole: either as it was at one moment, or gone.

Does not know: other functions, what the texts mean (`views.kernel`).
Source: Documentation/ABI: testing/sysfs-bus-pci.
"""

import os
from pathlib import Path

from pcipt_agent.adapters.sysfs.files import DIRECTORY, GONE, content, listed_in, names, raise_ours, target, why
from pcipt_agent.views.kernel import FILES, Raw, RawFunction

_FILE_SET = frozenset(FILES)
_EMPTY = RawFunction((None,) * len(FILES), None, None, None, (), (), has_vpd=False)


class DriverModules:
    """Driver → the kernel module it is in, for as long as one look takes: read once a driver, not of each of its functions."""

    def __init__(self, root: Path) -> None:
        self._drivers = root / "sys/bus/pci/drivers"
        self._known: dict[str, str | None] = {}

    def of(self, driver: str) -> str | None:
        """None for a driver that is built in."""
        if driver not in self._known:
            try:
                link = os.readlink(f"{self._drivers}/{driver}/module")
            except OSError:
                link = ""
            self._known[driver] = link.rpartition("/")[2] or None
        return self._known[driver]


def read_function(bus: int, name: str, *, modules: DriverModules) -> RawFunction | None:
    """What the directory `name` holds; None where the function is gone, also if it went while it was read."""
    while True:
        try:
            directory = os.open(name, DIRECTORY, dir_fd=bus)
        except OSError as error:
            if error.errno in GONE:
                return None
            raise_ours(error, name)
            return _EMPTY._replace(files=(why(error), *_EMPTY.files[1:]))
        try:
            listed = listed_in(directory)
            raw = _read_directory(directory, listed, modules=modules)
            if (listed and not _missed(raw, listed)) or _is_still(directory, bus, name=name):
                return raw
        finally:
            os.close(directory)


def _read_directory(directory: int, listed: set[str], *, modules: DriverModules) -> RawFunction:
    """Links first, so that a function that leaves while they are read is noticed by its files."""
    driver = target(directory, "driver") if "driver" in listed else None
    group = target(directory, "iommu_group") if "iommu_group" in listed else None
    physfn = target(directory, "physfn") if "physfn" in listed else None
    virtfns: tuple[tuple[str, str | None], ...] = ()
    if "sriov_numvfs" in listed:
        virtfns = tuple([(name, target(directory, name)) for name in sorted(listed) if name.startswith("virtfn")])
    files = tuple([content(directory, name) if name in listed else None for name in FILES])
    nets = _read_nets(directory, "net") if "net" in listed else ()
    if driver == "virtio-pci":
        # The function's own child is the virtio device, and the network interface is that one's.
        nets = tuple([net for name in sorted(listed) if name.startswith("virtio") for net in _read_nets(directory, f"{name}/net")])
    vfio, module = bool("vfio-dev" in listed and names(directory, "vfio-dev")), None if driver is None else modules.of(driver)
    return RawFunction(files, driver, group, physfn, virtfns, nets, "vpd" in listed, vfio, module)


def _missed(raw: RawFunction, listed: set[str]) -> bool:
    """Whether a file that was listed could not be opened any more."""
    return len(FILES) - raw.files.count(None) != len(_FILE_SET & listed)


def _is_still(directory: int, bus: int, *, name: str) -> bool:
    """Whether `name` leads to the directory that was read: a function that left and came back has a new one."""
    try:
        return os.path.samestat(os.fstat(directory), os.stat(name, dir_fd=bus))
    except OSError:
        return False


def _read_nets(directory: int, path: str) -> tuple[tuple[str, Raw], ...]:
    return tuple([(name, content(directory, f"{path}/{name}/address")) for name in names(directory, path)])
