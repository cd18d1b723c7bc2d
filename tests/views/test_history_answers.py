# SPDX-License-Identifier: Apache-2.0
"""History as an answer: told newest first, no more of it read than was asked for."""

from collections.abc import Iterator

from pcipt_agent.core.history import Ending, Past, Span, Unreadable, Upkeep, UpkeepKind
from pcipt_agent.views.history_answers import history_reply
from pcipt_agent.views.wire_history import SpanPart, UpkeepPart
from tests.support.planned import at

SPAN = Span(
    address=at("3b:00.0"),
    claim_id="c1",
    consumer="u1",
    since=1.0,
    claimed_by="uid 0",
    adopted_from=None,
    allocated_at=2.0,
    until=3.0,
    ended_by="uid 1",
    ending=Ending.EXPIRED,
    dirty=True,
)
WORD = Upkeep(address=None, kind=UpkeepKind.DISABLED, at=4.0, by="uid 0", reason="loud")


def test_every_part_of_what_is_past_is_answered() -> None:
    span, word = history_reply("1.1", [SPAN, WORD], 10).entries
    assert isinstance(span, SpanPart)
    assert span.model_dump(exclude={"kind"}) == {
        "address": "0000:3b:00.0",
        "claim_id": "c1",
        "consumer": "u1",
        "since": 1.0,
        "until": 3.0,
        "claimed_by": "uid 0",
        "adopted_from": None,
        "allocated_at": 2.0,
        "ending": Ending.EXPIRED,
        "ended_by": "uid 1",
        "dirty": True,
    }
    assert word == UpkeepPart(address=None, what=UpkeepKind.DISABLED, at=4.0, by="uid 0", reason="loud")


def test_no_more_is_read_than_asked_for_and_one() -> None:
    read: list[int] = []

    def told() -> Iterator[Past]:
        for number in range(100):
            read.append(number)
            yield SPAN

    reply = history_reply("1.1", told(), 3)
    assert (len(reply.entries), reply.more, len(read)) == (3, True, 4)


def test_the_last_of_it_says_that_there_is_no_more() -> None:
    assert history_reply("1.1", [SPAN] * 3, 3).more is False


def test_what_can_not_be_told_is_said() -> None:
    reply = history_reply("1.1", [SPAN, Unreadable("history.db is damaged")], 1)
    assert (len(reply.entries), reply.more, reply.problem) == (1, False, "history.db is damaged")
