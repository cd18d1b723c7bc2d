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
from pcipt_agent.core.deviceset import EMPTY, DeviceSet, indexes, lowest, set_of
from pcipt_agent.core.host import Host
from pcipt_agent.core.iommu_groups import Hindrance

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
    return Catalogue(
        host=host,
        rules=before.rules,
        libvirt_version=before.libvirt_version,
        devices=splice.each(before.devices, part.devices),
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
        relatives=splice.sets(before.relatives, part.relatives),
        unit_of=splice.units(before.unit_of, part.unit_of),
        members=splice.members(before.members, part.members),
        group_mates=splice.sets(before.group_mates, part.group_mates),
        hindrances=splice.hindrances(before.hindrances, part.hindrances),
    )


def _connected(before: Host, after: Host, at: Iterable[PciAddress]) -> frozenset[PciAddress]:
    """What has changed, its relatives and IOMMU group, theirs, and so on; as it was and as it is."""
    found: set[PciAddress] = set()
    waiting = set(at)
    while waiting:
        address = waiting.pop()
        found.add(address)
        for host in (before, after):
            device = host.devices.get(address)
            near = {vf.address for vf in host.vfs_of(address)}
            if device is not None and device.parent is not None and device.parent in host.devices:
                near.add(device.parent)
            if device is not None and device.iommu_group is not None:
                near.update(host.group_members(device.iommu_group))
            waiting |= near - found
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

    @property
    def _moving(self) -> bool:
        """Whether any device has another index than before."""
        return bool(self._departed or self._arrived)

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

    def sets(self, old: Sequence[DeviceSet], new: Sequence[DeviceSet]) -> tuple[DeviceSet, ...]:
        """Sets by index, of which many are the same object; those that stay have none of the connected in them."""
        return self.each(_once_each(self._moved, old) if self._moving else old, _once_each(self._placed, new))

    def units(self, old: Sequence[int], new: Sequence[int]) -> tuple[int, ...]:
        """Indexes by index."""
        now = self._indexes_now(len(old))
        return self.each([now[index] for index in old] if self._moving else old, tuple([self._places[index] for index in new]))

    def members(self, old: Mapping[int, DeviceSet], new: Mapping[int, DeviceSet]) -> dict[int, DeviceSet]:
        now = self._indexes_now(1 + max(old, default=0))
        found = {now[pf]: self._moved(vfs) for pf, vfs in old.items() if not self._was >> pf & 1}
        return _in_order(found | {self._places[pf]: self._placed(vfs) for pf, vfs in new.items()})

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
        return set_of(self._places[index] for index in indexes(devices))

    def _indexes_now(self, count: int) -> Sequence[int]:
        """By index of before: the index now; anything for those that have departed."""
        if not self._moving:
            return range(count)
        now = list(range(count + len(self._places)))
        for start, end in reversed(self._arrived):
            del now[start:end]
        for start, end in self._departed:
            now[start:start] = [0] * (end - start)
        return now


def _runs(indexes: Iterable[int]) -> list[tuple[int, int]]:
    """Start and end of each run of indexes that follow each other, in order."""
    found: list[tuple[int, int]] = []
    for index in sorted(indexes):
        if found and found[-1][1] == index:
            found[-1] = found[-1][0], index + 1
        else:
            found.append((index, index + 1))
    return found


def _once_each(change: Callable[[DeviceSet], DeviceSet], sets: Sequence[DeviceSet]) -> tuple[DeviceSet, ...]:
    """By index; what was one object is one again."""
    if not any(sets):  # IOMMU groups of one, mostly
        return tuple(sets)
    numbers = list(map(id, sets))
    changed = {number: change(each) for number, each in dict(zip(numbers, sets, strict=True)).items()}
    return tuple(map(changed.__getitem__, numbers))


def _in_order(filed: Mapping[_Label, DeviceSet]) -> dict[_Label, DeviceSet]:
    """By the lowest device of each, as `catalogue_of` meets them."""
    return dict(sorted(filed.items(), key=lambda item: lowest(item[1])))


def _mapped(each: Hindrance, change: Callable[[DeviceSet], DeviceSet]) -> Hindrance:
    return Hindrance(each.group, change(each.in_the_way), change(each.movable), change(each.coupled), change(each.hopeless))
