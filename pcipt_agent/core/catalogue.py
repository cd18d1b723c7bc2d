# SPDX-License-Identifier: Apache-2.0
"""Catalogue: Host × RuleSet, what could be handed out if nothing were claimed.

Derived anew when either changes, and only then, because it is linear in the devices; a claim only reads it. It gives every device an
index (its place in address order), keeps the entry that matched it, and the sets that selection cuts with.

Does not know: claims, NUMA policies, how a choice is made (`core.selection`).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.alias import Alternative, RuleSet
from pcipt_agent.core.device import Device, DeviceType
from pcipt_agent.core.deviceset import DeviceSet, set_of
from pcipt_agent.core.host import Host
from pcipt_agent.core.readiness import not_ready
from pcipt_agent.core.spec import AddressGlob, DeviceSpec, mismatch, resource_class, traits


@dataclass(frozen=True, slots=True)
class Kind:
    """What alternatives can tell devices apart by; devices of one kind are alike to every alias."""

    vendor_id: str
    product_id: str
    resource_class: str
    traits: frozenset[str]
    live_migratable: bool

    def fits(self, wanted: Alternative) -> bool:
        return (
            wanted.vendor_id in (None, self.vendor_id)
            and wanted.product_id in (None, self.product_id)
            and wanted.resource_class in (None, self.resource_class)
            and wanted.traits <= self.traits
            # nova differs: a device without the tag is not live-migratable, so an alias that says "no" takes it.
            and wanted.live_migratable in (None, self.live_migratable)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All sets are over `devices`' indexes. Made by `catalogue_of`."""

    host: Host
    rules: RuleSet
    devices: tuple[Device, ...]
    index_of: Mapping[PciAddress, int]
    spec_of: tuple[DeviceSpec | None, ...]
    """By index: the entry that matched, None where none did."""
    assignable: DeviceSet
    """Matched by an entry."""
    ready: DeviceSet
    """May be handed out safely, by `core.readiness`."""
    by_type: Mapping[DeviceType, DeviceSet]
    by_numa_node: Mapping[int | None, DeviceSet]
    """NUMA node → its devices; None → those of unknown node."""
    by_kind: Mapping[Kind, DeviceSet]
    """Of the assignable devices."""
    remote_managed: DeviceSet
    relatives: tuple[DeviceSet, ...]
    """By index: a PF's VFs; a VF's PF; empty for others."""
    unit_of: tuple[int, ...]
    """By index: the PF's index for a VF whose PF is here, else its own. `isolate` takes one device of a unit."""
    members: Mapping[int, DeviceSet]
    """PF index → its VFs, for every PF with a VF here."""

    def fitting(self, alternatives: Sequence[Alternative]) -> DeviceSet:
        """The assignable devices that fit any of the alternatives."""
        found = 0
        for kind, devices in self.by_kind.items():
            if any(kind.fits(wanted) for wanted in alternatives):
                found |= devices
        return found


def catalogue_of(host: Host, rules: RuleSet) -> Catalogue:
    """Matches every device against the rules, and sorts them into sets. Linear in the devices."""
    devices = tuple(host.devices[address] for address in sorted(host.devices))
    index_of = {device.address: index for index, device in enumerate(devices)}
    spec_of = _Matcher(rules.specs, host).match_all(devices)
    by_type: dict[DeviceType, list[int]] = defaultdict(list)
    by_numa_node: dict[int | None, list[int]] = defaultdict(list)
    by_kind: dict[Kind, list[int]] = defaultdict(list)
    members: dict[int, list[int]] = defaultdict(list)
    assignable, ready, remote_managed = [], [], []
    unit_of = list(range(len(devices)))
    kinds: dict[tuple[str, str, int], Kind] = {}
    for index, device in enumerate(devices):
        by_type[device.device_type].append(index)
        by_numa_node[device.numa_node].append(index)
        if not_ready(device) is None:
            ready.append(index)
        parent = None if device.parent is None else index_of.get(device.parent)
        if parent is not None:
            members[parent].append(index)
            unit_of[index] = parent
        spec = spec_of[index]
        if spec is None:
            continue
        assignable.append(index)
        key = (device.vendor_id, device.product_id, spec.entry)
        if key not in kinds:
            kinds[key] = _kind(device, spec)
        by_kind[kinds[key]].append(index)
        if spec.tags.remote_managed:
            remote_managed.append(index)
    member_sets = {parent: set_of(vfs) for parent, vfs in members.items()}
    relatives = tuple(
        member_sets.get(index, 0) if unit_of[index] == index else 1 << unit_of[index] for index in range(len(devices))
    )
    return Catalogue(
        host=host,
        rules=rules,
        devices=devices,
        index_of=index_of,
        spec_of=spec_of,
        assignable=set_of(assignable),
        ready=set_of(ready),
        by_type={each: set_of(found) for each, found in by_type.items()},
        by_numa_node={node: set_of(found) for node, found in by_numa_node.items()},
        by_kind={kind: set_of(found) for kind, found in by_kind.items()},
        remote_managed=set_of(remote_managed),
        relatives=relatives,
        unit_of=tuple(unit_of),
        members=member_sets,
    )


def _kind(device: Device, spec: DeviceSpec) -> Kind:
    return Kind(
        device.vendor_id,
        device.product_id,
        resource_class(device, spec.tags),
        traits(spec.tags),
        bool(spec.tags.live_migratable),
    )


class _Matcher:
    """First match wins, without asking every entry of every device: entries are filed by the one address they mean, if any."""

    def __init__(self, specs: Sequence[DeviceSpec], host: Host) -> None:
        self._host = host
        self._exact: dict[PciAddress, list[DeviceSpec]] = defaultdict(list)
        self._open: list[DeviceSpec] = []
        for spec in specs:
            address = spec.address.exact if isinstance(spec.address, AddressGlob) else None
            if address is None:
                self._open.append(spec)
            else:
                self._exact[address].append(spec)

    def match_all(self, devices: Sequence[Device]) -> tuple[DeviceSpec | None, ...]:
        return tuple(self._match(device) for device in devices)

    def _match(self, device: Device) -> DeviceSpec | None:
        parent = self._host.parent_of(device)
        named = self._exact.get(device.address, ())
        if device.parent is not None and device.parent in self._exact:
            named = [*named, *self._exact[device.parent]]
        candidates = sorted([*named, *self._open], key=lambda spec: spec.entry) if named else self._open
        return next((spec for spec in candidates if mismatch(spec, device, parent) is None), None)
