# SPDX-License-Identifier: Apache-2.0
"""Commits, and disks that fail."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pcipt_agent.adapters.journal import SqliteJournal
from pcipt_agent.adapters.journal.wal import commits
from pcipt_agent.core.claim import ClaimBook, Claimed
from pcipt_agent.errors import JournalError, JournalUnwritable
from tests.support.books import BOOT, claim, decision, life
from tests.support.journals import book_in, crashed, in_child, started


def test_a_decision_is_exactly_one_commit(state: Path) -> None:
    journal = started(state)
    for number in range(30):
        for each in life(number):
            before = commits((state / "journal.db-wal").read_bytes())
            journal.append(each)
            assert commits((state / "journal.db-wal").read_bytes()) == before + 1
    journal.close()


def test_a_decision_with_many_events_is_one_commit_too(state: Path) -> None:
    journal = started(state)
    before = commits((state / "journal.db-wal").read_bytes())
    journal.append(decision(*(Claimed(claim(number)) for number in range(100))))
    assert commits((state / "journal.db-wal").read_bytes()) == before + 1
    journal.close()


def test_the_log_is_synced_at_each_commit(state: Path) -> None:
    """SQLite's own word for it: 2 is FULL."""
    journal = started(state)
    connection = journal._connection
    assert connection is not None
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)
    journal.close()


def test_what_was_acknowledged_is_there_after_kill_9(state: Path, tmp_path: Path) -> None:
    journal = started(state)
    for number in range(50):
        journal.append(decision(Claimed(claim(number))))
    book = book_in(crashed(state, tmp_path / "copy"))
    assert set(book.claims) == {f"c{number}" for number in range(50)}
    journal.close()


@contextmanager
def no_room() -> Iterator[None]:
    """No file of this process may grow: the kernel answers EFBIG. Python ignores SIGXFSZ."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_without_room_nothing_is_written_and_with_room_it_works_again(state: Path) -> None:
    journal = started(state)
    journal.append(decision(Claimed(claim(1))))
    for _ in range(3):
        with no_room(), pytest.raises(JournalUnwritable):
            journal.append(decision(Claimed(claim(2))))
    assert list(journal.decisions()) == [decision(Claimed(claim(1)))]
    journal.append(decision(Claimed(claim(3))))
    with no_room(), pytest.raises(JournalUnwritable):
        journal.compact(ClaimBook(), BOOT, 2.0)
    journal.close()
    assert set(book_in(state).claims) == {"c1", "c3"}


def test_a_start_without_room_comes_up_with_its_book_and_writes_when_there_is_room(state: Path, tmp_path: Path) -> None:
    journal = started(state)
    journal.append(decision(Claimed(claim(1))))
    copy = crashed(state, tmp_path / "copy")
    journal.close()
    for directory in (copy, state):  # with a log to be recovered, and without one
        again = SqliteJournal(directory)
        with no_room():
            recovered = again.recover("new boot", 9.0, 0.0)
            assert set(recovered.book.claims) == {"c1"}
            assert recovered.incarnation == 2
            assert recovered.unwritable is not None
            with pytest.raises(JournalUnwritable):
                again.append(decision(Claimed(claim(2))))
            assert len(list(again.decisions())) == 1
        again.append(decision(Claimed(claim(2))))
        again.close()
        third = SqliteJournal(directory)
        found = third.recover(BOOT, 10.0, 0.0)
        assert set(found.book.claims) == {"c1", "c2"}
        assert found.incarnation == 3
        third.close()


def test_a_first_start_without_room_comes_up_empty_and_writes_when_there_is_room(state: Path) -> None:
    journal = SqliteJournal(state)
    with no_room():
        recovered = journal.recover(BOOT, 1.0, 0.0)
        assert recovered.book == ClaimBook()
        assert recovered.unwritable is not None
        with pytest.raises(JournalUnwritable):
            journal.append(decision(Claimed(claim(1))))
    journal.append(decision(Claimed(claim(1))))
    journal.close()
    assert set(book_in(state).claims) == {"c1"}


def say(*words: object) -> None:
    os.writev(1, [(" ".join(map(str, words)) + "\n").encode()])


def tried(journal: SqliteJournal, number: int) -> str:
    """How a claim went."""
    try:
        journal.append(decision(Claimed(claim(number))))
    except (JournalUnwritable, JournalError) as error:
        return f"{type(error).__name__}: {error}"
    return "done"


FAILING_DISKS = "import errno, os\nfrom tests.adapters.journal.test_store import *\nfrom tests.support.kernel import *\n"


@pytest.mark.parametrize("gone", [("journal.db", "journal.db-wal"), ("journal.db",), ("journal.db-wal",)], ids=" and ".join)
def test_files_that_are_taken_away_under_a_running_agent_are_written_anew_with_all_that_they_held(
    state: Path, tmp_path: Path, gone: tuple[str, ...]
) -> None:
    journal = started(state)
    journal.append(decision(Claimed(claim(1))))
    journal.compact(book_in(crashed(state, tmp_path / "before")), BOOT, 2.0)
    for number in range(2, 5):
        for name in gone:
            (state / name).unlink()
        journal.append(decision(Claimed(claim(number))))
        assert set(book_in(crashed(state, tmp_path / f"copy-{number}")).claims) == {f"c{each}" for each in range(1, number + 1)}
    assert (state / "journal.db").stat().st_mode & 0o777 == 0o600
    journal.close()
    assert set(book_in(state).claims) == {"c1", "c2", "c3", "c4"}


def test_files_that_are_gone_with_their_directory_are_a_refusal_until_it_is_there_again(state: Path, tmp_path: Path) -> None:
    journal = started(state)
    journal.append(decision(Claimed(claim(1))))
    state.rename(tmp_path / "moved")
    for _ in range(2):
        with pytest.raises(JournalUnwritable, match="was taken away while the agent runs"):
            journal.append(decision(Claimed(claim(2))))
    state.mkdir(0o700)
    journal.append(decision(Claimed(claim(3))))
    assert set(book_in(crashed(state, tmp_path / "copy")).claims) == {"c1", "c3"}
    journal.close()


KEPT = list[SqliteJournal]()
"""For good: one that is broken does not close its connection, and Python 3.13 warns of a connection that is collected open."""


def test_another_journal_in_the_place_of_a_running_agents_is_never_written_over(state: Path, tmp_path: Path) -> None:
    other = started(tmp_path / "other")
    other.append(decision(Claimed(claim(7))))
    other.close()
    journal = started(state)
    journal.append(decision(Claimed(claim(1))))
    (tmp_path / "other/journal.db").rename(state / "journal.db")
    for _ in range(2):
        with pytest.raises(JournalError, match="another was put in its place"):
            journal.append(decision(Claimed(claim(2))))
    journal.close()
    KEPT.append(journal)


def test_a_full_disk_is_a_refusal(state: Path) -> None:
    script = """
