# SPDX-License-Identifier: Apache-2.0
"""A device_spec entry and the devices it matches.

An entry is a value; matching takes a device (and its PF) and says yes, or the first key that does not fit. The first entry that
matches supplies all tags. One exact address of a PF selects the PF and all its VFs; a wildcard that happens to cover the PF does
not pull in its VFs.

Does not know: where devices come from, what is claimed, the config file.
Source: nova/pci/devspec.py of nova 34; admin guide, `[pci] device_spec`.
"""

import re
from dataclasses import dataclass, field
from typing import Literal, assert_never

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.device import Device, DeviceType


@dataclass(frozen=True, slots=True)
class AddressGlob:
    """Each field a number, or None for `*`."""

    domain: int | None = None
    bus: int | None = None
    slot: int | None = None
    function: int | None = None

    @property
    def exact(self) -> PciAddress | None:
        """The one address that it means, or None."""
        if self.domain is None or self.bus is None or self.slot is None or self.function is None:
            return None
        return PciAddress(self.domain, self.bus, self.slot, self.function)

    def matches(self, address: PciAddress) -> bool:
        return (
            (self.function is None or self.function == address.function)
            and (self.slot is None or self.slot == address.slot)
            and (self.bus is None or self.bus == address.bus)
            and (self.domain is None or self.domain == address.domain)
        )


@dataclass(frozen=True, slots=True)
class AddressRegex:
    """Start-anchored patterns over the fields as the kernel writes them (`0000`, `3b`, `02`, `1`)."""

    domain: re.Pattern[str]
    bus: re.Pattern[str]
    slot: re.Pattern[str]
    function: re.Pattern[str]

    @property
    def exact(self) -> PciAddress | None:
        """The one address that it means: nova takes four plain hex strings for one."""
        patterns = (self.domain.pattern, self.bus.pattern, self.slot.pattern, self.function.pattern)
        if not all(re.fullmatch("[0-9a-fA-F]+", pattern) for pattern in patterns):
            return None
        return PciAddress(*(int(pattern, 16) for pattern in patterns))

    def matches(self, address: PciAddress) -> bool:
        return bool(
            self.domain.match(f"{address.domain:04x}")
            and self.bus.match(f"{address.bus:02x}")
            and self.slot.match(f"{address.slot:02x}")
            and self.function.match(f"{address.function:x}")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """What an entry says of the devices that it matches, beside which they are."""

    physical_network: str | None = None
    """None also for JSON null: a virtual network."""
    remote_managed: bool = False
    trusted: bool | None = None
    managed: bool = True
    live_migratable: bool | None = None
    one_time_use: bool = False
    resource_class: str | None = None
    """Normalised Placement name; None: derived from the ids."""
    traits: frozenset[str] = frozenset()
    """Normalised Placement names, without those that the agent adds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSpec:
    """One object of `[pci] device_spec`."""

    entry: int
    """1-based position in the flattened list."""
    source: str = field(compare=False)
    """The operator's text."""
    vendor_id: str | None = None
    """Four lower-case hex digits; None for any."""
    product_id: str | None = None
    address: AddressGlob | AddressRegex = AddressGlob()
    tags: Tags = Tags()


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first key of an entry that a device does not fit."""

    key: str
    wanted: str
    found: str


def matches(spec: DeviceSpec, device: Device, parent: Device | None) -> bool:
    """`parent` is the device's PF, where it has one here."""
    return _unfit(spec, device, parent) is None


def mismatch(spec: DeviceSpec, device: Device, parent: Device | None) -> Mismatch | None:
    """None where `spec` matches `device`; else the key that does not. `parent` is the device's PF, where it has one here."""
    key = _unfit(spec, device, parent)
    match key:
        case None:
            return None
        case "vendor_id":
            return Mismatch(key, str(spec.vendor_id), device.vendor_id)
        case "product_id":
            return Mismatch(key, str(spec.product_id), device.product_id)
        case "address":
            return Mismatch(key, address_text(spec.address), str(device.address))
        case "remote_managed" if not device.serial:
            return Mismatch(key, "a VPD serial number", device.serial_unknown or "none")
        case "remote_managed":
            return Mismatch(key, "a VF", str(device.device_type))
        case _:
            assert_never(key)


def _unfit(
    spec: DeviceSpec, device: Device, parent: Device | None
) -> Literal["vendor_id", "product_id", "address", "remote_managed"] | None:
    """The key; no word is made for any of the thousands of devices that nobody asks about."""
    if spec.vendor_id is not None and spec.vendor_id != device.vendor_id:
        return "vendor_id"
    if spec.product_id is not None and spec.product_id != device.product_id:
        return "product_id"
    if not _address_matches(spec.address, device, parent):
        return "address"
    # nova differs: nothing stops a PF there unless the entry names it; the guide prohibits remote-managed PFs.
    if spec.tags.remote_managed and (not device.serial or device.device_type is DeviceType.PF):
        return "remote_managed"
    return None


def _address_matches(pattern: AddressGlob | AddressRegex, device: Device, parent: Device | None) -> bool:
    if pattern.matches(device.address):
        return True
    if parent is None or pattern.exact is None:
        return False
    return parent.device_type is DeviceType.PF and pattern.matches(parent.address)


def address_text(pattern: AddressGlob | AddressRegex) -> str:
    """The pattern in the operator's terms: `*:3b:00.*`, or the four regular expressions."""
    match pattern:
        case AddressGlob(domain, bus, slot, function):
            fields = ((domain, "04x"), (bus, "02x"), (slot, "02x"), (function, "x"))
            texts = ["*" if value is None else format(value, width) for value, width in fields]
            return f"{texts[0]}:{texts[1]}:{texts[2]}.{texts[3]}"
        case AddressRegex():
            patterns = (pattern.domain, pattern.bus, pattern.slot, pattern.function)
            return "/{}/:/{}/:/{}/./{}/".format(*(each.pattern for each in patterns))
        case _:
            assert_never(pattern)


def resource_class(device: Device, tags: Tags) -> str:
    """The Placement resource class that the device has, or would have if it were reported."""
    return tags.resource_class or f"CUSTOM_PCI_{device.vendor_id}_{device.product_id}".upper()


def traits(tags: Tags) -> frozenset[str]:
    """The Placement traits that a device with these tags has, or would have if it were reported."""
    own = {"COMPUTE_MANAGED_PCI_DEVICE", "OWNER_NOVA"}
    if tags.live_migratable:
        own.add("HW_PCI_LIVE_MIGRATABLE")
    if tags.one_time_use:
        own.add("HW_PCI_ONE_TIME_USE")
    return tags.traits | own
