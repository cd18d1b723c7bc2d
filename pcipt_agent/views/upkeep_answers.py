# SPDX-License-Identifier: Apache-2.0
"""What became of disable, enable and clean, as answers.

Pure: the inventories before and after go in, a reply comes out.

Does not know: when it is obeyed (`flows.upkeeping`), how it is shown (`views.text_upkeep`).
"""

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.claim import Disabled
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.views.status_reason import reason_of
from pcipt_agent.views.wire_devices import DisabledPart
from pcipt_agent.views.wire_upkeep import CleanReply, DisableReply, EnableReply, StillHeldPart


def disabled_part(disabled: Disabled) -> DisabledPart:
    address = None if disabled.address is None else str(disabled.address)
    return DisabledPart(address=address, reason=disabled.reason, since=disabled.at, by=disabled.by)


def disable_reply(before: Inventory, after: Inventory, address: PciAddress | None) -> DisableReply:
    """`address` None: the host."""
    said = after.book.host_disabled if address is None else after.book.disabled.get(address)
    assert said is not None, "it is disabled now"
    return DisableReply(
        generation=after.generation,
        changed=after is not before,
        disabled=disabled_part(said),
        still_held=[
            StillHeldPart(address=str(each), claim_id=claim_id, consumer=after.book.claims[claim_id].wish.consumer)
            for each, claim_id in sorted(after.book.holders.items())
            if address is None or address in (each, _parent(after, each))
        ],
    )


def enable_reply(before: Inventory, after: Inventory, address: PciAddress | None) -> EnableReply:
    """`address` None: the host."""
    return EnableReply(
        generation=after.generation,
        changed=after is not before,
        address=None if address is None else str(address),
        still_disabled=[disabled_part(each) for each in _still(after, address)],
    )


def clean_reply(before: Inventory, after: Inventory, address: PciAddress) -> CleanReply:
    return CleanReply(
        generation=after.generation,
        changed=after is not before,
        address=str(address),
        status=after.status(address),
        status_reason=reason_of(after, address),
    )


def _still(inventory: Inventory, address: PciAddress | None) -> list[Disabled]:
    book = inventory.book
    if address is None:
        return [each for _, each in sorted(book.disabled.items())]
    parent = _parent(inventory, address)
    of_pf = None if parent is None else book.disabled.get(parent)
    return [each for each in (of_pf, book.host_disabled) if each is not None]


def _parent(inventory: Inventory, address: PciAddress) -> PciAddress | None:
    device = inventory.catalogue.host.devices.get(address)
    return None if device is None else device.parent
