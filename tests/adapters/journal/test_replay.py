# SPDX-License-Identifier: Apache-2.0
"""Rows that are whole and can't be true all the same stop the replay, naming themselves."""

from dataclasses import replace

import pytest
from immutables import Map

from pcipt_agent.adapters.journal.replay import Replayed, Row, Tail, TooNew, Untrusted, replay, row_after, tail_after
from pcipt_agent.core.claim import (
    Allocated,
    ClaimBook,
    Claimed,
    ClaimState,
    Cleaned,
    Decision,
    Disabled,
    Enabled,
    Event,
    Expired,
    Freed,
    evolve,
)
from pcipt_agent.views.records import Book, Entry, Happened, Started
from tests.support.books import BOOT, claim

HELD, ELSEWHERE = (claim(number).held[0].address for number in (1, 2))
TWICE = replace(claim(2), held=claim(2).held * 2)


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
        (happened(Allocated("c1"), Allocated("c1")), "record 4: claim 'c1' is allocated and was not claimed"),
        (happened(Expired("c8", 1.0)), "record 4: claim 'c8' expires and was not waiting to be allocated"),
        (happened(Expired("c9", 1.0)), "record 4: claim 'c9' ends twice"),
        (happened(Allocated("c1"), Expired("c1", 1.0)), "record 4: claim 'c1' expires and was not waiting to be allocated"),
        (happened(Freed("c1", 1.0, (ELSEWHERE,))), "record 4: claim 'c1' leaves 0000:00:02.0 dirty, which it did not hold"),
        (happened(Freed("c8", 1.0, (ELSEWHERE,))), "record 4: claim 'c8' leaves 0000:00:02.0 dirty, which it did not hold"),
        (happened(Expired("c1", 1.0, (ELSEWHERE,))), "record 4: claim 'c1' leaves 0000:00:02.0 dirty, which it did not hold"),
        (happened(Cleaned(ELSEWHERE, 1.0)), "record 4: 0000:00:02.0 is cleaned and was not dirty"),
        (happened(Enabled(ELSEWHERE, 1.0)), "record 4: 0000:00:02.0 is enabled and was not disabled"),
        (happened(Enabled(None, 1.0)), "record 4: the host is enabled and was not disabled"),
        (happened(Claimed(replace(claim(2), state=ClaimState.ALLOCATED))), "record 4: claim 'c2' begins as allocated"),
        (happened(Claimed(TWICE)), "record 4: claim 'c2' is promised a device twice"),
        (
            happened(Freed("c1", 1.0, (HELD,)), Claimed(replace(claim(1), claim_id="c5"))),
            "record 4: claim 'c5' is promised 0000:00:01.0, which is dirty",
        ),
    ],
)
def test_an_event_that_is_not_possible_is_not_believed(last: Entry, problem: str) -> None:
    with pytest.raises(Untrusted, match=problem):
        replay(written(Started(1), happened(Claimed(claim(1))), happened(Freed("c9", 1.0)), last))


def test_what_outlives_claims_adds_up() -> None:
    rows = written(
        Started(1),
        happened(Claimed(claim(1, one_time_use=True)), Claimed(claim(2, devices=2, one_time_use=True))),
        happened(Expired("c1", 2.0, (HELD,)), Freed("c2", 3.0, tuple(held.address for held in claim(2, devices=2).held))),
        happened(Cleaned(ELSEWHERE, 4.0), Disabled(HELD, "old", 5.0, None), Disabled(HELD, "why", 5.0, None)),
        happened(
            Disabled(None, "fan", 6.0, "x"), Enabled(None, 7.0), Disabled(ELSEWHERE, "lid", 8.0, None), Enabled(ELSEWHERE, 9.0)
        ),
    )
    book = replay(rows).book
    assert {str(address): (why.claim_id, why.at) for address, why in book.dirty.items()} == {
        "0000:00:01.0": ("c1", 2.0),
        "0000:00:02.1": ("c2", 3.0),
    }
    assert book.disabled == Map({HELD: Disabled(HELD, "why", 5.0, None)})
    assert book.host_disabled is None


def test_what_a_guest_already_had_is_adopted_although_it_is_dirty() -> None:
    adopted = replace(claim(1), claim_id="c5", state=ClaimState.ALLOCATED, adopted_from="vm")
    book = replay(written(Started(1), happened(Claimed(claim(1)), Freed("c1", 1.0, (HELD,)), Claimed(adopted)))).book
    assert (set(book.claims), set(book.dirty)) == ({"c5"}, {HELD})


def test_the_decisions_since_the_last_book_are_told_with_their_records_numbers() -> None:
    before, after = happened(Claimed(claim(1))), Happened((Freed("c1", 2.0),), "req-1", "uid 0")
    base = evolve(ClaimBook(), Claimed(claim(1)))
    found = replay(written(Started(1), before, Book(1, base), Started(2), after)[2:])
    assert found.base == base
    assert found.decisions == ((5, Decision(events=after.events, at=1.0, boot_id=BOOT, request_id="req-1", caller="uid 0")),)


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
