# SPDX-License-Identifier: Apache-2.0
"""Rows that are whole and can't be true all the same stop the replay, naming themselves."""

import pytest

from pcipt_agent.adapters.journal.replay import Replayed, Row, Tail, TooNew, Untrusted, replay, row_after, tail_after
from pcipt_agent.core.claim import Allocated, ClaimBook, Claimed, Event, Freed
from pcipt_agent.views.records import Book, Entry, Happened, Started
from tests.support.books import BOOT, claim


def written(*entries: Entry) -> list[Row]:
    """The rows that say the entries."""
    rows, tail = [], Tail()
    for entry in entries:
        rows.append(row_after(tail, entry, BOOT, 1.0))
        tail = tail_after(tail, rows[-1], entry)
    return rows


def happened(*events: Event) -> Happened:
    return Happened(events, None, None)


def test_rows_add_up() -> None:
    rows = written(Started(1), happened(Claimed(claim(1))), happened(Freed("c1", 2.0)), Started(2), happened(Claimed(claim(2))))
    found = replay(rows)
    assert set(found.book.claims) == {"c2"}
    assert found.book.ended == ClaimBook().ended.set("c1", 2.0)
    assert (found.incarnation, found.boot_id) == (2, BOOT)
    assert found.tail == Tail(5, rows[-1].crc, 5)


def test_a_book_stands_for_all_that_was_before() -> None:
    rows = written(Started(1), happened(Claimed(claim(1))), Book(1, ClaimBook()), happened(Claimed(claim(1))))
    found = replay(rows[2:])
    assert set(found.book.claims) == {"c1"}
    assert found.tail == Tail(4, rows[-1].crc, 2)


@pytest.mark.parametrize(
    ("last", "problem"),
    [
        (happened(Claimed(claim(1))), "record 4: claim 'c1' is promised 0000:00:01.0, held by another claim"),
        (happened(Freed("c9", 1.0)), "record 4: claim 'c9' ends twice"),
        (happened(Allocated("c8")), "record 4: claim 'c8' is allocated and was not claimed"),
    ],
)
def test_an_event_that_is_not_possible_is_not_believed(last: Entry, problem: str) -> None:
    with pytest.raises(Untrusted, match=problem):
        replay(written(Started(1), happened(Claimed(claim(1))), happened(Freed("c9", 1.0)), last))


def test_a_claim_id_that_has_ended_is_not_claimed_again() -> None:
    with pytest.raises(Untrusted, match="record 3: claim 'c1' is claimed twice"):
        replay(written(Started(1), happened(Freed("c1", 1.0)), happened(Claimed(claim(1)))))


def test_no_rows_are_no_journal() -> None:
    with pytest.raises(Untrusted, match="no record"):
        replay([])
    assert Replayed().tail == Tail()


def test_a_later_format_is_told_from_damage() -> None:
    first = written(Started(1))[0]
    with pytest.raises(TooNew, match="record 1 is of format 3"):
        replay([Row(first.sequence, first.at, first.boot_id, 3, b"?", 0)])


def test_a_body_that_is_whole_and_says_nothing_we_know_names_its_record() -> None:
    rows = written(Started(1))
    strange = Started(2)
    row = row_after(tail_after(Tail(), rows[0], Started(1)), strange, BOOT, 1.0)
    with pytest.raises(Untrusted, match="record 2 does not have the checksum"):
        replay([*rows, Row(row.sequence, row.at, row.boot_id, row.format, b"{}", row.crc)])
