# SPDX-License-Identifier: Apache-2.0
"""A machine of the lab as `pcipt capture` describes it: a recorded host that nobody typed.

Each boot of the same machine gives the same text, but for

- its head: when it was, and by which kernel;
- the boot's id;
- MAC addresses: igb gives its VFs others each time;
- the numbers of IOMMU groups, which the kernel gives in the order in which VFs are made. Which functions share one stays.

Does not know: where recorded hosts are kept.
"""

import re

from tests.lab.host import LabHost
from tests.lab.vdpa import as_vdpa

VDPA = "vdpa0"
_GROUP = re.compile(r"  group (\d+)")
_OF_THE_BOOT = re.compile(r"(?<=^host boot )\S+|(?<= )([0-9a-f]{2}:){5}[0-9a-f]{2}(?= |$)")


def recorded(host: LabHost) -> str:
    """The host as it was at the start; one of its virtio VFs is a vDPA device, where it has any."""
    if "vnic2" in host.addresses():
        as_vdpa(host, host.vfs("vnic2")[1], VDPA)
    return host.pcipt("capture", check=True).stdout


def body(text: str) -> list[str]:
    """What two captures of the same machine have in common: IOMMU groups are numbered as they come."""
    numbers: dict[str, int] = {}

    def renumbered(found: re.Match[str]) -> str:
        return f"  group {numbers.setdefault(found[1], len(numbers))}"

    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return [_OF_THE_BOOT.sub("…", _GROUP.sub(renumbered, line)) for line in lines]
