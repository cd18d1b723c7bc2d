# SPDX-License-Identifier: Apache-2.0
"""History beside the journal: never lost, never doubled, never in the way of a claim."""

import logging
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event as Flag
from threading import Thread

import pytest

from pcipt_agent.adapters.journal import SqliteJournal, verify
from pcipt_agent.adapters.journal.history import _OF_CONSUMER, _OF_DEVICE, BEYOND, HistoryFile, Key
from pcipt_agent.core.claim import ClaimBook, Claimed, Freed
from pcipt_agent.core.history import About, Past, Span, Unreadable
from pcipt_agent.errors import JournalUnwritable
from pcipt_agent.ports import RECORDS_KEPT
from tests.adapters.journal.test_store import FAILING_DISKS, no_room
from tests.support.books import BOOT, claim, consumer_id, decision
from tests.support.journals import book_in, in_child, started

ADDRESS = claim(1).held[0].address


def span(number: int, *, device: int = 1, at: float = 1.0) -> tuple[Key, Past]:
    past = Span(
        address=claim(device).held[0].address,
        claim_id=f"c{number}",
        consumer=consumer_id(number),
        since=at,
        claimed_by=None,
        adopted_from=None,
        allocated_at=None,
        until=at,
    )
    return Key(at, number, 0), past


def had(journal: SqliteJournal, name: str, at: float) -> None:
    """One device, claimed and freed."""
    journal.append(decision(Claimed(replace(claim(1), claim_id=name)), at=at))
    journal.append(decision(Freed(name, at), at=at))


def names(journal: SqliteJournal) -> list[str]:
    told = list(journal.history(address=ADDRESS))
    assert [each for each in told if isinstance(each, Unreadable)] == []
    return [each.claim_id for each in told if isinstance(each, Span)]


def problems(journal: SqliteJournal) -> list[str]:
    return [each.problem for each in journal.history(address=ADDRESS) if isinstance(each, Unreadable)]


def test_nothing_is_written_to_it_but_at_a_compaction(state: Path) -> None:
    journal = started(state)
    had(journal, "a", 2.0)
    assert not (state / "history.db").exists()
    journal.compact(ClaimBook(), BOOT, 3.0)
    assert (state / "history.db").stat().st_mode & 0o777 == 0o600
    before = (state / "history.db").read_bytes()
    had(journal, "b", 4.0)
    assert (state / "history.db").read_bytes() == before
    assert names(journal) == ["b", "a"]
    journal.close()


def test_without_room_for_the_history_nothing_is_compacted(state: Path) -> None:
    journal = started(state)
    had(journal, "a", 2.0)
    records = journal.length()
    with no_room(), pytest.raises(JournalUnwritable, match=r"history\.db"):
        journal.compact(ClaimBook(), BOOT, 3.0)
    assert (journal.length(), names(journal)) == (records, ["a"])
    journal.compact(ClaimBook(), BOOT, 3.0)
    assert (journal.length(), names(journal)) == (1, ["a"])
    journal.close()


def test_a_full_disk_at_a_compaction_leaves_journal_and_history_as_they_were(state: Path) -> None:
    script = """
from tests.adapters.journal.test_history import *
journal = started(state)
had(journal, "a", 2.0)
journal.compact(ClaimBook(ended=ClaimBook().ended.set("a", 2.0)), BOOT, 3.0)
had(journal, "b", 4.0)
refuse(("write", "pwrite64"), errno.ENOSPC)
try:
    journal.compact(ClaimBook(), BOOT, 5.0)
except JournalUnwritable as error:
    say(error)
say(*names(journal), journal.length())
"""
    said = in_child(FAILING_DISKS + script, state)
    assert "history.db" in said[0]
    assert said[1] == "b a 3"
    journal = started(state)
    assert names(journal) == ["b", "a"]
    journal.close()


