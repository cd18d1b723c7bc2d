# SPDX-License-Identifier: Apache-2.0
"""A function's VPD: its serial number, read once for as long as it is the same piece of hardware.

Real hardware takes milliseconds to seconds to give it.

Does not know: what VPD looks like inside (`views.vpd`), which functions are asked.
Source: Documentation/ABI: testing/sysfs-bus-pci, `vpd`.
"""

from pathlib import Path
from typing import NamedTuple

from pcipt_agent.adapters.sysfs.files import raise_ours, why
from pcipt_agent.views.kernel import Raw
from pcipt_agent.views.vpd import Serial, serial_of


class Vpd(NamedTuple):
    """What was read of a function's VPD, and of which hardware."""

    hardware: tuple[int | Raw, ...]
    serial: Serial
    final: bool
    """Whether another look at the same hardware would say the same."""


def inode(path: Path) -> int | None:
    """The kernel gives each file that it makes under /sys a number that no other has had (fs/kernfs/dir.c, __kernfs_new_node)."""
    try:
        return path.stat().st_ino
    except OSError as error:
        raise_ours(error, str(path))
        return None


def read_vpd(path: Path, hardware: tuple[int | Raw, ...]) -> Vpd:
    try:
        return Vpd(hardware, serial_of(path.read_bytes()), final=True)
    except OSError as error:
        raise_ours(error, str(path))
        # Not root now is not root later; a device that does not answer (ETIMEDOUT, EIO) may do so next time.
        return Vpd(hardware, Serial(None, f"its VPD can't be read: {why(error)}"), final=isinstance(error, PermissionError))
