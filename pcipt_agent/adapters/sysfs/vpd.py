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

    identity: tuple[Raw, ...]
    serial: Serial
    final: bool
    """Whether another look at the same hardware would say the same."""


def read_vpd(path: Path, identity: tuple[Raw, ...]) -> Vpd:
    try:
        return Vpd(identity, serial_of(path.read_bytes()), final=True)
    except OSError as error:
        raise_ours(error, str(path))
        # Not root now is not root later; a device that does not answer (ETIMEDOUT, EIO) may do so next time.
        return Vpd(identity, Serial(None, f"its VPD can't be read: {why(error)}"), final=isinstance(error, PermissionError))
