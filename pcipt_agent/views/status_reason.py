# SPDX-License-Identifier: Apache-2.0
"""Why a device has its status, and what is to be said of it all the same, as clauses for people.

The clause is of the status that is shown and of no other: a device that a domain occupies may be unready as well, and then it is
the domain that an operator must be told of.

Does not know: tables and trees, the funnel's own clauses (`core.filters`), from which the rest is taken.
"""

from pcipt_agent.core.address import PciAddress, first_of
from pcipt_agent.core.claim import Disabled
from pcipt_agent.core.device import Device
from pcipt_agent.core.deviceset import indexes
from pcipt_agent.core.filters import why_not_had
from pcipt_agent.core.inventory import DeviceStatus, Inventory

_NAMED = 4
"""Addresses or domains that a reason names before it counts the rest; the reply's fields have them all."""


def reason_of(inventory: Inventory, address: PciAddress) -> str | None:
    """None where the status says it all."""
    match inventory.status(address):
        case None | DeviceStatus.FREE | DeviceStatus.CLAIMED | DeviceStatus.ALLOCATED:
            return None
        case DeviceStatus.LOST:
            return "it is held and no longer on the host; it can be freed"
        case DeviceStatus.UNLISTED:
            return "it is held and no device_spec entry matches it now; it can be freed"
        case DeviceStatus.NOT_ASSIGNABLE:
            return "no device_spec entry matches it"
        case DeviceStatus.OCCUPIED:
            names = [f"{each.name} ({'running' if each.running else 'defined'})" for each in inventory.domains_of[address]]
            return (
                f"{'domain' if len(names) == 1 else 'domains'} {first_of(names, _NAMED)} {'has' if len(names) == 1 else 'have'} it"
            )
        case DeviceStatus.DIRTY:
            dirty = inventory.book.dirty[address]
            return f"since claim {dirty.claim_id} of consumer {dirty.consumer} ended"
        case DeviceStatus.DISABLED if address in inventory.book.disabled and inventory.book.host_disabled is None:
            return inventory.book.disabled[address].reason
        case DeviceStatus.BLOCKED if why := _blocked_by_relatives(inventory, address):
            return why
        case _:
            return why_not_had(inventory, inventory.catalogue.index_of[address])


def _blocked_by_relatives(inventory: Inventory, address: PciAddress) -> str | None:
    """None where its relatives are nobody's, so that it is its IOMMU group that blocks it."""
    blockers = inventory.blockers_of(inventory.catalogue.host.devices[address])
    if not blockers:
        return None
    states = sorted({_state(inventory, each) for each in blockers})
    are = "its relative {} is {}" if len(blockers) == 1 else "its relatives {} are {}"
    return are.format(first_of(blockers, _NAMED), " or ".join(states))


def _state(inventory: Inventory, address: PciAddress) -> str:
    if address in inventory.book.holders:
        return "claimed"
    return "occupied" if address in inventory.domains_of else "dirty"


def company_of(inventory: Inventory, address: PciAddress) -> tuple[PciAddress, ...]:
    """The other members of its IOMMU group that are held or occupied, in address order."""
    catalogue = inventory.catalogue
    mates = catalogue.kinship.group_mates(catalogue.index_of[address]) & (inventory.held | inventory.occupied)
    return tuple(catalogue.devices[mate].address for mate in indexes(mates))


def disabled_by(inventory: Inventory, device: Device) -> tuple[Disabled, ...]:
    """What was said of the device itself, of its PF, and of the host; empty where it is in service."""
    book = inventory.book
    own = book.disabled.get(device.address)
    of_pf = None if device.parent is None else book.disabled.get(device.parent)
    return tuple(each for each in (own, of_pf, book.host_disabled) if each is not None)


def warnings_of(inventory: Inventory, address: PciAddress) -> list[str]:
    """What is not as it should be of a device, and keeps nobody from having it; nothing of one that no entry lists or is gone."""
    catalogue = inventory.catalogue
    index = catalogue.index_of.get(address)
    if index is None or catalogue.spec_of[index] is None or not catalogue.warnings(index):
        return []  # company can only take warnings away, and is dear to find where a consumer has many devices
    holder = inventory.book.holder_of(address)
    own = () if holder is None else inventory.book.claims_of(holder.wish.consumer)
    beside = catalogue.set_at(held.address for claim in own for held in claim.held)
    return [each.detail for each in catalogue.warnings(index, beside)]
