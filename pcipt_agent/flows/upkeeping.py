# SPDX-License-Identifier: Apache-2.0
"""disable, enable, clean: an operator's word on a device or the host, obeyed by the ledger.

Does not know: RPC, what a device that is disabled or dirty is kept from (`core.inventory`).
"""

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.upkeep import Clean, Disable, Enable
from pcipt_agent.flows.ledger import Ledger, Terms
from pcipt_agent.views.upkeep_answers import clean_reply, disable_reply, enable_reply
from pcipt_agent.views.wire import address_of
from pcipt_agent.views.wire_upkeep import (
    CleanPayload,
    CleanReply,
    DisablePayload,
    DisableReply,
    EnablePayload,
    EnableReply,
    PlacePayload,
)


def disable(ledger: Ledger, payload: DisablePayload, request_id: str | None = None, *, caller: str | None = None) -> DisableReply:
    """No new claims of it, durably. Raises DeviceUnknown."""
    address = _place(payload)
    return ledger.obey(
        Disable(address=address, reason=payload.reason.strip(), at=ledger.now(), by=caller),
        render=lambda before, after: disable_reply(before, after, address),
        terms=Terms(request_id=request_id, caller=caller),
    )


def enable(ledger: Ledger, payload: EnablePayload, request_id: str | None = None, *, caller: str | None = None) -> EnableReply:
    """What `disable` said of it has ended. Raises DeviceUnknown."""
    address = _place(payload)
    return ledger.obey(
        Enable(address=address, at=ledger.now()),
        render=lambda before, after: enable_reply(before, after, address),
        terms=Terms(request_id=request_id, caller=caller),
    )


def clean(ledger: Ledger, payload: CleanPayload, request_id: str | None = None, *, caller: str | None = None) -> CleanReply:
    """It is dirty no more. Raises DeviceUnknown."""
    address = address_of(payload.address, "address")
    return ledger.obey(
        Clean(address=address, at=ledger.now()),
        render=lambda before, after: clean_reply(before, after, address),
        terms=Terms(request_id=request_id, caller=caller),
    )


def _place(payload: PlacePayload) -> PciAddress | None:
    """None: the host."""
    return None if payload.address is None else address_of(payload.address, "address")
