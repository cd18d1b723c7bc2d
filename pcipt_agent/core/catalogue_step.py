# SPDX-License-Identifier: Apache-2.0
"""The catalogue after a few devices of thousands have come, gone or changed; the same as `catalogue_of` would make it anew.

What the catalogue says of a device depends on the device, its relatives and its IOMMU group, and so on from there: on what it is
connected with, and on nothing else of the host. So only the devices that are connected with the changed ones are catalogued, as a
small host of their own by `catalogue_of` itself, and its sets take their places in the sets of before. Nothing is defined here.

Does not know: rules, readiness, what any of the sets means.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.catalogue import Catalogue, catalogue_of
from pcipt_agent.core.deviceset import EMPTY, DeviceSet, lowest
from pcipt_agent.core.host import Host
from pcipt_agent.core.iommu_groups import Hindrance
from pcipt_agent.core.kinship import Kinship

_Label = TypeVar("_Label", bound=Hashable)
_Fact = TypeVar("_Fact")


def catalogue_after(before: Catalogue, host: Host, at: Iterable[PciAddress]) -> Catalogue:
    """`before` over `host`, under the same rules; `at` is what `core.host.replaced` says of both hosts.

    Costs as much as what is connected with what has changed, and some copies.
    """
    connected = _connected(before.host, host, at)
    if 2 * len(connected) > len(host.devices):
        return catalogue_of(host, before.rules, before.libvirt_version)
    here = {address: host.devices[address] for address in sorted(connected) if address in host.devices}
    part = catalogue_of(Host(devices=here, numa_nodes={}, boot_id=""), before.rules, before.libvirt_version)
    splice = _Splice(before, part, host, connected)
    devices = tuple(host.devices.values())
    return Catalogue(
        host=host,
        rules=before.rules,
        libvirt_version=before.libvirt_version,
        devices=devices,
        index_of=splice.index_of,
        spec_of=splice.each(before.spec_of, part.spec_of),
        assignable=splice.set(before.assignable, part.assignable),
        ready=splice.set(before.ready, part.ready),
        coupled=splice.set(before.coupled, part.coupled),
        offered=splice.set(before.offered, part.offered),
        harmless=splice.set(before.harmless, part.harmless),
        by_type=splice.filed(before.by_type, part.by_type),
        by_numa_node=splice.filed(before.by_numa_node, part.by_numa_node),
        by_ids=splice.filed(before.by_ids, part.by_ids),
        by_kind=splice.filed(before.by_kind, part.by_kind),
        by_alias={alias: splice.set(those, part.by_alias[alias]) for alias, those in before.by_alias.items()},
        remote_managed=splice.set(before.remote_managed, part.remote_managed),
        networked=splice.set(before.networked, part.networked),
        kinship=Kinship(
            devices=devices,
            index_of=splice.index_of,
            members=splice.members(before.kinship.members, part.kinship.members),
            groups=splice.groups(before.kinship.groups, part.kinship.groups),
        ),
        hindrances=splice.hindrances(before.hindrances, part.hindrances),
    )


def _connected(before: Host, after: Host, at: Iterable[PciAddress]) -> frozenset[PciAddress]:
    """What has changed, its relatives and IOMMU group, theirs, and so on; as it was and as it is."""
    found = set(at)
    waiting = list(found)
    while waiting:
        address = waiting.pop()
        for host in (before, after):
            near: list[PciAddress] = [vf.address for vf in host.vfs_of(address)]
            device = host.devices.get(address)
            if device is not None and device.parent is not None and device.parent in host.devices:
                near.append(device.parent)
            if device is not None and device.iommu_group is not None:
                near += host.group_members(device.iommu_group)
            for each in near:
                if each not in found:
                    found.add(each)
                    waiting.append(each)
    return frozenset(found)


class _Splice:
    """Takes the connected devices out of what was said before, moves the others to where they are now, and puts the part in."""

    def __init__(self, before: Catalogue, part: Catalogue, host: Host, connected: frozenset[PciAddress]) -> None:
        self._host = host
        self._was = before.set_at(connected)
        departed = [before.index_of[address] for address in connected if address in before.index_of and address not in host.devices]
        arrived = [address for address in connected if address in host.devices and address not in before.index_of]
        self.index_of = before.index_of
        if departed or arrived:
            self.index_of = dict(zip(host.devices, range(len(host.devices)), strict=True))  # they come in address order
        self._departed = _runs(departed)
        self._arrived = _runs(self.index_of[address] for address in arrived)
        self._places = [self.index_of[device.address] for device in part.devices]
        self._placed_at = _runs(self._places)

    def set(self, old: DeviceSet, new: DeviceSet) -> DeviceSet:
        return self._moved(old & ~self._was) | self._placed(new)

    def each(self, old: Sequence[_Fact], new: tuple[_Fact, ...]) -> tuple[_Fact, ...]:
        """Facts by index."""
        facts = list(old)
        for start, end in reversed(self._departed):
            del facts[start:end]
        for start, end in self._arrived:
            facts[start:start] = new[:1] * (end - start)  # whatever; all of them are said below
        for place, fact in zip(self._places, new, strict=True):
            facts[place] = fact
        return tuple(facts)

    def members(self, old: Mapping[int, DeviceSet], new: Mapping[int, DeviceSet]) -> dict[int, DeviceSet]:
        found = {self._now(pf): self._moved(vfs) for pf, vfs in old.items() if not self._was >> pf & 1}
        return _in_order(found | {self._places[pf]: self._placed(vfs) for pf, vfs in new.items()})

    def groups(self, old: Mapping[int, DeviceSet], new: Mapping[int, DeviceSet]) -> dict[int, DeviceSet]:
        found = {group: self._moved(each) for group, each in old.items() if not each & self._was}
        return _in_order(found | {group: self._placed(each) for group, each in new.items()})

    def filed(self, old: Mapping[_Label, DeviceSet], new: Mapping[_Label, DeviceSet]) -> dict[_Label, DeviceSet]:
        found = {label: self.set(old.get(label, EMPTY), new.get(label, EMPTY)) for label in {**old, **new}}
        return _in_order({label: those for label, those in found.items() if those})

    def hindrances(self, old: Mapping[int, Hindrance], new: Mapping[int, Hindrance]) -> dict[int, Hindrance]:
        found = {group: _mapped(each, self._moved) for group, each in old.items() if not each.in_the_way & self._was}
        found |= {group: _mapped(each, self._placed) for group, each in new.items()}
        return dict(sorted(found.items(), key=lambda item: self._host.group_members(item[0])[0]))

    def _moved(self, devices: DeviceSet) -> DeviceSet:
        """The set of the same devices now; none of them is connected."""
        for start, end in reversed(self._departed):
            devices = devices & (1 << start) - 1 | devices >> end << start
        for start, end in self._arrived:
            devices = devices & (1 << start) - 1 | devices >> start << end
        return devices

    def _placed(self, devices: DeviceSet) -> DeviceSet:
        """A set of the part's, as one of the whole's."""
        found, first = EMPTY, 0
        for start, end in self._placed_at:
            found |= (devices >> first & (1 << end - start) - 1) << start
            first += end - start
        return found

    def _now(self, index: int) -> int:
        """Where the device with this index of before is now; it is not connected."""
        for start, end in reversed(self._departed):
            index -= end - start if index >= end else 0
        for start, end in self._arrived:
            index += end - start if index >= start else 0
        return index


def _runs(indexes: Iterable[int]) -> list[tuple[int, int]]:
    """Start and end of each run of indexes that follow each other, in order."""
    found: list[tuple[int, int]] = []
    for index in sorted(indexes):
        if found and found[-1][1] == index:
            found[-1] = found[-1][0], index + 1
        else:
            found.append((index, index + 1))
    return found


def _in_order(filed: Mapping[_Label, DeviceSet]) -> dict[_Label, DeviceSet]:
    """By the lowest device of each, as `catalogue_of` meets them."""
    return dict(sorted(filed.items(), key=lambda item: lowest(item[1])))


def _mapped(each: Hindrance, change: Callable[[DeviceSet], DeviceSet]) -> Hindrance:
    return Hindrance(each.group, change(each.in_the_way), change(each.movable), change(each.coupled), change(each.hopeless))