journal = started(state)
say(tried(journal, 1))
refuse(("write", "pwrite64"), errno.ENOSPC)
say(tried(journal, 2))
say(tried(journal, 3))
say(*(event.claim.claim_id for each in journal.decisions() for event in each.events))
"""
    said = in_child(FAILING_DISKS + script, state)
    assert said[0] == "done"
    assert [line.startswith("JournalUnwritable") and "the file system is full" in line for line in said[1:3]] == [True, True]
    assert said[3] == "c1"
    assert set(book_in(state).claims) == {"c1"}


def test_a_sync_that_fails_closes_the_journal_for_writing_and_the_next_start_finds_out(state: Path) -> None:
    script = """
journal = started(state)
say(tried(journal, 1))
refuse(("fsync", "fdatasync"), errno.EIO)
say(tried(journal, 2))
say(tried(journal, 3))
os._exit(0)
"""
    said = in_child(FAILING_DISKS + script, state)
    assert said[0] == "done"
    assert [line.startswith("JournalError") and "may or may not be on the disk" in line for line in said[1:]] == [True, True]
    assert set(book_in(state).claims) in ({"c1"}, {"c1", "c2"})


@pytest.mark.parametrize("kind", ["with a log", "without a log", "without a journal", "without a directory"])
def test_a_read_only_file_system_is_no_obstacle_to_reading(state: Path, tmp_path: Path, kind: str) -> None:
    if kind == "without a journal":
        state.mkdir()
    elif kind != "without a directory":
        journal = started(tmp_path / "first")
        journal.append(decision(Claimed(claim(1))))
        if kind == "without a log":
            journal.close()
        crashed(tmp_path / "first", state)
        journal.close()
    script = """
refuse_writable_files(errno.EROFS)
journal = SqliteJournal(state)
found = journal.recover(BOOT, 2.0, 0.0)
say(found.unwritable)
say(tried(journal, 2))
say(*found.book.claims)
"""
    said = in_child(FAILING_DISKS + script, state)
    assert "the file system is read-only" in said[0]
    assert said[1].startswith("JournalUnwritable")
    assert said[2] == ("c1" if kind.endswith("a log") else "")
