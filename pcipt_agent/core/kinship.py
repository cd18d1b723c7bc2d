# SPDX-License-Identifier: Apache-2.0
"""Kinship: which devices of a catalogue are PF and VF of each other, and which share an IOMMU group.

Kept by PF and by group, and worked out for a single device when somebody asks: what is kept for each of thousands of devices has to
be made anew for each of them whenever one comes or goes.

Does not know: rules, claims, what stands in the way in a group (`core.iommu_groups`).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.device import Device
from pcipt_agent.core.deviceset import EMPTY, DeviceSet, filed, set_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinship:
    """Over the devices' indexes. Made by `kinship_of`."""

    devices: Sequence[Device]
    index_of: Mapping[PciAddress, int]
    members: Mapping[int, DeviceSet]
    """PF index → its VFs, for every PF with a VF here."""
    groups: Mapping[int, DeviceSet]
    """IOMMU group → its members, where it has more than one; most have one."""

    def unit_of(self, index: int) -> int:
        """The PF's index for a VF whose PF is here, else its own. `isolate` takes one device of a unit."""
        parent = self.devices[index].parent
        return index if parent is None else self.index_of.get(parent, index)

    def unit(self, index: int) -> DeviceSet:
        """The device's PF and all VFs of it; the device alone where it has no relatives."""
        pf = self.unit_of(index)
        return 1 << pf | self.members.get(pf, EMPTY)

    def relatives(self, index: int) -> DeviceSet:
        """A PF's VFs; a VF's PF; empty for others."""
        pf = self.unit_of(index)
        return self.members.get(index, EMPTY) if pf == index else 1 << pf

    def group_mates(self, index: int) -> DeviceSet:
        """The other members of its IOMMU group."""
        group = self.devices[index].iommu_group
        together = EMPTY if group is None else self.groups.get(group, EMPTY)
        return together & ~(1 << index)


def kinship_of(devices: Sequence[Device], index_of: Mapping[PciAddress, int]) -> Kinship:
    """Linear in the devices."""
    pfs = [(index, index_of.get(device.parent)) for index, device in enumerate(devices) if device.parent is not None]
    groups: dict[int, list[int]] = defaultdict(list)
    for index, device in enumerate(devices):
        if device.iommu_group is not None:
            groups[device.iommu_group].append(index)
    return Kinship(
        devices=devices,
        index_of=index_of,
        members=filed((index, pf) for index, pf in pfs if pf is not None),
        groups={group: set_of(those) for group, those in groups.items() if len(those) > 1},
    )
