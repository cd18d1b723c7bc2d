# SPDX-License-Identifier: Apache-2.0
"""Host: all PCI functions of one machine and how they are related; the first of our three facts.

One sighting of `/sys`. It is compared with the next sighting, never edited; the difference is what gets logged.

Does not know: `/sys`, rules, claims.
"""

from bisect import insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import compress, count
from operator import is_not
from typing import TypeVar

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
        vfs, groups = _kinship(self.devices.values())
        object.__setattr__(self, "_vfs_by_parent", vfs)
        object.__setattr__(self, "_addresses_by_group", groups)

    def vfs_of(self, pf: PciAddress) -> tuple[Device, ...]:
        """The VFs of `pf` that are here, in VF-number order."""
        return self._vfs_by_parent.get(pf, ())

    def parent_of(self, device: Device) -> Device | None:
        """The device's PF, where it has one and it is here."""
        return None if device.parent is None else self.devices.get(device.parent)

    def group_members(self, group: int) -> tuple[PciAddress, ...]:
        """Every address in the IOMMU group, in address order."""
        return self._addresses_by_group.get(group, ())


def host_after(before: Host, changes: Mapping[PciAddress, Device | None]) -> Host:
    """The host on which each of these addresses has this device, or none; the same object where nothing is otherwise.

    Costs as much as what changes and its relatives, but for a copy of the devices.
    """
    changed = {address: device for address, device in changes.items() if before.devices.get(address) is not device}
    if not changed:
        return before
    devices = _replaced(before.devices, changed)
    touched = [device for address in changed for device in (before.devices.get(address), changed[address]) if device is not None]
    parents = {device.parent for device in touched if device.parent is not None}
    groups = {device.iommu_group for device in touched if device.iommu_group is not None}
    kin = {vf.address for pf in parents for vf in before.vfs_of(pf)}.union(*map(before.group_members, groups), changed)
    vfs, members = _kinship(devices[address] for address in sorted(kin) if address in devices)
    host = object.__new__(Host)  # __post_init__ would go through all devices
    for name, value in {
        "devices": devices,
        "numa_nodes": before.numa_nodes,
        "boot_id": before.boot_id,
        "_vfs_by_parent": _taken_over(before._vfs_by_parent, parents, vfs),
        "_addresses_by_group": _taken_over(before._addresses_by_group, groups, members),
    }.items():
        object.__setattr__(host, name, value)
    return host


def _kinship(devices: Iterable[Device]) -> tuple[dict[PciAddress, tuple[Device, ...]], dict[int, tuple[PciAddress, ...]]]:
    """PF address → its VFs, in VF-number order; IOMMU group → its addresses, in the order of the devices."""
    vfs: dict[PciAddress, list[Device]] = defaultdict(list)
    groups: dict[int, list[PciAddress]] = defaultdict(list)
    for device in devices:
        if device.parent is not None:
            vfs[device.parent].append(device)
        if device.iommu_group is not None:
            groups[device.iommu_group].append(device.address)
    by_parent = {
        parent: tuple(sorted(each, key=lambda vf: (vf.vf_number is None, vf.vf_number, vf.address))) for parent, each in vfs.items()
    }
    return by_parent, {group: tuple(each) for group, each in groups.items()}


def _replaced(devices: Mapping[PciAddress, Device], changed: Mapping[PciAddress, Device | None]) -> dict[PciAddress, Device]:
    """In address order."""
    replaced = dict(devices)
    arrived = list[PciAddress]()
    for address, device in changed.items():
        if device is None:
            del replaced[address]
        else:
            if address not in replaced:
                arrived.append(address)
            replaced[address] = device
    if not arrived:
        return replaced
    places = list(replaced)[: -len(arrived)]
    for address in arrived:
        insort(places, address)
    return dict(zip(places, map(replaced.__getitem__, places), strict=True))  # in C: it goes over thousands at every hint


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def _taken_over(before: Mapping[_Key, _Value], keys: Iterable[_Key], now: Mapping[_Key, _Value]) -> dict[_Key, _Value]:
    """As before, but for these keys, which are as they are now."""
    taken = dict(before)
    for key in keys:
        taken.pop(key, None)
        if key in now:
            taken[key] = now[key]
    return taken


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


def replaced(before: Host, after: Host) -> tuple[PciAddress, ...]:
    """Where there is another object than before, or one more or less, in address order: a superset of what has changed.

    What is unchanged is the same object (`ports.HostReader`), so this goes by identity, and what is between the first and the last
    difference is all that is looked at twice.
    """
    olds, news = list(before.devices.values()), list(after.devices.values())
    shorter = min(len(olds), len(news))
    first = next(_unlike(olds, news), shorter)
    last = next(_unlike(reversed(olds), reversed(news)), shorter)
    olds, news = olds[first : len(olds) - last], news[first : len(news) - last]
    old, new = set(map(id, olds)), set(map(id, news))
    both = [device for device in olds if id(device) not in new] + [device for device in news if id(device) not in old]
    return tuple(sorted({device.address for device in both}))


def _unlike(olds: Iterable[Device], news: Iterable[Device]) -> Iterator[int]:
    """The places at which there are different objects. In C, as thousands are gone over at every hint."""
    return compress(count(), map(is_not, olds, news))


def difference(before: Host, after: Host, at: Iterable[PciAddress] | None = None) -> tuple[Arrived | Departed | Changed, ...]:
    """What happened to the devices between two sightings, in address order; `at`: what `replaced` says of them, where it is known.

    A link's present speed and width are no happening: a GPU lowers them whenever it is idle, and a claim does not depend on them.
    """
    changes: list[Arrived | Departed | Changed] = []
    for address in replaced(before, after) if at is None else at:
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
