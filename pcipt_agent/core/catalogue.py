# SPDX-License-Identifier: Apache-2.0
"""Catalogue: Host × RuleSet, what could be handed out if nothing were claimed.

Derived anew when either changes, and only then, because it is linear in the devices; a claim only reads it. It gives every device
an index (its place in address order), keeps the entry that matched it, and the sets that selection cuts with. Why a device is not
ready is worked out when somebody asks: most never do.

Does not know: claims, NUMA policies, how a choice is made (`core.selection`).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.alias import Alternative, Readiness, RuleSet
from pcipt_agent.core.device import Device, DeviceType
from pcipt_agent.core.deviceset import EMPTY, DeviceSet, filed, indexes, set_of
from pcipt_agent.core.domain import Version
from pcipt_agent.core.host import Host
from pcipt_agent.core.iommu_groups import Hindrance, accompanied, company_in_words
from pcipt_agent.core.kinship import Kinship, kinship_of
from pcipt_agent.core.readiness import DriverTrouble, NotReady, Unready, driver_trouble, of_itself
from pcipt_agent.core.safety import safety_of
from pcipt_agent.core.spec import AddressGlob, DeviceSpec, matches, resource_class, traits


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
            self.fits_ids(wanted)
            and self.fits_resource_class(wanted)
            and self.fits_traits(wanted)
            and self.fits_live_migratable(wanted)
        )

    def fits_ids(self, wanted: Alternative) -> bool:
        return ids_fit(self.vendor_id, self.product_id, wanted)

    def fits_resource_class(self, wanted: Alternative) -> bool:
        return wanted.resource_class in (None, self.resource_class)

    def fits_traits(self, wanted: Alternative) -> bool:
        return wanted.traits <= self.traits

    def fits_live_migratable(self, wanted: Alternative) -> bool:
        # nova differs: a device without the tag is not live-migratable, so an alias that says "no" takes it.
        return wanted.live_migratable in (None, self.live_migratable)


def ids_fit(vendor_id: str, product_id: str, wanted: Alternative) -> bool:
    return wanted.vendor_id in (None, vendor_id) and wanted.product_id in (None, product_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All sets are over `devices`' indexes. Made by `catalogue_of`."""

    host: Host
    rules: RuleSet
    libvirt_version: Version | None
    devices: tuple[Device, ...]
    index_of: Mapping[PciAddress, int]
    spec_of: tuple[DeviceSpec | None, ...]
    """By index: the entry that matched, None where none did."""
    assignable: DeviceSet
    """Matched by an entry."""
    ready: DeviceSet
    """May be handed out safely; the coupled ones in company."""
    coupled: DeviceSet
    """Of the ready: those that can be had only if others of their IOMMU group are taken too."""
    offered: DeviceSet
    """What may be given: assignable, ready, not remote-managed, no vDPA device."""
    harmless: DeviceSet
    """Handing one out takes nothing usable from others: neither a PF with usable VFs nor a VF whose PF is usable."""
    by_type: Mapping[DeviceType, DeviceSet]
    by_numa_node: Mapping[int | None, DeviceSet]
    """NUMA node → its devices; None → those of unknown node."""
    by_ids: Mapping[tuple[str, str], DeviceSet]
    """(vendor_id, product_id) → its devices, assignable or not."""
    by_kind: Mapping[Kind, DeviceSet]
    """Of the assignable devices."""
    by_alias: Mapping[tuple[DeviceType | None, tuple[Alternative, ...]], DeviceSet]
    """`on_offer` of every configured alias, worked out once."""
    remote_managed: DeviceSet
    networked: DeviceSet
    """Never an alias's: those of a physical network where devices are reported to Placement, which is told nothing of them."""
    kinship: Kinship
    hindrances: Mapping[int, Hindrance]
    """IOMMU group → what stands in the way in it; without the groups where nothing does."""

    def fitting(self, alternatives: Sequence[Alternative]) -> DeviceSet:
        """The assignable devices that fit any of the alternatives."""
        return _fitting(self.by_kind, alternatives)

    def on_offer(self, device_type: DeviceType | None, alternatives: tuple[Alternative, ...]) -> DeviceSet:
        """What an alias of that device type (None: any) and these alternatives would be given, were nothing claimed."""
        known = self.by_alias.get((device_type, alternatives))
        if known is not None:
            return known
        of_type = self.all_devices if device_type is None else self.by_type.get(device_type, EMPTY)
        return self.fitting(alternatives) & of_type & self.offered & ~self.networked

    @property
    def all_devices(self) -> DeviceSet:
        return (1 << len(self.devices)) - 1

    def set_at(self, addresses: Iterable[PciAddress]) -> DeviceSet:
        """The devices at these addresses, where there is one."""
        return set_of(index for index in map(self.index_of.get, addresses) if index is not None)

    def not_ready(self, index: int) -> tuple[NotReady, ...]:
        """Why the device must not be handed out, the most telling reason first; empty where it may."""
        device = self.devices[index]
        found = list(of_itself(device, self.host))
        if self.rules.readiness is Readiness.ENFORCE:
            found += self._of_the_group(index, among=self.all_devices & ~self.coupled)
            trouble = self._of_the_driver(index)
            found += [trouble.why] if trouble is not None and trouble.refused else []
        return tuple(found)

    def warnings(self, index: int, beside: DeviceSet = EMPTY) -> tuple[NotReady, ...]:
        """What does not keep the device from being handed out, and should be known. `beside` are its holder's other devices: for
        company that is there nobody is warned."""
        enforcing = self.rules.readiness is Readiness.ENFORCE
        found = list(self._of_the_group(index, among=self.coupled if enforcing else self.all_devices, beside=beside))
        trouble = self._of_the_driver(index)
        return (*found, trouble.why) if trouble is not None and not (trouble.refused and enforcing) else tuple(found)

    def _of_the_group(self, index: int, *, among: DeviceSet, beside: DeviceSet = EMPTY) -> Iterator[NotReady]:
        device = self.devices[index]
        if not among >> index & 1:
            return
        if device.iommu_group is None:
            yield NotReady(Unready.NO_IOMMU_GROUP, "it is in no IOMMU group: the host has no IOMMU, or it is off")
            return
        hindered = self.hindrances.get(device.iommu_group)
        obstacles = EMPTY if hindered is None else hindered.against(index) & ~(hindered.movable & beside)
        if hindered is not None and obstacles and device.device_type is not DeviceType.VDPA:
            detail = company_in_words(hindered.group, obstacles, self.devices)
            if hindered.coupled >> index & 1:
                detail += ": ask for both in one claim" if obstacles.bit_count() == 1 else ": ask for all of them in one claim"
            yield NotReady(Unready.GROUP_NOT_VIABLE, detail)

    def _of_the_driver(self, index: int) -> DriverTrouble | None:
        spec = self.spec_of[index]
        if spec is None:
            return None
        return driver_trouble(self.devices[index], managed=spec.tags.managed, libvirt_version=self.libvirt_version)

    def company_of(self, index: int) -> DeviceSet:
        """What must be taken with the device; empty where it needs nobody."""
        group = self.devices[index].iommu_group
        return self.hindrances[group].movable & ~(1 << index) if self.coupled >> index & 1 and group is not None else EMPTY

    def accompanied(self, among: DeviceSet) -> DeviceSet:
        """Of the devices `among`, those whose company, if they need any, is among them too."""
        return accompanied(tuple(self.hindrances.values()), among) if self.coupled else among

    def kind_of(self, index: int) -> Kind | None:
        """None where no entry matches the device."""
        spec = self.spec_of[index]
        return None if spec is None else _kind(self.devices[index], spec)


