# SPDX-License-Identifier: Apache-2.0
"""A notification is one line, whatever is in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcipt_agent.views.contract import NOTIFICATIONS_LOST
from pcipt_agent.views.text_events import event_line

AT = "2026-11-21 14:35:52.123456"
CLAIM = {
    "generation": "1.6",
    "request_id": "req-7",
    "at": 5.0,
    "claim_id": "c1",
    "consumer": None,
    "addresses": ["0000:3b:00.1", "0000:3b:00.2"],
    "dirty": [],
    "lost": 0,
}


@pytest.mark.parametrize("at", [AT, "2026-11-21T14:35:52.123456+00:00"])
def test_a_line_says_when_what_and_whose_and_no_more(at: str) -> None:
    assert event_line("pcipt.claim.freed", at, CLAIM) == (
        "2026-11-21 14:35:52Z  claim.freed      claim_id c1  addresses 0000:3b:00.1, 0000:3b:00.2  request_id req-7  generation 1.6"
    )


def test_notifications_that_are_missing_before_it_are_counted() -> None:
    assert event_line("pcipt.claim.freed", AT, {**CLAIM, "lost": 2}).endswith("  (2 before it are lost)")


def test_being_away_is_said_in_words() -> None:
    assert "what it told meanwhile is lost" in event_line(NOTIFICATIONS_LOST, AT, {})


@given(st.text(), st.dictionaries(st.text(), st.none() | st.text() | st.integers() | st.lists(st.text())))
def test_it_is_one_line_that_no_terminal_obeys(event_type: str, payload: dict[str, object]) -> None:
    assert event_line(event_type, AT, payload).isprintable()
