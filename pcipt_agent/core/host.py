# SPDX-License-Identifier: Apache-2.0
"""Host: all PCI functions of one machine and how they are related; the first of our three facts.

One sighting of `/sys`. It is compared with the next sighting, never edited; the difference is what gets logged.

Does not know: `/sys`, rules, claims.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.device import Device


@dataclass(frozen=True, slots=True)
class NumaNode:
    """A host NUMA node: its CPUs, and the socket that all of them are in (None where they are of several, or of none)."""

    node: int
    cpus: frozenset[int]
    socket: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """`devices` is in address order; everything else is derived from it."""

    devices: Mapping[PciAddress, Device]
    numa_nodes: Mapping[int, NumaNode]
    boot_id: str
    _vfs_by_parent: Mapping[PciAddress, tuple[Device, ...]] = field(init=False, repr=False, compare=False)
    _addresses_by_group: Mapping[int, tuple[PciAddress, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        vfs: dict[PciAddress, list[Device]] = defaultdict(list)
        groups: dict[int, list[PciAddress]] = defaultdict(list)
        for device in self.devices.values():
            if device.parent is not None:
                vfs[device.parent].append(device)
            if device.iommu_group is not None:
                groups[device.iommu_group].append(device.address)
        by_parent = {
            parent: tuple(sorted(each, key=lambda vf: (vf.vf_number is None, vf.vf_number, vf.address)))
            for parent, each in vfs.items()
        }
        object.__setattr__(self, "_vfs_by_parent", by_parent)
        object.__setattr__(self, "_addresses_by_group", {group: tuple(each) for group, each in groups.items()})

    def vfs_of(self, pf: PciAddress) -> tuple[Device, ...]:
        """The VFs of `pf` that are here, in VF-number order."""
        return self._vfs_by_parent.get(pf, ())

    def parent_of(self, device: Device) -> Device | None:
        """The device's PF, where it has one and it is here."""
        return None if device.parent is None else self.devices.get(device.parent)

    def group_members(self, group: int) -> tuple[PciAddress, ...]:
        """Every address in the IOMMU group, in address order."""
        return self._addresses_by_group.get(group, ())


@dataclass(frozen=True, slots=True)
class Arrived:
    device: Device


@dataclass(frozen=True, slots=True)
class Departed:
    device: Device


@dataclass(frozen=True, slots=True)
class Changed:
    """The same address, seen otherwise: a driver bound, VFs enabled, another card in the slot."""

    before: Device
    after: Device


def difference(before: Host, after: Host) -> tuple[Arrived | Departed | Changed, ...]:
    """What happened to the devices between two sightings, in address order.

    A link's present speed and width are no happening: a GPU lowers them whenever it is idle, and a claim does not depend on them.
    """
    changes: list[Arrived | Departed | Changed] = []
    for address in sorted(before.devices.keys() | after.devices.keys()):
        old, new = before.devices.get(address), after.devices.get(address)
        match old, new:
            case None, Device():
                changes.append(Arrived(new))
            case Device(), None:
                changes.append(Departed(old))
            case Device(), Device() if not _alike(old, new):
                changes.append(Changed(old, new))
            case _:
                pass
    return tuple(changes)


def _alike(old: Device, new: Device) -> bool:
    if old is new or old == new:
        return True
    if old.link is None or new.link is None:
        return False
    return replace(new, link=replace(new.link, speed=old.link.speed, width=old.link.width)) == old
