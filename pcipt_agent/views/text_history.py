# SPDX-License-Identifier: Apache-2.0
"""History for people: a table, newest first.

Does not know: where it is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from pcipt_agent.views.text import aside, counted, moment, table, unknown

if TYPE_CHECKING:
    from pcipt_agent.views.wire_history import HistoryReply, SpanPart, UpkeepPart

_TITLES = ("from", "to", "address", "consumer", "claim", "what", "by")


def history_page(reply: HistoryReply) -> Iterator[RenderableType]:
    """A line an entry, then what is missing from it."""
    if reply.entries:
        yield table(_TITLES, (_row(entry) for entry in reply.entries))
    else:
        yield "no history: nobody has had it since history began, or all of it is older than [agent] history_kept"
    if reply.more:
        yield aside(f"the newest {counted(len(reply.entries), 'entry', 'entries')}; --limit shows more")
    if reply.problem is not None:
        yield Text(f"some of it can't be told: {reply.problem}", style="red")


def _row(entry: SpanPart | UpkeepPart) -> tuple[str | Text, ...]:
    if entry.kind == "span":
        return _span(entry)
    reason = f": {entry.reason}" if entry.reason else ""
    where = "the host" if entry.address is None else entry.address
    return moment(entry.at), "", where, "", "", f"{entry.what}{reason}", unknown(entry.by)


def _span(entry: SpanPart) -> tuple[str | Text, ...]:
    until = Text("now", style="green") if entry.until is None else moment(entry.until)
    began = f"adopted from domain {entry.adopted_from}" if entry.adopted_from else "claimed"
    allocated = [f"allocated {moment(entry.allocated_at)}"] if entry.allocated_at is not None and not entry.adopted_from else []
    ended = [f"{entry.ending}{', dirty' if entry.dirty else ''}"] if entry.ending is not None else []
    by = unknown(entry.claimed_by)
    end = "the agent itself" if entry.ending == "expired" else unknown(entry.ended_by)
    whose = by if entry.until is None or end == by else f"{by}, then {end}"
    return (
        moment(entry.since),
        until,
        entry.address,
        entry.consumer,
        entry.claim_id,
        "; ".join([began, *allocated, *ended]),
        whose,
    )
