# SPDX-License-Identifier: Apache-2.0
"""The questions that change nothing: functions of one inventory, so that they are answered the same with an agent or without.

What needs no more than an inventory and a payload is a view already (`views.answers`, `views.device_answers`,
`views.pool_answers`); here is what has to be resolved, selected or placed first.

Does not know: the ledger, RPC, how the journal keeps what is past.
"""

from typing import Final

from pcipt_agent.core.claim import Wish
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.core.selection import explain
from pcipt_agent.errors import ClaimEnded, ClaimUnknown
from pcipt_agent.flows.resolving import resolved
from pcipt_agent.ports import Journal
from pcipt_agent.views.answers import render_reply
from pcipt_agent.views.domxml import hostdev, place, text
from pcipt_agent.views.funnel_answers import explain_request_reply
from pcipt_agent.views.history_answers import history_reply
from pcipt_agent.views.wire import ExplainRequestPayload, RenderPayload, address_of
from pcipt_agent.views.wire_history import HistoryPayload, HistoryReply
from pcipt_agent.views.wire_replies import ExplainRequestReply, RenderReply

NOBODY: Final = ""
"""The consumer of a question that is asked for no guest in particular: it holds nothing."""


def explain_request(inventory: Inventory, payload: ExplainRequestPayload) -> ExplainRequestReply:
    """What a claim of this wish would get now, or why it would be refused. Raises Refusal where it can't be understood."""
    content = resolved(payload, inventory.catalogue.rules)
    wish = Wish(consumer=NOBODY, requests=content.requests, guest=content.guest, group_policy=content.group_policy)
    funnel, chosen = explain(inventory, wish)
    return explain_request_reply(inventory, funnel, chosen)


def history(inventory: Inventory, journal: Journal, payload: HistoryPayload) -> HistoryReply:
    """Raises BadRequest for an address that is none; one that is not here any more may have a history all the same."""
    address = None if payload.address is None else address_of(payload.address, "address")
    consumer = None if payload.consumer is None else str(payload.consumer)
    return history_reply(inventory.generation, journal.history(address=address, consumer=consumer), payload.limit)


def render(inventory: Inventory, payload: RenderPayload) -> RenderReply:
    """The elements of the claim's devices, alone or in the caller's document, from what was recorded when they were claimed."""
    claim = inventory.book.claims.get(payload.claim_id)
    if claim is None:
        if payload.claim_id in inventory.book.ended:
            raise ClaimEnded(payload.claim_id, inventory.book.ended[payload.claim_id])
        raise ClaimUnknown(payload.claim_id)
    elements = [hostdev(held) for held in claim.held]
    domain = None if payload.domain is None else place(payload.domain, elements)
    return render_reply(inventory, payload.claim_id, [text(element) for element in elements], domain)
