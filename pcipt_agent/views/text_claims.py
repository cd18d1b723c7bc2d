# SPDX-License-Identifier: Apache-2.0
"""Claims for people: a listing, and one claim with the elements for its guest.

Does not know: how a claim came about, the clock (times are shown as UTC).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from pcipt_agent.views.text import counted, moment, status_mark, table
from pcipt_agent.views.text_explain import request_text

if TYPE_CHECKING:
    from pcipt_agent.views.wire_replies import ClaimPart, ClaimReply, FreeReply, HeldPart


def claim_table(claims: Sequence[ClaimPart]) -> Text:
    """One line a held device, so that a device or a consumer is found with `grep`."""
    titles = ("claim", "state", "consumer", "request", "address", "type", "status", "claimed at", "about")
    return table(titles, (_row(claim, held) for claim in claims for held in claim.devices))


def _row(claim: ClaimPart, held: HeldPart) -> tuple[str | Text, ...]:
    return (
        claim.claim_id,
        claim.state,
        claim.consumer,
        request_text(claim.requests[held.request]),
        held.address,
        held.device_type,
        status_mark(held.status),
        moment(claim.claimed_at),
        "; ".join(_about(claim, held)),
    )


def _about(claim: ClaimPart, held: HeldPart) -> Iterator[str]:
    """What an operator should know of the device or its claim."""
    if held.fingerprint_differs:
        yield _differs(held)
    if claim.overdue is not None:
        yield f"overdue since {moment(claim.overdue.since)}{f': {claim.overdue.stays}' if claim.overdue.stays else ''}"
    if claim.domain_gone:
        yield "no domain has it"
    if claim.adopted_from is not None:
        yield f"adopted from domain {claim.adopted_from}"
    if held.address in claim.dirty_after:
        yield "dirty once freed"


def claim_page(reply: ClaimReply) -> Iterator[RenderableType]:
    """The claim in a sentence, its devices, and their elements."""
    yield _claim_sentence(reply)
    for held in reply.devices:
        line = Text.assemble(f"  {held.address}  {held.device_type:8}  ", status_mark(held.status))
        about = [*([_differs(held)] if held.fingerprint_differs else []), *held.warnings]
        yield line.append(f"  {'; '.join(about)}") if about else line
    for held in reply.devices:
        yield held.xml


def _claim_sentence(reply: ClaimReply) -> str:
    what = f"claim {reply.claim_id} of consumer {reply.consumer}"
    if reply.dry_run:
        return f"{what} would hold {counted(len(reply.devices), 'device')}; nothing was claimed"
    was = "" if reply.changed else ", as before"
    return f"{what} is {reply.state}{was}, {counted(len(reply.devices), 'device')}, since {moment(reply.claimed_at)}"


def free_text(reply: FreeReply) -> str:
    """What became of the claim."""
    if not reply.changed:
        return f"claim {reply.claim_id} had ended before, at {moment(reply.ended_at)}"
    if not reply.freed:
        return f"claim {reply.claim_id} held nothing here; its id has ended now and can't be claimed any more"
    told = [f"claim {reply.claim_id} has ended; freed {', '.join(reply.freed)}"]
    if reply.dirty:
        doubt = f" ({reply.unused_doubted}, so --unused is not believed)" if reply.unused_doubted else ""
        clean = "".join(f"\n  pcipt clean {address}" for address in reply.dirty)
        told.append(f"dirty after one-time use{doubt}; once clean:{clean}")
    return "\n".join(told)


def _differs(held: HeldPart) -> str:
    parts = held.fingerprint_differs
    return f"not what was claimed: {', '.join(parts)} {'differs' if len(parts) == 1 else 'differ'}"
