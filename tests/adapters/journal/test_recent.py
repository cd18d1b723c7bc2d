# SPDX-License-Identifier: Apache-2.0
"""What the journal's records still tell of the past."""

from pcipt_agent.adapters.journal.history import Key
from pcipt_agent.adapters.journal.recent import Recent
from pcipt_agent.core.claim import ClaimBook, Claimed, Disabled, Freed
from pcipt_agent.core.history import About
from tests.support.books import claim, consumer_id, decision

ADDRESS = claim(1).held[0].address
EMPTY = ClaimBook().claims


def test_what_is_past_is_known_by_when_it_was_decided_and_where_it_stands() -> None:
    recent = Recent()
    recent.begin(EMPTY.set("c1", claim(1)), [(7, decision(Freed("c1", 2.0), Disabled(None, "fan", 2.0, None), at=2.0))])
    assert [key for key, _ in recent.past()] == [Key(2.0, 7, 0), Key(2.0, 7, 1)]
    held, past = recent.about(About(ADDRESS))
    assert held == ()
    assert list(past) == [Key(2.0, 7, 1), Key(2.0, 7, 0)]
    assert list(recent.about(About(consumer_id(1)))[1]) == [Key(2.0, 7, 0)]


def test_a_copy_stays_as_it_was_and_a_new_beginning_is_counted() -> None:
    recent = Recent()
    recent.begin(EMPTY)
    recent.happened(1, decision(Claimed(claim(1))))
    (span,) = recent.about(About(ADDRESS))[0]
    before = recent.past()
    recent.happened(2, decision(Freed("c1", 3.0)))
    assert before == ()
    assert span.until is None
    assert recent.about(About(ADDRESS))[0] == ()
    assert len(recent.past()) == 1
    assert recent.begun == 1
    recent.begin(EMPTY)
    assert recent.past() == ()
    assert recent.begun == 2
