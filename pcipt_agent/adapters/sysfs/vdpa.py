# SPDX-License-Identifier: Apache-2.0
"""vDPA devices by the bus's own list, because they may have any name, filed under the function that they are over.

One over no PCI function (the kernel's simulator) has no address; nobody asks for it.

Does not know: what makes them a device (`views.kernel`), the functions.
Source: Documentation/ABI: testing/sysfs-bus-vdpa; drivers/vdpa/vdpa.c.
"""

import os
from collections.abc import Iterable
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
            parent = _parent(bus, name)
            if parent:
                found[parent] = (*found.get(parent, ()), _read_one(bus, name))
    return found


def read_vdpa_over(root: Path, functions: Iterable[str]) -> dict[str, tuple[RawVdpa, ...]]:
    """The same of these functions alone."""
    path, pci = root / "sys/bus/vdpa/devices", root / "sys/bus/pci/devices"
    if not path.is_dir():
        return {}
    found = {}
    with opened(path) as bus, opened(pci) as functions_bus:
        listed = set(os.listdir(bus))
        for function in functions if listed else ():
            own = [name for name in names(functions_bus, function) if name in listed and _parent(bus, name) == function]
            if own:
                found[function] = tuple([_read_one(bus, name) for name in own])
    return found


def _parent(bus: int, name: str) -> str:
    """The link leads to <parent's directory>/<name>; vdpa_register_device() makes the driver's device its parent."""
    return led_to(bus, name).rpartition("/")[0].rpartition("/")[2]


def _read_one(bus: int, name: str) -> RawVdpa:
    children = tuple([child for child in names(bus, name) if child.startswith(("vhost-vdpa-", "virtio"))])
    virtio = next((child for child in children if child.startswith("virtio")), None)
    virtio_id = None if virtio is None else content(bus, f"{name}/{virtio}/device")
    return RawVdpa(name, target(bus, f"{name}/driver"), children, virtio_id)
