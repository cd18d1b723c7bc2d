# SPDX-License-Identifier: Apache-2.0
"""What other rules change on this host: which devices arrive, leave, are kept as somebody has them, or are described
otherwise.

Said before a reload is done, and logged when it is. A device that is held stays its consumer's under any rules; what its new entry
says of it waits until it is freed.

Does not know: the config files, what makes rules unacceptable (`flows.recovery.given_instead`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.core.spec import DeviceSpec


@dataclass(frozen=True, slots=True)
class Moved:
    """A device that an entry lists now and none did before, or the reverse; `entry` is that entry's text."""

    address: PciAddress
    entry: str


@dataclass(frozen=True, slots=True)
class KeptInUse:
    """A device that no entry lists any more, and that its consumer keeps until the claim is freed."""

    address: PciAddress
    entry: str
    """The text of the entry that listed it."""
    claim_id: str
    consumer: str


@dataclass(frozen=True, slots=True)
class Altered:
    """A device that is listed before and after, by entries that say different things of it."""

    address: PciAddress
    before: str
    after: str
    waiting: str | None
    """Consumer that holds it: for that claim the old entry counts until it is freed; None where nobody does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesDifference:
    """Devices in address order, aliases by name."""

    arriving: tuple[Moved, ...] = ()
    leaving: tuple[Moved, ...] = ()
    kept: tuple[KeptInUse, ...] = ()
    altered: tuple[Altered, ...] = ()
    aliases_new: tuple[str, ...] = ()
    aliases_gone: tuple[str, ...] = ()
    aliases_changed: tuple[str, ...] = ()


def rules_difference(before: Inventory, after: Inventory) -> RulesDifference:
    """Between two inventories of the same host and book, under different rules."""
    devices = list(_differences(before, after))
    old, new = before.catalogue.rules.aliases, after.catalogue.rules.aliases
    return RulesDifference(
        arriving=tuple(each for each in devices if isinstance(each, Moved) and _lists(after, each.address)),
        leaving=tuple(each for each in devices if isinstance(each, Moved) and not _lists(after, each.address)),
        kept=tuple(each for each in devices if isinstance(each, KeptInUse)),
        altered=tuple(each for each in devices if isinstance(each, Altered)),
        aliases_new=tuple(sorted(new.keys() - old.keys())),
        aliases_gone=tuple(sorted(old.keys() - new.keys())),
        aliases_changed=tuple(sorted(name for name in old.keys() & new.keys() if old[name] != new[name])),
    )


def _differences(before: Inventory, after: Inventory) -> Iterator[Moved | KeptInUse | Altered]:
    for device, old, new in zip(before.catalogue.devices, before.catalogue.spec_of, after.catalogue.spec_of, strict=True):
        address, holder = device.address, before.book.holder_of(device.address)
        match old, new:
            case None, DeviceSpec():
                yield Moved(address, new.source)
            case DeviceSpec(), None if holder is not None:
                yield KeptInUse(address, old.source, holder.claim_id, holder.wish.consumer)
            case DeviceSpec(), None:
                yield Moved(address, old.source)
            case DeviceSpec(), DeviceSpec() if old.tags != new.tags:
                yield Altered(address, old.source, new.source, None if holder is None else holder.wish.consumer)
            case _:
                pass


def _lists(inventory: Inventory, address: PciAddress) -> bool:
    return inventory.catalogue.spec_of[inventory.catalogue.index_of[address]] is not None
