# SPDX-License-Identifier: Apache-2.0
"""The words of a described host, which its reader and its writer share.

Does not know: how a text is taken apart or put together.
"""

from pcipt_agent.core.device import DeviceType

TYPES = {"PCI": DeviceType.PCI, "PF": DeviceType.PF, "VF": DeviceType.VF, "vdpa": DeviceType.VDPA}
WORDS = {
    **dict.fromkeys(("numa", "group", "driver", "override", "totalvfs", "numvfs", "vfproduct", "offset", "stride", "net"), 1),
    **dict.fromkeys(("class", "subsystem", "rev", "link", "reset", "serial", "serial-unknown"), 1),
    "vdpa": 4,
    "vfio": 0,
    "used": 2,
    "fault": 2,
}
"""Word of a device → how many values follow it (a MAC may be one more after `net`)."""
REPEATED = frozenset({"net", "vdpa", "used", "fault"})
IS_VFIO = "vfio-pci"
"""The driver of which `vfio` goes without saying."""
