# SPDX-License-Identifier: Apache-2.0
"""What an operator says of a device: disable, enable, clean.

Saying what already holds is no event. A reason that differs is: the newer one is what the next operator should read.

Does not know: claims, what a device that is disabled or dirty is kept from (`core.inventory`).
"""

from dataclasses import dataclass

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.claim import Cleaned, Disabled, Enabled, Event
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.errors import DeviceUnknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Disable:
    """No new claims of the device; of a PF: of its VFs neither."""

    address: PciAddress | None
    """None: the host."""
    reason: str
    at: float
    """Seconds since the epoch."""
    by: str | None = None
    """Whose call it is, as far as the transport tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enable:
    """The end of what `Disable` said of the same address."""

    address: PciAddress | None
    """None: the host; what was said of single devices stays."""
    at: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clean:
    """The operator has cleaned the device: it may be handed out again."""

    address: PciAddress
    at: float
    """Seconds since the epoch."""


def disable(inventory: Inventory, command: Disable) -> tuple[Event, ...]:
    """Raises DeviceUnknown."""
    book, address = inventory.book, command.address
    known = book.host_disabled if address is None else book.disabled.get(address)
    if known is None and address is not None and inventory.status(address) is None:
        raise DeviceUnknown(str(address))
    if known is not None and known.reason == command.reason:
        return ()
    return (Disabled(address, command.reason, command.at, command.by),)


def enable(inventory: Inventory, command: Enable) -> tuple[Event, ...]:
    """Raises DeviceUnknown."""
    book, address = inventory.book, command.address
    known = book.host_disabled if address is None else book.disabled.get(address)
    if known is None and address is not None and inventory.status(address) is None:
        raise DeviceUnknown(str(address))
    return () if known is None else (Enabled(address, command.at),)


def clean(inventory: Inventory, command: Clean) -> tuple[Event, ...]:
    """Raises DeviceUnknown."""
    if command.address in inventory.book.dirty:
        return (Cleaned(command.address, command.at),)
    if inventory.status(command.address) is None:
        raise DeviceUnknown(str(command.address))
    return ()
