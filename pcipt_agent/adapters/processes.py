# SPDX-License-Identifier: Apache-2.0
"""/proc and /sys under a root: which processes have a device's vfio nodes open.

A guest that was started past libvirt, or that libvirt has forgotten, is a process all the same. Who may not look into other users'
processes (the agent, as a rule) asks the driver instead: vfio holds its module for as long as any device of it is open, and the
count is everybody's to read. Where neither can tell, the answer says so, because a wrong "nobody" hands a device out twice.

Does not know: libvirt, claims.
Source: Linux drivers/vfio/vfio_main.c, vfio_device_first_open() (try_module_get); drivers/vfio/group.c (/dev/vfio/GROUP);
Documentation/driver-api/vfio.rst (/dev/vfio/devices/vfioN); Documentation/filesystems/proc.rst (hidepid).
"""

import re
from contextlib import suppress
from pathlib import Path

from pcipt_agent.core.device import Device
from pcipt_agent.ports import Held, NotHeld, Unknown

_DELETED = " (deleted)"
"""libvirt takes the node away from a guest's own /dev; the descriptor stays."""
_VFIO_DEVICE = re.compile(r"vfio[0-9]+")


class ProcfsReader:
    """Reads the tree at `root` (`/` for this machine); below it are `sys` and `proc`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def holding(self, device: Device) -> Held | NotHeld | Unknown:
        """Reads every process's descriptors, unless the driver's module says that it is open nowhere."""
        if not device.vfio_driver or device.driver is None:
            return NotHeld()
        if self._references(device.driver) == 0:
            return NotHeld()
        nodes = self._nodes(device)
        pids, hidden = self._holders(nodes)
        if pids:
            return Held(pids)
        return NotHeld() if hidden is None else Unknown(hidden)

    def _references(self, driver: str) -> int | None:
        """To the driver's module; None where it is none or does not say."""
        path = self._root / "sys/bus/pci/drivers" / driver / "module"
        try:
            name = path.readlink().name
            text = (self._root / "sys/module" / name / "refcnt").read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return int(text) if text.isdecimal() else None

    def _nodes(self, device: Device) -> frozenset[str]:
        """The ends of the paths of its nodes; a guest's own /dev may be mounted anywhere."""
        nodes = set() if device.iommu_group is None else {f"/vfio/{device.iommu_group}", f"/vfio/noiommu-{device.iommu_group}"}
        directory = self._root / "sys/bus/pci/devices" / str(device.address) / "vfio-dev"
        try:
            names = [path.name for path in directory.iterdir()]
        except OSError:
            names = []  # a kernel older than 6.1, or the device has gone
        return frozenset(nodes | {f"/vfio/devices/{name}" for name in names if _VFIO_DEVICE.fullmatch(name)})

    def _holders(self, nodes: frozenset[str]) -> tuple[tuple[int, ...], str | None]:
        """(processes that have one of the nodes open, why there may be others; None where all were seen)."""
        proc = self._root / "proc"
        try:
            names = sorted((path.name for path in proc.iterdir() if path.name.isdecimal()), key=int)
        except OSError as error:
            return (), f"{proc}: {error.strerror}"
        pids, unreadable = [], False
        for name in names:
            try:
                links = _links(proc / name / "fd")
            except OSError:  # commonly EACCES
                unreadable = True
                continue
            if any(link.removesuffix(_DELETED).endswith(tuple(nodes)) for link in links):
                pids.append(int(name))
        if unreadable:
            # Not how many: processes come and go, and it would be another reason, and another line of the log, each time.
            return tuple(pids), "the descriptors of some processes can't be read"
        # hidepid and systemd's ProtectProc= hide other users' processes whole; the first one is always there otherwise.
        return tuple(pids), None if "1" in names else f"{proc} does not show all processes"


def _links(directory: Path) -> list[str]:
    """What the descriptors are of; none where the process has ended. Raises OSError where we may not look, or can't."""
    try:
        paths = list(directory.iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return []
    links = []
    for path in paths:
        with suppress(FileNotFoundError, ProcessLookupError):
            links.append(str(path.readlink()))
    return links
