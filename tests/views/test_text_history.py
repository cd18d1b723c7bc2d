# SPDX-License-Identifier: Apache-2.0
"""History as a table."""

from pathlib import Path

from pcipt_agent.core.history import Ending, UpkeepKind
from pcipt_agent.views.text import page
from pcipt_agent.views.text_history import history_page
from pcipt_agent.views.wire_history import HistoryReply, SpanPart, UpkeepPart
from tests.support.demo import CLAIMED_AT, CONSUMER, OTHER
from tests.support.golden import Golden

GOLDEN = Path(__file__).parent / "golden"
NOW_HELD = SpanPart(
    address="0000:3b:00.1",
    claim_id="port-1",
    consumer=CONSUMER,
    since=CLAIMED_AT + 9000,
    until=None,
    claimed_by="uid 42436 (pid 7)",
    adopted_from=None,
    allocated_at=CLAIMED_AT + 9001,
    ending=None,
    ended_by=None,
    dirty=False,
)
ADOPTED = NOW_HELD.model_copy(
    update={
        "claim_id": "job-3",
        "consumer": OTHER,
        "since": CLAIMED_AT,
        "until": CLAIMED_AT + 60,
        "adopted_from": "builder",
        "allocated_at": CLAIMED_AT,
        "ending": Ending.FREED,
        "ended_by": "uid 0 (pid 8)",
        "dirty": True,
    }
)
EXPIRED = NOW_HELD.model_copy(
    update={"since": CLAIMED_AT - 7200, "until": CLAIMED_AT - 3600, "allocated_at": None, "ending": Ending.EXPIRED}
)
WORDS = [
    UpkeepPart(address="0000:3b:00.1", what=UpkeepKind.CLEANED, at=CLAIMED_AT + 600, by="uid 0 (pid 9)", reason=None),
    UpkeepPart(address=None, what=UpkeepKind.DISABLED, at=CLAIMED_AT + 300, by=None, reason="fan is loud"),
]


def said(reply: HistoryReply) -> str:
    return page(history_page(reply), colour=False)


def test_history_is_a_table_newest_first(golden: Golden) -> None:
    reply = HistoryReply(generation="1.1", entries=[NOW_HELD, *WORDS, ADOPTED, EXPIRED], more=True, problem="history.db is damaged")
    golden.check(said(reply), GOLDEN / "history.txt")


def test_no_history_is_said_in_words() -> None:
    assert said(HistoryReply(generation="1.1", entries=[], more=False, problem=None)).startswith("no history: ")
