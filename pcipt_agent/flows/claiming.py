# SPDX-License-Identifier: Apache-2.0
"""claim, allocate, free: a caller's payload, obeyed by the ledger, and the reply that was made before it became durable.

Does not know: RPC, how devices are chosen (`core.selection`), how a decision becomes durable (`flows.ledger`).
"""

from pcipt_agent.core.claim import Held, Wish
from pcipt_agent.core.decide import Allocate, ClaimDevices, Free
from pcipt_agent.errors import ClaimEnded
from pcipt_agent.flows.ledger import Ledger, Terms
from pcipt_agent.flows.resolving import resolved
from pcipt_agent.views.answers import claim_reply, free_reply
from pcipt_agent.views.domxml import hostdev, text
from pcipt_agent.views.wire import AllocatePayload, ClaimPayload, FreePayload
from pcipt_agent.views.wire_replies import ClaimReply, FreeReply


def claim(ledger: Ledger, payload: ClaimPayload, request_id: str | None = None, *, caller: str | None = None) -> ClaimReply:
    """The devices are promised to the consumer, and the reply says how a guest is given them. Raises Refusal."""
    book = ledger.inventory.book
    if payload.claim_id in book.ended:
        # Before anything is resolved: what an alias means by now is of no interest to a claim that has ended.
        raise ClaimEnded(payload.claim_id, book.ended[payload.claim_id])
    held = book.claims.get(payload.claim_id)
    content = resolved(payload, ledger.inventory.catalogue.rules, None if held is None else held.wish)
    wish = Wish(
        consumer=str(payload.consumer),
        requests=content.requests,
        guest=content.guest,
        group_policy=content.group_policy,
        move_id=payload.move_id,
    )
    return ledger.obey(
        ClaimDevices(claim_id=payload.claim_id, wish=wish, at=ledger.now(), by=caller),
        render=lambda before, after: claim_reply(
            after, payload.claim_id, _element, changed=after is not before, dry_run=payload.dry_run
        ),
        terms=Terms(dry_run=payload.dry_run, if_generation=payload.if_generation, request_id=request_id, caller=caller),
    )


def allocate(ledger: Ledger, payload: AllocatePayload, request_id: str | None = None, *, caller: str | None = None) -> ClaimReply:
    """The claim is allocated. Raises ClaimUnknown and ClaimEnded."""
    return ledger.obey(
        Allocate(claim_id=payload.claim_id, at=ledger.now()),
        render=lambda before, after: claim_reply(after, payload.claim_id, _element, changed=after is not before),
        terms=Terms(request_id=request_id, caller=caller),
    )


def free(ledger: Ledger, payload: FreePayload, request_id: str | None = None, *, caller: str | None = None) -> FreeReply:
    """The claim has ended, also where none was held: a late claim with its id is refused from now on."""
    return ledger.obey(
        Free(claim_id=payload.claim_id, at=ledger.now(), unused=payload.unused),
        render=lambda before, after: free_reply(before, after, payload.claim_id, unused=payload.unused),
        terms=Terms(request_id=request_id, caller=caller),
    )


def _element(held: Held) -> str:
    return text(hostdev(held))
