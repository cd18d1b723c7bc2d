# SPDX-License-Identifier: Apache-2.0
"""IOMMU groups in which something stands in the way, and what a claim must take along for that not to matter.

vfio opens a group only while nobody else does DMA in it: a member that is bound to a driver of the host's stands in the way of all
others, one without a driver does not. libvirt binds a managed device to vfio before the guest starts, and all of one guest's
together; so a member whose only fault is its own driver is in nobody's way if the same claim takes it too. GPU and audio function
of one card are the usual case: both, or neither.

Does not know: which devices are claimed; bridges' drivers beyond pcieport.
Source: drivers/vfio/vfio_main.c and drivers/iommu/iommu.c (iommu_group_claim_dma_owner), driver_managed_dma of pcieport, pci-stub
and the vfio drivers, Linux 6.12; vfio_dev_driver_allowed before 5.19.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pcipt_agent.core.device import Device
from pcipt_agent.core.deviceset import EMPTY, DeviceSet, indexes, lowest, set_of
from pcipt_agent.core.kinship import Kinship

_HARMLESS: Final = frozenset({"pci-stub", "pcieport"})
"""Drivers that leave DMA to others, beside those that register with vfio."""
_NAMED = 4
"""Members that a reason names before it counts the rest."""


@dataclass(frozen=True, slots=True)
class Hindrance:
    """One IOMMU group with something in the way, over a catalogue's indexes."""

    group: int
    in_the_way: DeviceSet
    """Each is in the way of all others, never of itself."""
    movable: DeviceSet
    """Of those, what is in nobody's way once one claim takes all of it."""
    coupled: DeviceSet
    """Members that can be had, and only together with all that is movable."""
    hopeless: DeviceSet
    """Members that can't be had while things are as they are."""

    def against(self, index: int) -> DeviceSet:
        """What is in the way of that member."""
        return self.in_the_way & ~(1 << index)


def stands_in_the_way(device: Device) -> str | None:
    """As a clause, why nobody else of its group can be handed out; None where it is no obstacle."""
    if device.host_uses:
        return f"which the host uses ({device.host_uses[0].detail})"
    if device.driver is None or device.vfio_driver or device.driver in _HARMLESS:
        return None
    return f"bound to {device.driver}"


def hindrance(group: int, members: DeviceSet, kinship: Kinship, *, may_come: DeviceSet) -> Hindrance | None:
    """What stands in the way in the group with these members; None where nothing does.

    `may_come`: what could be handed out were it not for the group, and is bound to vfio by libvirt.
    """
    devices = kinship.devices
    hindering = [index for index in indexes(members) if stands_in_the_way(devices[index]) is not None]
    if not hindering:
        return None
    movable = [index for index in hindering if may_come >> index & 1 and not devices[index].host_uses]
    together = set_of(movable)
    in_the_way = set_of(hindering)
    # A PF beside its VF is never handed out, so a group that would have to be taken with both can't be.
    never = in_the_way != together or any(kinship.relatives(index) & together for index in movable)
    coupled = hopeless = EMPTY
    for index in indexes(members):
        bit = 1 << index
        if not in_the_way & ~bit:
            continue
        if never or kinship.relatives(index) & together:
            hopeless |= bit
        else:
            coupled |= bit
    return Hindrance(group, in_the_way, together, coupled, hopeless)


def company_in_words(group: int, obstacles: DeviceSet, devices: Sequence[Device]) -> str:
    """Who else is there: its IOMMU group 7 also has 0000:41:00.1, bound to snd_hda_intel."""
    named = list[str]()
    rest = obstacles
    while rest and len(named) < _NAMED:
        device = devices[lowest(rest)]
        named.append(f"{device.address}, {stands_in_the_way(device)}")
        rest &= rest - 1
    more = f", and {rest.bit_count()} more" if rest else ""
    return f"its IOMMU group {group} also has {', and '.join(named)}{more}"


def accompanied(hindrances: Sequence[Hindrance], among: DeviceSet) -> DeviceSet:
    """Of the devices `among`, those whose company, if they need any, is among them too."""
    for each in hindrances:
        if each.movable & ~among:
            among &= ~each.coupled
    return among