def test_a_start_whose_history_can_not_be_written_comes_up_and_compacts_nothing(
    state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = started(state)
    had(journal, "a", 2.0)
    for number in range(RECORDS_KEPT):
        journal.append(decision(Freed(f"x{number}", 3.0), at=3.0))
    journal.close()
    (state / "history.db").mkdir()
    again = SqliteJournal(state)
    recovered = again.recover(BOOT, 4.0, 2.5)
    assert recovered.unwritable is None
    assert "a" in recovered.book.ended
    assert again.length() == RECORDS_KEPT + 4
    assert "not compacted" in caplog.text
    again.append(decision(Claimed(claim(7))))
    (told, problem) = again.history(address=ADDRESS)
    assert isinstance(told, Span)
    assert isinstance(problem, Unreadable)
    again.close()
    (state / "history.db").rmdir()
    third = SqliteJournal(state)
    assert "a" not in third.recover(BOOT, 5.0, 2.5).book.ended
    assert (third.length(), names(third)) == (1, ["a"])
    third.close()


@pytest.mark.parametrize("damage", ["not a database", "of another program", "a page is damaged"])
def test_a_damaged_history_is_put_aside_and_said_and_claims_go_on(
    state: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    journal = started(state)
    had(journal, "a", 2.0)
    journal.compact(ClaimBook(ended=ClaimBook().ended.set("a", 2.0)), BOOT, 3.0)
    had(journal, "b", 4.0)
    content = {
        "not a database": b"?" * 9000,
        "of another program": (state / "journal.db").read_bytes(),
        "a page is damaged": (state / "history.db").read_bytes()[:4096] + b"?" * 40000,
    }[damage]
    (state / "history.db").write_bytes(content)
    (state / "history.db-journal").write_bytes(bytes(512))
    assert len(problems(journal)) == 1
    journal.compact(ClaimBook(ended=ClaimBook().ended.update({"a": 2.0, "b": 4.0})), BOOT, 5.0)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert (state / "history-damaged-1" / "history.db").read_bytes() == content
    # SQLite takes it away itself where it can open the file.
    assert (state / "history-damaged-1" / "history.db-journal").exists() is (damage != "a page is damaged")
    told = list(journal.history(address=ADDRESS))
    assert [each.claim_id for each in told if isinstance(each, Span)] == ["b"]
    assert problems(journal) == [f"some of it is in {state / 'history-damaged-1'}, which was found damaged"]
    journal.close()
    assert set(book_in(state).ended) == {"a", "b"}


def test_a_history_of_a_later_format_is_left_alone(state: Path) -> None:
    journal = started(state)
    had(journal, "a", 2.0)
    journal.compact(ClaimBook(), BOOT, 3.0)
    had(journal, "b", 4.0)
    with closing(sqlite3.connect(state / "history.db")) as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(JournalUnwritable, match="of format 2, and this version reads 1"):
        journal.compact(ClaimBook(), BOOT, 5.0)
    assert "of format 2, and this version reads 1" in problems(journal)[0]
    assert not list(state.glob("history-damaged-*"))
    journal.close()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("UPDATE past SET crc = crc + 1 WHERE number = 2", "entry 2 does not have the checksum"),
        ("UPDATE past SET at = at + 1 WHERE number = 2", "entry 2 does not have the checksum"),
        ("UPDATE past SET consumer = 'x' WHERE number = 2", "entry 2 does not have the checksum"),
        ("UPDATE past SET at = 'noon' WHERE number = 2", "entry 2 does not have the checksum"),
        ("UPDATE past SET body = 'text' WHERE number = 2", "entry 2 does not have the checksum"),
        ("UPDATE past SET body = 7 WHERE number = 2", "entry 2 does not have the checksum"),
        ("UPDATE past SET format = 'two' WHERE number = 2", "entry 2 does not have the checksum"),
        ("UPDATE past SET crc = 'x', sequence = x'00' WHERE number = 2", "entry 2 does not have the checksum"),
    ],
)
def test_an_entry_that_was_changed_is_not_told_and_that_is_said(state: Path, change: str, problem: str) -> None:
    state.mkdir()
    history = HistoryFile(state)
    history.add([span(number) for number in range(3)], drop_before=0.0)
    with closing(sqlite3.connect(history.path, isolation_level=None)) as connection:
        connection.execute(change)
    *told, last = history.past(About(ADDRESS), BEYOND)
    assert [each[0].sequence for each in told if not isinstance(each, Unreadable)] == [2, 0]
    assert isinstance(last, Unreadable)
    assert problem in last.problem


def test_a_history_cut_or_damaged_anywhere_is_never_a_wrong_answer(state: Path) -> None:
    """What is missing from the answer without a word is found by `verify`: a damaged index can hide a whole entry."""
    state.mkdir()
    history = HistoryFile(state)
    history.add([span(number) for number in range(40)], drop_before=0.0)
    whole = list(history.past(About(ADDRESS), BEYOND))
    content = history.path.read_bytes()
    damaged = [content[:cut] for cut in range(1, len(content), 1777)]
    for place in [*range(100), *range(100, len(content), 97)]:
        damaged.append(content[:place] + bytes([content[place] ^ 0x41]) + content[place + 1 :])
    silent = 0
    for each in damaged:
        history.path.write_bytes(each)
        told = list(history.past(About(ADDRESS), BEYOND))
        assert [entry for entry in told if not isinstance(entry, Unreadable) and entry not in whole] == []
        if told != whole and not any(isinstance(entry, Unreadable) for entry in told):
            silent += 1
            assert verify(state)
    assert silent < len(damaged) / 20


