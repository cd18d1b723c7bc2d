# SPDX-License-Identifier: Apache-2.0
"""Affinity: which devices a NUMA policy allows to a guest, and which of them are nearer.

| policy    | allows                                                                  |
|-----------|-------------------------------------------------------------------------|
| required  | devices on the guest's NUMA nodes                                       |
| socket    | devices on NUMA nodes that share a socket with one of the guest's nodes |
| legacy    | devices on the guest's NUMA nodes, and those of unknown node            |
| preferred | every device                                                            |

Whatever is allowed, near comes before unknown before far. One NUMA node whose socket is unknown makes sockets meaningless on that
host, so that `socket` then allows the guest's own nodes only. A guest without NUMA topology has no near and no far: no policy
applies.

Does not know: which devices are free, how one is chosen.
Source: admin guide, "PCI-NUMA affinity policies"; nova/pci/stats.py, PciDeviceStats._filter_pools_for_numa_cells, of nova 34.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from pcipt_agent.core.alias import NumaPolicy
from pcipt_agent.core.catalogue import Catalogue
from pcipt_agent.core.deviceset import EMPTY, DeviceSet
from pcipt_agent.core.guest import Guest


@dataclass(frozen=True, slots=True, kw_only=True)
class Affinity:
    """Over a catalogue's indexes."""

    allowed: DeviceSet | None
    """None where every device is."""
    near: DeviceSet
    unknown: DeviceSet
    note: str | None
    """What bent the policy, as a clause."""


_NOT_APPLIED = Affinity(allowed=None, near=EMPTY, unknown=EMPTY, note="the guest has no NUMA topology: no policy applies")


def affinity(catalogue: Catalogue, policy: NumaPolicy, guest: Guest) -> Affinity:
    """What `policy` means for this guest on this host."""
    if guest.numa_nodes is None:
        # nova does the same, `required` included; the note is there so that nobody has to find out.
        return _NOT_APPLIED
    near = _on(catalogue, guest.numa_nodes)
    unknown = catalogue.by_numa_node.get(None, EMPTY)
    allowed, note = _allowed(catalogue, policy, guest.numa_nodes)
    return Affinity(allowed=allowed, near=near, unknown=unknown, note=note)


def _allowed(catalogue: Catalogue, policy: NumaPolicy, nodes: frozenset[int]) -> tuple[DeviceSet | None, str | None]:
    match policy:
        case NumaPolicy.REQUIRED:
            return _on(catalogue, nodes), None
        case NumaPolicy.SOCKET:
            return _on_sockets(catalogue, nodes)
        case NumaPolicy.LEGACY:
            return _on(catalogue, (*nodes, None)), None
        case NumaPolicy.PREFERRED:
            return None, None
        case _:
            assert_never(policy)


def _on_sockets(catalogue: Catalogue, nodes: frozenset[int]) -> tuple[DeviceSet, str | None]:
    known = catalogue.host.numa_nodes
    without = sorted(node for node, each in known.items() if each.socket is None)
    if without:
        return _on(catalogue, nodes), f"NUMA node {without[0]} is of no one socket: only the guest's own nodes count"
    sockets = {known[node].socket for node in nodes if node in known}
    return _on(catalogue, {*nodes, *(node for node, each in known.items() if each.socket in sockets)}), None


def _on(catalogue: Catalogue, nodes: Iterable[int | None]) -> DeviceSet:
    found = EMPTY
    for node in nodes:
        found |= catalogue.by_numa_node.get(node, EMPTY)
    return found
