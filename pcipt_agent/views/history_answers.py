# SPDX-License-Identifier: Apache-2.0
"""History as an answer.

Does not know: where it is kept, which of it is asked for.
"""

from collections.abc import Iterable
from typing import assert_never

from pcipt_agent.core.history import Past, Span, Unreadable, Upkeep
from pcipt_agent.views.wire_history import HistoryReply, SpanPart, UpkeepPart


def history_reply(generation: str, told: Iterable[Past | Unreadable], limit: int) -> HistoryReply:
    """The first `limit` of what is told; no more of it is read than that, and one to know whether there is more."""
    entries: list[SpanPart | UpkeepPart] = []
    problems: list[str] = []
    for each in told:
        if isinstance(each, Unreadable):
            problems.append(each.problem)
        elif len(entries) == limit:
            return _reply(generation, entries, problems, more=True)
        else:
            entries.append(_part(each))
    return _reply(generation, entries, problems, more=False)


def _reply(generation: str, entries: list[SpanPart | UpkeepPart], problems: list[str], *, more: bool) -> HistoryReply:
    return HistoryReply(generation=generation, entries=entries, more=more, problem="; ".join(problems) or None)


def _part(past: Past) -> SpanPart | UpkeepPart:
    match past:
        case Span():
            return SpanPart(
                address=str(past.address),
                claim_id=past.claim_id,
                consumer=past.consumer,
                since=past.since,
                until=past.until,
                claimed_by=past.claimed_by,
                adopted_from=past.adopted_from,
                allocated_at=past.allocated_at,
                ending=past.ending,
                ended_by=past.ended_by,
                dirty=past.dirty,
            )
        case Upkeep():
            address = None if past.address is None else str(past.address)
            return UpkeepPart(address=address, what=past.kind, at=past.at, by=past.by, reason=past.reason)
        case _:
            assert_never(past)
