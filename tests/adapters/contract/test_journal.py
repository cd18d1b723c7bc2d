# SPDX-License-Identifier: Apache-2.0
"""What every journal promises; run on the one in memory and on SQLite's."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from immutables import Map

from pcipt_agent.adapters.journal import SqliteJournal
from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.claim import Allocated, ClaimBook, Claimed, ClaimState, Decision, Disabled, Enabled, Expired, Freed, evolve
from pcipt_agent.core.history import Ending, Span, Upkeep, UpkeepKind
from pcipt_agent.errors import JournalError
from pcipt_agent.ports import Journal
from tests.support.books import BOOT, claim, decision, life
from tests.support.ports import MemoryDisk, MemoryJournal

Open = Callable[[], Journal]


@pytest.fixture(params=["memory", "sqlite"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """A journal on the same state each time it is called."""
    disk = MemoryDisk()
    if request.param == "memory":
        return lambda: MemoryJournal(disk)
    return lambda: SqliteJournal(tmp_path / "state")


def test_a_new_journal_holds_nothing_and_this_is_the_first_start(opened: Open) -> None:
    journal = opened()
    recovered = journal.recover(BOOT, 1.0, 0.0)
    assert (recovered.book, recovered.boot_id, recovered.incarnation, recovered.decisions) == (ClaimBook(), None, 1, 0)
    assert recovered.unwritable is None
    journal.close()


def test_what_was_appended_is_there_after_a_restart(opened: Open) -> None:
    journal = opened()
    journal.recover(BOOT, 1.0, 0.0)
    journal.append(decision(Claimed(claim(1)), Claimed(claim(2)), at=5.0))
    journal.append(decision(Allocated("c2"), at=6.0))
    journal.append(decision(Freed("c1", 7.0), at=7.0))
    journal.close()
    again = opened()
    recovered = again.recover("another boot", 8.0, 0.0)
    assert set(recovered.book.claims) == {"c2"}
    assert recovered.book.claims["c2"].state is ClaimState.ALLOCATED
    assert recovered.book.claims["c2"].held == claim(2).held
    assert set(recovered.book.holders) == {held.address for held in claim(2).held}
    assert recovered.book.ended == Map({"c1": 7.0})
    assert (recovered.boot_id, recovered.incarnation, recovered.decisions) == (BOOT, 2, 4)
    again.close()


def test_every_start_has_a_number_of_its_own_and_leaves_its_boot_id(opened: Open) -> None:
    for number in range(1, 4):
        journal = opened()
        recovered = journal.recover(f"boot {number}", 1.0, 0.0)
        assert recovered.incarnation == number
        assert recovered.boot_id == (None if number == 1 else f"boot {number - 1}")
        journal.close()


def test_decisions_are_told_oldest_first_with_all_that_belongs_to_them(opened: Open) -> None:
    journal = opened()
    journal.recover(BOOT, 1.0, 0.0)
    for each in life(3):
        journal.append(each)
    assert list(journal.decisions()) == life(3)
    journal.close()
    again = opened()
    again.recover(BOOT, 2.0, 0.0)
    assert list(again.decisions()) == life(3)
    again.close()


def test_compaction_keeps_the_book_the_ended_ids_and_the_number_of_the_start(opened: Open) -> None:
    journal = opened()
    journal.recover(BOOT, 1.0, 0.0)
    book = ClaimBook()
    for each in [
        *life(1),
        decision(
            Claimed(
                claim(2),
            )
        ),
        decision(Allocated("c2")),
    ]:
        journal.append(each)
        for event in each.events:
            book = evolve(book, event)
    before = journal.length()
    journal.compact(book, BOOT, 9.0)
    assert journal.length() == 1 < before
    assert list(journal.decisions()) == []
    journal.append(decision(Claimed(claim(3))))
    journal.close()
    again = opened()
    recovered = again.recover(BOOT, 10.0, 0.0)
    assert recovered.book == evolve(book, Claimed(claim(3)))
    assert (recovered.incarnation, recovered.decisions) == (2, 2)
    again.close()


def test_ended_ids_older_than_asked_are_forgotten_for_good(opened: Open) -> None:
    journal = opened()
    journal.recover(BOOT, 1.0, 0.0)
    journal.append(decision(Freed("old", 10.0)))
    journal.append(decision(Freed("young", 20.0)))
    journal.close()
    again = opened()
    assert again.recover(BOOT, 30.0, 15.0).book.ended == Map({"young": 20.0})
    again.append(decision(Claimed(claim(1))))
    again.close()
    third = opened()
    recovered = third.recover(BOOT, 30.0, 0.0)
    assert recovered.book.ended == Map({"young": 20.0})
    assert set(recovered.book.claims) == {"c1"}
    third.close()


def test_a_second_one_on_the_same_state_is_refused_at_once(opened: Open) -> None:
    journal = opened()
    journal.recover(BOOT, 1.0, 0.0)
    second = opened()
    with pytest.raises(JournalError, match="already running on this state"):
        second.recover(BOOT, 1.0, 0.0)
    journal.append(decision(Claimed(claim(1))))
    journal.close()


def test_distrust_says_the_way_out(opened: Open) -> None:
    journal = opened()
    journal.recover(BOOT, 1.0, 0.0)
    error = journal.distrust("it says that two hold one")
    assert error.problem == "it says that two hold one"
    assert error.way_out
    journal.close()


def test_its_size_grows_with_what_it_holds(opened: Open) -> None:
    journal = opened()
    journal.recover(BOOT, 1.0, 0.0)
    before = journal.size_bytes()
    for number in range(40):
        journal.append(decision(Claimed(claim(number))))
    assert journal.size_bytes() > before > 0
    journal.close()


ADDRESS = claim(1).held[0].address


def ids(journal: Journal, *, address: PciAddress | None = None, consumer: str | None = None) -> list[tuple[str, float | None]]:
    """(claim_id, until) of what is told."""
    told = journal.history(address=address, consumer=consumer)
    return [(each.claim_id, each.until) for each in told if isinstance(each, Span)]


def had(name: str, at: float) -> list[Decision]:
    """A claim of the one device, made and freed."""
    once = replace(claim(1), claim_id=name, claimed_at=at)
    return [decision(Claimed(once), at=at), decision(Freed(name, at + 0.5), at=at + 0.5, caller="uid 0")]


def kept_by(journal: Journal, decisions: list[Decision], book: ClaimBook) -> ClaimBook:
    for each in decisions:
        journal.append(each)
        for event in each.events:
            book = evolve(book, event)
    return book


def test_history_is_told_newest_first_through_compactions_and_restarts(opened: Open) -> None:
    journal = opened()
    journal.recover(BOOT, 1.0, 0.0)
    book = kept_by(journal, [*had("a", 10.0), *had("b", 20.0)], ClaimBook())
    journal.compact(book, BOOT, 21.0)
    book = kept_by(journal, had("c", 30.0), book)
    journal.close()
    journal = opened()
    journal.recover(BOOT, 31.0, 0.0)
    book = kept_by(journal, had("d", 40.0), book)
    journal.compact(book, BOOT, 41.0)
    book = kept_by(journal, [*had("e", 50.0), *had("f", 60.0)[:1]], book)
    expected = [("f", None), ("e", 50.5), ("d", 40.5), ("c", 30.5), ("b", 20.5), ("a", 10.5)]
    assert ids(journal, address=ADDRESS) == expected
    assert ids(journal, consumer=claim(1).wish.consumer) == expected
    assert ids(journal, address=claim(2).held[0].address) == ids(journal, consumer=claim(2).wish.consumer) == []
    assert {each.ended_by for each in journal.history(address=ADDRESS) if isinstance(each, Span)} == {None, "uid 0"}
    journal.close()


def test_what_is_remembered_before_a_compaction_is_told_once_whatever_comes_between(opened: Open) -> None:
    journal = opened()
    journal.recover(BOOT, 1.0, 0.0)
    book = kept_by(journal, had("a", 10.0), ClaimBook())
    journal.remember(11.0)
    assert ids(journal, address=ADDRESS) == [("a", 10.5)]
    book = kept_by(journal, had("b", 20.0), book)
    journal.remember(21.0)
    book = kept_by(journal, had("c", 30.0), book)
    expected = [("c", 30.5), ("b", 20.5), ("a", 10.5)]
    assert ids(journal, address=ADDRESS) == expected
    journal.compact(book, BOOT, 31.0)
    assert ids(journal, address=ADDRESS) == expected
    book = kept_by(journal, had("d", 40.0), book)
    journal.remember(41.0)
    journal.close()
    journal = opened()
    journal.recover(BOOT, 50.0, 0.0)
    journal.compact(book, BOOT, 51.0)
    book = kept_by(journal, had("e", 60.0), book)
    journal.compact(book, BOOT, 61.0)
    assert ids(journal, address=ADDRESS) == [("e", 60.5), ("d", 40.5), *expected]
    journal.close()


def test_a_claim_that_is_held_through_compactions_is_told_from_its_beginning(opened: Open) -> None:
    journal = opened()
    journal.recover(BOOT, 1.0, 0.0)
    book = kept_by(journal, [decision(Claimed(claim(1))), decision(Allocated("c1", 2.0))], ClaimBook())
    for _ in range(2):
        journal.compact(book, BOOT, 3.0)
        (span,) = journal.history(address=ADDRESS)
        assert isinstance(span, Span)
        assert (span.since, span.allocated_at, span.until) == (1.0, 2.0, None)
    kept_by(journal, [decision(Expired("c1", 9.0, (ADDRESS,)))], book)
    (span,) = journal.history(address=ADDRESS)
    assert isinstance(span, Span)
    assert (span.since, span.allocated_at, span.until, span.ending, span.dirty) == (1.0, 2.0, 9.0, Ending.EXPIRED, True)
    journal.close()


def test_what_was_done_to_a_device_or_the_host_is_told_with_the_device(opened: Open) -> None:
    journal = opened()
    journal.recover(BOOT, 1.0, 0.0)
    others = claim(2).held[0].address
    book = kept_by(
        journal,
        [
            decision(Disabled(ADDRESS, "link flaps", 2.0, "uid 0"), at=2.0),
            decision(Disabled(None, "fan", 3.0, "uid 1"), Disabled(others, "lid", 3.0, None), at=3.0),
            decision(Enabled(None, 4.0), at=4.0, caller="uid 2"),
        ],
        ClaimBook(),
    )
    for _ in range(2):
        told = list(journal.history(address=ADDRESS))
        assert told == [
            Upkeep(address=None, kind=UpkeepKind.ENABLED, at=4.0, by="uid 2"),
            Upkeep(address=None, kind=UpkeepKind.DISABLED, at=3.0, by="uid 1", reason="fan"),
            Upkeep(address=ADDRESS, kind=UpkeepKind.DISABLED, at=2.0, by="uid 0", reason="link flaps"),
        ]
        assert list(journal.history(consumer=claim(1).wish.consumer)) == []
        journal.compact(book, BOOT, 5.0)
    journal.close()


def test_what_was_past_for_longer_than_asked_is_dropped_at_a_compaction(opened: Open) -> None:
    journal = opened()
    journal.recover(BOOT, 1.0, 0.0)
    journal.keep_history(15.0)
    book = kept_by(journal, [*had("a", 10.0), *had("b", 20.0)], ClaimBook())
    journal.compact(book, BOOT, 22.0)
    assert ids(journal, address=ADDRESS) == [("b", 20.5), ("a", 10.5)]
    journal.compact(book, BOOT, 30.0)
    assert ids(journal, address=ADDRESS) == [("b", 20.5)]
    journal.keep_history(0.0)
    journal.compact(book, BOOT, 31.0)
    assert ids(journal, address=ADDRESS) == []
    journal.close()


def test_a_start_that_forgets_ended_ids_keeps_the_history_of_their_claims(opened: Open) -> None:
    journal = opened()
    journal.recover(BOOT, 1.0, 0.0)
    kept_by(journal, had("a", 10.0), ClaimBook())
    journal.close()
    again = opened()
    assert again.recover(BOOT, 30.0, 15.0).book == ClaimBook()
    assert list(again.decisions()) == []
    assert ids(again, address=ADDRESS) == [("a", 10.5)]
    again.close()