def test_a_question_finds_its_entries_by_an_index_in_their_order(state: Path) -> None:
    state.mkdir()
    history = HistoryFile(state)
    history.add([span(1)], drop_before=0.0)
    with closing(sqlite3.connect(history.path)) as connection:
        for asked in (_OF_DEVICE, _OF_CONSUMER):
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {asked}", {"subject": "", "before": 0})]
            assert any("USING INDEX past_" in step for step in plan)
            assert [step for step in plan if "TEMP B-TREE" in step or "SCAN past" in step] == []


def test_more_than_a_page_of_answers_is_told_whole_and_a_caller_may_stop_anywhere(state: Path) -> None:
    state.mkdir()
    history = HistoryFile(state)
    history.add([span(number, at=float(number), device=number % 2) for number in range(2600)], drop_before=0.0)
    told = [each[0].sequence for each in history.past(About(ADDRESS), BEYOND) if not isinstance(each, Unreadable)]
    assert told == list(range(2599, 0, -2))
    some = history.past(About(ADDRESS), BEYOND)
    next(some)
    history.add([span(9999, at=9999.0)], drop_before=1000.0)
    assert [each[0].sequence for each in some if not isinstance(each, Unreadable)] == list(range(2597, 1000, -2))


def test_a_clock_that_is_years_ahead_empties_it_by_and_by_the_oldest_first(state: Path) -> None:
    state.mkdir()
    history = HistoryFile(state)
    history.add([span(number, at=float(number)) for number in range(12_000)], drop_before=0.0)
    left = []
    for _ in range(3):
        history.add([], drop_before=1e12)
        left.append([each[0].sequence for each in history.past(About(ADDRESS), BEYOND) if not isinstance(each, Unreadable)])
    assert left == [list(range(11_999, 4_999, -1)), list(range(11_999, 9_999, -1)), []]
    history.add([span(number, at=float(number)) for number in range(12_000)], drop_before=1e12)
    assert list(history.past(About(ADDRESS), BEYOND)) == []


def test_its_size_is_asked_while_it_is_put_aside_and_begun_anew(state: Path) -> None:
    state.mkdir()
    history, done, sizes = HistoryFile(state), Flag(), list[int]()

    def ask() -> None:
        while not done.is_set():
            sizes.append(history.size_bytes())

    thread = Thread(target=ask)
    thread.start()
    for _ in range(2000):
        history.path.touch()
        history.path.unlink()
    done.set()
    thread.join()
    assert set(sizes) == {0}


def test_questions_on_another_thread_see_each_span_once_while_claims_go_on(state: Path) -> None:
    journal = started(state)
    done, wrong, asked = Flag(), list[str](), list[int]()

    def ask() -> None:
        while not done.is_set():
            told = list(journal.history(address=ADDRESS))
            found = [int(each.claim_id) for each in told if isinstance(each, Span)]
            asked.append(len(found))
            if len(found) != len(told) or found != list(range(max(found, default=-1), -1, -1)):
                wrong.append(str(told))

    thread = Thread(target=ask)
    thread.start()
    for number in range(150):
        had(journal, str(number), float(number))
        if number % 10 == 9:
            journal.compact(ClaimBook(), BOOT, float(number))
    done.set()
    thread.join()
    assert wrong == []
    assert len(asked) > 10
    assert names(journal) == [str(number) for number in range(149, -1, -1)]
    journal.close()


def test_a_question_that_a_compaction_comes_between_is_asked_again(state: Path) -> None:
    journal = started(state)
    had(journal, "a", 2.0)
    journal.compact(ClaimBook(), BOOT, 3.0)
    had(journal, "b", 4.0)

    class Interrupted(HistoryFile):
        asked = 0

        def newest(self) -> int:
            found = super().newest()
            self.asked += 1
            if self.asked == 1:
                journal.compact(ClaimBook(), BOOT, 5.0)
            return found

    journal._history = Interrupted(state)
    assert names(journal) == ["b", "a"]
    journal.close()


def test_a_journal_that_is_begun_anew_adds_to_the_history_of_the_lost_one(state: Path) -> None:
    journal = started(state)
    had(journal, "a", 2.0)
    journal.compact(ClaimBook(), BOOT, 3.0)
    journal.close()
    (state / "journal.db").unlink()
    again = started(state)
    had(again, "b", 4.0)
    again.compact(ClaimBook(), BOOT, 5.0)
    assert names(again) == ["b", "a"]
    again.close()
