# SPDX-License-Identifier: Apache-2.0
"""Devices for people: a tree host → socket → NUMA node → PF → VF, or a flat table.

The tree shows what selection looks at (NUMA distance, PF against VF) as nearness on the page. A VF whose PF is filtered away stands
where its PF would, and names it.

Does not know: how the devices were found or filtered.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.text import Text
from rich.tree import Tree

from pcipt_agent.views.text import STATUS_STYLE, aside, counted, heading, status_mark, table, unknown

if TYPE_CHECKING:
    from pcipt_agent.views.wire_devices import DevicePart

_TYPE_WIDTH, _STATUS_WIDTH = 8, 14
_LAST = 1 << 32
"""Sorts the unknown behind every socket and NUMA node."""


def device_tree(devices: Sequence[DevicePart]) -> Tree:
    """Every device once, below its PF where that is shown too."""
    shown = {device.address for device in devices}
    vfs: dict[str, list[DevicePart]] = defaultdict(list)
    tops = []
    for device in devices:
        if device.parent is not None and device.parent in shown:
            vfs[device.parent].append(device)
        else:
            tops.append(device)
    tree = Tree(heading(summary(devices)), guide_style="dim")
    for (gone, socket), of_socket in groupby(sorted(tops, key=_place), key=lambda device: _place(device)[:2]):
        socket_branch = tree.add("no longer on the host" if gone else f"socket {_known(socket)}")
        for (_, _, node), of_node in groupby(of_socket, key=_place):
            node_branch = socket_branch if gone else socket_branch.add(f"NUMA node {_known(node)}")
            for device in of_node:
                _add(node_branch, device, vfs)
    return tree


def device_table(devices: Sequence[DevicePart]) -> Text:
    """One line a device, in address order."""
    titles = ("address", "type", "status", "ids", "NUMA node", "IOMMU group", "driver", "claim", "consumer", "about")
    return table(titles, (_row(device) for device in devices))


def _row(device: DevicePart) -> tuple[str | Text, ...]:
    facts = device.facts
    return (
        device.address,
        device.device_type,
        status_mark(device.status),
        ids(device),
        unknown(facts and facts.numa_node),
        unknown(facts and facts.iommu_group),
        unknown(facts and facts.driver),
        unknown(device.claim_id),
        unknown(device.consumer),
        "; ".join([*_reasons(device), *_relations(device, beside_parent=False)]),
    )


def summary(devices: Sequence[DevicePart]) -> str:
    """`12 devices: 4 free, 8 not-assignable`."""
    count = Counter[str](device.status for device in devices)
    parts = [f"{count[status]} {status}" for status in STATUS_STYLE if count[status]]
    return f"{counted(len(devices), 'device')}: {', '.join(parts)}" if parts else "no device"


def ids(device: DevicePart) -> str:
    return f"{device.vendor_id}:{device.product_id}"


def _reasons(device: DevicePart) -> list[str]:
    return [*([device.status_reason] if device.status_reason else []), *device.warnings]


def reason(device: DevicePart) -> str | None:
    """Why it has its status, where the status does not say it all."""
    if device.claim_id is not None:
        whose = f"claim {device.claim_id} of consumer {device.consumer}"
        return f"{whose}: {device.status_reason}" if device.status_reason else whose
    return device.status_reason


def _place(device: DevicePart) -> tuple[bool, int, int]:
    """(lost, socket, NUMA node), unknown ones last."""
    if device.facts is None:
        return True, _LAST, _LAST
    socket, node = device.facts.socket, device.facts.numa_node
    return False, _LAST if socket is None else socket, _LAST if node is None else node


def _known(order: int) -> str:
    return "unknown" if order == _LAST else str(order)


def _add(branch: Tree, device: DevicePart, vfs: Mapping[str, Sequence[DevicePart]]) -> None:
    own = branch.add(_line(device, beside_parent=False))
    for vf in vfs.get(device.address, ()):
        own.add(_line(vf, beside_parent=True))


def _line(device: DevicePart, *, beside_parent: bool) -> Text:
    line = Text.assemble(f"{device.address}  {device.device_type:{_TYPE_WIDTH}}  {ids(device)}  ")
    line.append(status_mark(device.status, _STATUS_WIDTH))
    about = _about(device, beside_parent=beside_parent)
    return line.append("  ").append(aside("; ".join(about))) if about else line


def _about(device: DevicePart, *, beside_parent: bool) -> list[str]:
    """What tells this device from its neighbours, the reason of its status first."""
    why, facts = reason(device), device.facts
    driver = [facts.driver] if facts is not None and facts.driver is not None else []
    return [*([why] if why else []), *device.warnings, *_relations(device, beside_parent=beside_parent), *driver]


def _relations(device: DevicePart, *, beside_parent: bool) -> list[str]:
    """Its place in SR-IOV, its netdevs and vDPA devices."""
    parts = []
    if device.vf_number is not None:
        number = f"VF {device.vf_number}"
        parts.append(number if beside_parent or device.parent is None else f"{number} of {device.parent}")
    if device.facts is None:
        return parts
    if device.facts.sriov is not None:
        parts.append(f"{device.facts.sriov.num_vfs} of {device.facts.sriov.total_vfs} VFs")
    return parts + [netdev.name for netdev in device.facts.netdevs] + [vdpa.name for vdpa in device.facts.vdpa]
