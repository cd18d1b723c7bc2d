# SPDX-License-Identifier: Apache-2.0
"""Safety: what of a host may be handed out safely under its rules, as sets.

The same as asking each device (`core.readiness`, `core.iommu_groups`), but without making a word for any of 4096 that nobody asks
about; a property test holds both to each other.

Does not know: claims, aliases, why a single device is not ready (`Catalogue.not_ready`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pcipt_agent.core.alias import Readiness, RuleSet
from pcipt_agent.core.device import Device, DeviceType
from pcipt_agent.core.deviceset import EMPTY, DeviceSet, set_of, union
from pcipt_agent.core.domain import Version
from pcipt_agent.core.iommu_groups import Hindrance, hindrance
from pcipt_agent.core.kinship import Kinship
from pcipt_agent.core.readiness import driver_trouble, unsettled
from pcipt_agent.core.spec import DeviceSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Safety:
    """As `core.catalogue.Catalogue` names the parts."""

    assignable: DeviceSet
    remote_managed: DeviceSet
    ready: DeviceSet
    coupled: DeviceSet
    offered: DeviceSet
    hindrances: Mapping[int, Hindrance]


def safety_of(
    devices: Sequence[Device],
    spec_of: Sequence[DeviceSpec | None],
    kinship: Kinship,
    *,
    rules: RuleSet,
    libvirt_version: Version | None,
) -> Safety:
    """By index; `spec_of` has the entry that matched, if any did. Linear in the devices."""
    assignable = set_of(index for index, spec in enumerate(spec_of) if spec is not None)
    remote_managed = set_of(index for index, spec in enumerate(spec_of) if spec is not None and spec.tags.remote_managed)
    vdpa = set_of(index for index, device in enumerate(devices) if device.device_type is DeviceType.VDPA)
    for_ports = remote_managed | vdpa
    sound = _sound(devices, kinship.members)
    hindrances = {}
    if kinship.groups:
        may_come = sound & _managed(spec_of) & ~for_ports
        for group, members in kinship.groups.items():
            found = hindrance(group, members, kinship, may_come=may_come)
            if found is not None:
                hindrances[group] = found
    ready, coupled = sound, EMPTY
    if rules.readiness is Readiness.ENFORCE:
        fit = sound & ~_ungrouped(devices) & ~_misbound(devices, spec_of, libvirt_version)
        # A vDPA device is used through its own driver, and no vfio group is opened for it.
        ready = fit & ~(union(each.hopeless for each in hindrances.values()) & ~vdpa)
        coupled = ready & union(each.coupled for each in hindrances.values()) & ~vdpa
    return Safety(
        assignable=assignable,
        remote_managed=remote_managed,
        ready=ready,
        coupled=coupled,
        offered=assignable & ready & ~for_ports,
        hindrances=hindrances,
    )


def _sound(devices: Sequence[Device], members: Mapping[int, DeviceSet]) -> DeviceSet:
    """What nothing of `core.readiness.of_itself` is said of."""
    used = set_of(index for index, device in enumerate(devices) if device.host_uses)
    odd = used | set_of(index for index, device in enumerate(devices) if device.faults or device.is_bridge)
    odd |= set_of(pf for pf, vfs in members.items() if vfs & used)
    for index, device in enumerate(devices):
        if device.sriov is not None:
            vfs = members.get(index, EMPTY)
            if unsettled(device, vfs.bit_count()) is not None:
                odd |= vfs | 1 << index
    return (1 << len(devices)) - 1 & ~odd


def _managed(spec_of: Sequence[DeviceSpec | None]) -> DeviceSet:
    return set_of(index for index, spec in enumerate(spec_of) if spec is not None and spec.tags.managed)


def _ungrouped(devices: Sequence[Device]) -> DeviceSet:
    return set_of(index for index, device in enumerate(devices) if device.iommu_group is None)


def _misbound(devices: Sequence[Device], spec_of: Sequence[DeviceSpec | None], libvirt_version: Version | None) -> DeviceSet:
    """Those whose driver is refused for what their entry says."""
    found = list[int]()
    for index, (device, spec) in enumerate(zip(devices, spec_of, strict=True)):
        if spec is not None and spec.tags.managed is device.vfio_driver:
            trouble = driver_trouble(device, managed=spec.tags.managed, libvirt_version=libvirt_version)
            if trouble is not None and trouble.refused:
                found.append(index)
    return set_of(found)
