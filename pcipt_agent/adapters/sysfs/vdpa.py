# SPDX-License-Identifier: Apache-2.0
"""vDPA devices by the bus's own list, because they may have any name, filed under the function that they are over.

One over no PCI function (the kernel's simulator) has no address; nobody asks for it.

Does not know: what makes them a device (`views.kernel`), the functions.
Source: Documentation/ABI: testing/sysfs-bus-vdpa; drivers/vdpa/vdpa.c.
"""

import os
from pathlib import Path

from pcipt_agent.adapters.sysfs.files import content, led_to, names, opened, target
from pcipt_agent.views.kernel import RawVdpa


def read_vdpa(root: Path) -> dict[str, tuple[RawVdpa, ...]]:
    """Function name → the vDPA devices over it, by name; empty where the kernel has no vdpa bus."""
    path = root / "sys/bus/vdpa/devices"
    found: dict[str, tuple[RawVdpa, ...]] = {}
    if not path.is_dir():
        return found
    with opened(path) as bus:
        for name in sorted(os.listdir(bus)):
            # The link leads to <parent's directory>/<name>; vdpa_register_device() makes the driver's device its parent.
            parent = led_to(bus, name).rpartition("/")[0].rpartition("/")[2]
            if parent:
                found[parent] = (*found.get(parent, ()), _read_one(bus, name))
    return found


def _read_one(bus: int, name: str) -> RawVdpa:
    children = tuple([child for child in names(bus, name) if child.startswith(("vhost-vdpa-", "virtio"))])
    virtio = next((child for child in children if child.startswith("virtio")), None)
    virtio_id = None if virtio is None else content(bus, f"{name}/{virtio}/device")
    return RawVdpa(name, target(bus, f"{name}/driver"), children, virtio_id)
