# SPDX-License-Identifier: Apache-2.0
"""Writes a described host, so that a person sees on a device's first line which one it is.

Does not know: how one is read (`views.description.reading`), where the text is kept.
"""

import re
from json import dumps

from pcipt_agent.core.device import Device
from pcipt_agent.core.host import Host
from pcipt_agent.views.cpus import cpus_text
from pcipt_agent.views.description.words import IS_VFIO, TYPES

_PLAIN = re.compile(r"[!$-~]+")


def description_of(host: Host) -> str:
    """The text that `parse_description` reads back as an equal Host."""
    lines = [f"host boot {_written(host.boot_id)}"]
    for node in host.numa_nodes.values():
        lines.append(f"node {node.node}  cpus {_written(cpus_text(node.cpus) or None)}  socket {_written(node.socket)}")
    for device in host.devices.values():
        lines += ["", *_written_device(device)] if device.parent is None else _written_device(device)
    return "\n".join(lines) + "\n"


def _written(value: str | float | None) -> str:
    if value is None:
        return "-"
    text = str(value).removesuffix(".0") if isinstance(value, float) else str(value)
    return text if _PLAIN.fullmatch(text) and text != "-" else dumps(text)


def _written_device(device: Device) -> list[str]:
    """What tells a person which one it is on the first line, the rest on a second one."""
    word = next(word for word, device_type in TYPES.items() if device_type is device.device_type)
    number = "" if device.vf_number is None else f" {device.vf_number}"
    parent = "" if device.parent is None else f" of {device.parent}"
    first = [str(device.address), f"{device.vendor_id}:{device.product_id}", f"{word}{number}{parent}", *_main_fields(device)]
    second = _further_fields(device)
    return ["  ".join(first), *(["    " + "  ".join(second)] if second else [])]


def _main_fields(device: Device) -> list[str]:
    sriov = device.sriov
    fields: list[tuple[str, str | int | None]] = [
        ("numa", device.numa_node),
        ("group", device.iommu_group),
        ("driver", device.driver),
        ("override", device.driver_override),
    ]
    if sriov is not None:
        fields += [("totalvfs", sriov.total_vfs), ("numvfs", sriov.num_vfs), ("vfproduct", sriov.vf_product_id)]
        fields += [("offset", sriov.offset), ("stride", sriov.stride)]
    nets = [f"net {_written(net.name)}" + (f" {net.mac}" if net.mac else "") for net in device.netdevs]
    vfio = ["vfio"] if device.vfio_driver and device.driver != IS_VFIO else []
    return [f"{word} {_written(value)}" for word, value in fields if value is not None] + nets + vfio


def _further_fields(device: Device) -> list[str]:
    fields = []
    if device.class_code is not None:
        fields.append(f"class {device.class_code:06x}")
    if (device.subsystem_vendor_id, device.subsystem_product_id) != (None, None):
        fields.append(f"subsystem {device.subsystem_vendor_id or '-'}:{device.subsystem_product_id or '-'}")
    if device.revision is not None:
        fields.append(f"rev {device.revision:02x}")
    if device.link is not None:
        link = device.link
        now, most = f"{_written(link.speed)}x{_written(link.width)}", f"{_written(link.max_speed)}x{_written(link.max_width)}"
        fields.append(f"link {now}/{most}")
    if device.reset_methods:
        fields.append(f"reset {','.join(device.reset_methods)}")
    for word, value in (("serial", device.serial), ("serial-unknown", device.serial_unknown)):
        if value is not None:
            fields.append(f"{word} {_written(value)}")
    for vdpa in device.vdpa:
        values = (vdpa.name, vdpa.vdpa_class, vdpa.driver, vdpa.node)
        fields.append(f"vdpa {' '.join(_written(value) for value in values)}")
    fields += [f"used {use.kind} {_written(use.detail)}" for use in device.host_uses]
    return fields + [f"fault {fault.kind} {_written(fault.detail)}" for fault in device.faults]