def catalogue_of(host: Host, rules: RuleSet, libvirt_version: Version | None = None) -> Catalogue:
    """Matches every device against the rules, and sorts them into sets. Linear in the devices."""
    devices = tuple(host.devices[address] for address in sorted(host.devices))
    index_of = {device.address: index for index, device in enumerate(devices)}
    spec_of = _Matcher(rules.specs, host).match_all(devices)
    kinship = kinship_of(devices, index_of)
    safety = safety_of(devices, spec_of, kinship, rules=rules, libvirt_version=libvirt_version)
    networked = _networked(spec_of) if rules.report_in_placement else EMPTY
    by_type = filed(enumerate(device.device_type for device in devices))
    by_kind = _by_kind(devices, spec_of)
    on_offer = safety.offered & ~networked
    return Catalogue(
        host=host,
        rules=rules,
        libvirt_version=libvirt_version,
        devices=devices,
        index_of=index_of,
        spec_of=spec_of,
        assignable=safety.assignable,
        ready=safety.ready,
        coupled=safety.coupled,
        offered=safety.offered,
        harmless=_harmless(len(devices), kinship.members, safety.assignable & safety.ready),
        by_type=by_type,
        by_numa_node=filed(enumerate(device.numa_node for device in devices)),
        by_ids=filed(enumerate((device.vendor_id, device.product_id) for device in devices)),
        by_kind=by_kind,
        by_alias=_by_alias(rules, by_kind, {each: those & on_offer for each, those in by_type.items()}),
        remote_managed=safety.remote_managed,
        networked=networked,
        kinship=kinship,
        hindrances=safety.hindrances,
    )


def _networked(spec_of: Sequence[DeviceSpec | None]) -> DeviceSet:
    # nova differs: an alias takes them from the compute's pools all the same, and Placement counts nothing.
    return set_of(index for index, spec in enumerate(spec_of) if spec is not None and spec.tags.physical_network)


def _harmless(count: int, members: Mapping[int, DeviceSet], usable: DeviceSet) -> DeviceSet:
    harm: set[int] = set()
    for pf, vfs in members.items():
        if vfs & usable:
            harm.add(pf)
        if usable >> pf & 1:
            harm.update(indexes(vfs))
    return set_of(index for index in range(count) if index not in harm)


def _by_kind(devices: Sequence[Device], spec_of: Sequence[DeviceSpec | None]) -> dict[Kind, DeviceSet]:
    kinds: dict[tuple[str, str, int], Kind] = {}
    pairs = []
    for index, (device, spec) in enumerate(zip(devices, spec_of, strict=True)):
        if spec is None:
            continue
        key = (device.vendor_id, device.product_id, spec.entry)
        if key not in kinds:
            kinds[key] = _kind(device, spec)
        pairs.append((index, kinds[key]))
    return filed(pairs)


def _kind(device: Device, spec: DeviceSpec) -> Kind:
    return Kind(
        device.vendor_id,
        device.product_id,
        resource_class(device, spec.tags),
        traits(spec.tags),
        bool(spec.tags.live_migratable),
    )


def _fitting(by_kind: Mapping[Kind, DeviceSet], alternatives: Sequence[Alternative]) -> DeviceSet:
    found = EMPTY
    for kind, devices in by_kind.items():
        if any(kind.fits(wanted) for wanted in alternatives):
            found |= devices
    return found


def _by_alias(
    rules: RuleSet, by_kind: Mapping[Kind, DeviceSet], offered: Mapping[DeviceType, DeviceSet]
) -> dict[tuple[DeviceType | None, tuple[Alternative, ...]], DeviceSet]:
    return {
        (alias.device_type, alias.alternatives): _fitting(by_kind, alias.alternatives) & offered.get(alias.device_type, EMPTY)
        for alias in rules.aliases.values()
    }


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
        return next((spec for spec in candidates if matches(spec, device, parent)), None)
