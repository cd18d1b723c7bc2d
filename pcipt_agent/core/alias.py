# SPDX-License-Identifier: Apache-2.0
"""Alias: a named wish; Request: one use of it, resolved.

A request carries everything that selection needs, so a later change of the alias changes no claim. Entries that share an alias
name are alternatives: a device that fits any of them will do.

Does not know: the config file, the flavor's text (`flows.claiming`), devices.
Source: nova/pci/request.py of nova 34; admin guide, `[pci] alias`, "PCI-NUMA affinity policies".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.spec import DeviceSpec


class NumaPolicy(StrEnum):
    """How near to the guest's NUMA nodes a device must be."""

    REQUIRED = "required"
    SOCKET = "socket"
    PREFERRED = "preferred"
    LEGACY = "legacy"


class GroupPolicy(StrEnum):
    """Whether the devices of a guest may share a PF."""

    NONE = "none"
    ISOLATE = "isolate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """What a device must have; None and empty mean any. Ids are four lower-case hex digits, names are Placement's."""

    vendor_id: str | None = None
    product_id: str | None = None
    resource_class: str | None = None
    traits: frozenset[str] = frozenset()
    live_migratable: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """All entries of one name; they agree in device type and NUMA policy."""

    name: str
    device_type: DeviceType
    numa_policy: NumaPolicy | None
    """None where the operator gave none: legacy."""
    alternatives: tuple[Alternative, ...]
    """In the operator's order, at least one."""
    type_omitted: bool = field(default=False, compare=False)
    """No entry states a device type, so it is type-PCI; nova would take VFs too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """`count` devices of one wish. Either `alternatives`, or the exact `address` that repair and tests name."""

    count: int
    numa_policy: NumaPolicy = NumaPolicy.LEGACY
    numa_policy_asked: bool = False
    """Whether the caller named the policy (for the request, in the flavor or the image), and not the alias or nobody."""
    alias: str | None = None
    device_type: DeviceType | None = None
    """None only with `address`: the device's own."""
    alternatives: tuple[Alternative, ...] = ()
    address: PciAddress | None = None


class Readiness(StrEnum):
    """What becomes of a device whose IOMMU, IOMMU group or driver is not as it must be."""

    ENFORCE = "enforce"
    WARN = "warn"
    """It is handed out, and the answer says so. What the host uses or is half made is kept from guests all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """What the operator said: the second of our three facts."""

    specs: tuple[DeviceSpec, ...] = ()
    """In the operator's order: the first match wins."""
    aliases: Mapping[str, Alias]
    report_in_placement: bool = False
    pci_in_placement: bool = False
    readiness: Readiness = Readiness.ENFORCE
    digest: str = ""
    """Short hash of the operator's text, to compare hosts by."""
