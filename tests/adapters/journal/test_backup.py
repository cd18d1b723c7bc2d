# SPDX-License-Identifier: Apache-2.0
"""Backups are whole whatever the agent does meanwhile, and a restore loses nothing."""

import os
import stat
import threading
from pathlib import Path

import pytest

from pcipt_agent.adapters.journal.backup import Holding, back_up, octets, restore
from pcipt_agent.core.claim import ClaimBook, Claimed, evolve
from pcipt_agent.errors import HostError, JournalError
from tests.support.books import BOOT, claim, decision
from tests.support.journals import book_in, book_read_in, crashed, started


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups/journal"


def with_claims(state: Path, *numbers: int) -> ClaimBook:
    """The book of a journal that was closed with these claims."""
    journal = started(state)
    for number in numbers:
        journal.append(decision(Claimed(claim(number))))
    journal.close()
    return book_read_in(state)


def test_a_running_agents_journal_is_backed_up_with_all_that_was_acknowledged(state: Path, file: Path, tmp_path: Path) -> None:
    journal = started(state)
    for number in range(5):
        journal.append(decision(Claimed(claim(number))))
    assert back_up(state, file) == Holding(claims=5, ended=0, records=6)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["journal"]
    journal.append(decision(Claimed(claim(5))))
    journal.close()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    restore(elsewhere, file)
    assert set(book_in(elsewhere).claims) == {"c0", "c1", "c2", "c3", "c4"}


def test_a_backup_has_all_that_was_acknowledged_before_it_began_and_is_one_moment_of_the_journal(state: Path, file: Path) -> None:
    """While another thread decides and compacts as fast as it can, which empties the log again and again."""
    journal, book, stop = started(state), ClaimBook(), threading.Event()
    moments: list[set[str]] = [set()]
    taken: list[tuple[int, set[str]]] = []

    def back_up_again_and_again() -> None:
        while not stop.is_set():
            acknowledged = len(moments) - 1
            one, other = file.with_name(f"journal-{len(taken)}"), file.with_name(f"state-{len(taken)}")
            back_up(state, one)
            other.mkdir()
            restore(other, one)
            taken.append((acknowledged, set(book_read_in(other).claims)))

    reader = threading.Thread(target=back_up_again_and_again)
    reader.start()
    for number in range(400):
        event = Claimed(claim(number))
        book = evolve(book, event)
        journal.append(decision(event))
        moments.append(set(book.claims))
        if number % 3 == 2:
            journal.compact(book, BOOT, float(number))
    stop.set()
    reader.join()
    journal.close()
    assert taken
    assert [claims for acknowledged, claims in taken if claims not in moments[acknowledged:]] == []


def test_a_log_that_is_emptied_between_the_readings_is_not_taken_for_one_that_was_empty(state: Path, file: Path) -> None:
    """The database read before the checkpoint, with the log read after it, would be a whole journal without the last decisions."""
    journal, book = started(state), evolve(ClaimBook(), Claimed(claim(1)))
    journal.append(decision(Claimed(claim(1))))
    readings: list[str] = []

    def read(path: Path) -> bytes | None:
        content = octets(path)
        readings.append(path.name)
        if readings == ["journal.db-wal", "journal.db"]:
            journal.compact(book, BOOT, 2.0)
        return b"" if len(readings) == 3 else content  # as it is between a compaction's checkpoint and its record

    assert back_up(state, file, read=read).claims == 1
    assert len(readings) == 6
    journal.close()


def test_a_backup_is_never_written_over(state: Path, file: Path) -> None:
    with_claims(state, 1)
    back_up(state, file)
    before = file.read_bytes()
    with pytest.raises(HostError, match="is there already, and a backup is never written over"):
        back_up(state, file)
    assert file.read_bytes() == before


def test_a_damaged_journal_makes_no_backup(state: Path, file: Path) -> None:
    with_claims(state, 1)
    content = bytearray((state / "journal.db").read_bytes())
    place = content.rindex(b"8086")
    content[place] ^= 1
    (state / "journal.db").write_bytes(content)
    with pytest.raises(JournalError, match="no backup was made"):
        back_up(state, file)
    assert list(file.parent.iterdir()) == []


def test_where_there_is_no_journal_there_is_no_backup(tmp_path: Path, file: Path) -> None:
    with pytest.raises(HostError, match="there is no journal; is \\[agent\\] state_path the agent's"):
        back_up(tmp_path, file)


def test_a_restore_keeps_what_was_there(state: Path, file: Path) -> None:
    with_claims(state, 1)
    back_up(state, file)
    later = with_claims(state, 2, 3)
    done = restore(state, file)
    assert set(book_read_in(state).claims) == {"c1"}
    assert done.replaced is not None
    assert book_read_in(done.replaced) == later
    again = restore(state, file)
    assert again.replaced not in (None, done.replaced)
    assert book_read_in(done.replaced) == later


def test_the_log_of_a_journal_that_was_killed_goes_with_it(state: Path, file: Path, tmp_path: Path) -> None:
    with_claims(state, 1)
    back_up(state, file)
    journal = started(state)
    journal.append(decision(Claimed(claim(2))))
    killed = crashed(state, tmp_path / "killed")
    journal.close()
    assert (killed / "journal.db-wal").stat().st_size > 0
    done = restore(killed, file)
    assert set(book_in(killed).claims) == {"c1"}
    assert done.replaced is not None
    assert set(book_read_in(done.replaced).claims) == {"c1", "c2"}


def test_an_agent_that_runs_keeps_its_journal(state: Path, file: Path) -> None:
    with_claims(state, 1)
    back_up(state, file)
    journal = started(state)
    with pytest.raises(JournalError, match=f"process {os.getpid()} has the journal; stop it first"):
        restore(state, file)
    journal.append(decision(Claimed(claim(2))))
    journal.close()
    assert set(book_in(state).claims) == {"c1", "c2"}


@pytest.mark.parametrize("content", [b"", b"text", b"SQLite format 3\x00" + bytes(4080)])
def test_what_is_no_backup_is_not_restored(state: Path, file: Path, content: bytes) -> None:
    before = with_claims(state, 1)
    file.write_bytes(content)
    with pytest.raises(HostError, match=r"is no backup .*nothing was changed"):
        restore(state, file)
    assert book_read_in(state) == before
    assert sorted(path.name for path in state.iterdir()) == ["journal.db"]


def test_a_backup_with_a_changed_bit_is_not_restored(state: Path, file: Path) -> None:
    with_claims(state, 1)
    back_up(state, file)
    content = bytearray(file.read_bytes())
    content[content.rindex(b"8086")] ^= 1
    file.write_bytes(content)
    with pytest.raises(HostError, match="nothing was changed"):
        restore(state, file)


def test_a_database_without_its_log_is_no_backup(state: Path, file: Path) -> None:
    journal = started(state)
    journal.append(decision(Claimed(claim(1))))
    file.write_bytes((state / "journal.db").read_bytes())
    journal.close()
    with pytest.raises(HostError, match="needs a write-ahead log that is not in it"):
        restore(state, file)


def test_a_restore_that_is_cut_off_leaves_the_old_journal_the_new_one_or_a_refusal(state: Path, file: Path) -> None:
    """The one moment in between: the new database is in place and the old log is not yet gone."""
    with_claims(state, 1)
    back_up(state, file)
    journal = started(state)
    journal.append(decision(Claimed(claim(2))))
    log = (state / "journal.db-wal").read_bytes()
    journal.close()
    restore(state, file)
    (state / "journal.db-wal").write_bytes(log)
    try:
        found = set(book_read_in(state).claims)
    except JournalError:
        found = {"c1"}
    assert found in ({"c1"}, {"c1", "c2"})
    (state / "journal.db-wal").unlink()
    restore(state, file)
    assert set(book_read_in(state).claims) == {"c1"}


def test_the_files_belong_to_whom_the_directory_belongs(state: Path, file: Path) -> None:
    with_claims(state, 1)
    back_up(state, file)
    restore(state, file)
    assert (state / "journal.db").stat().st_uid == state.stat().st_uid
    assert stat.S_IMODE((state / "journal.db").stat().st_mode) == 0o600


def test_a_state_directory_that_is_not_there_is_said(tmp_path: Path, file: Path) -> None:
    with pytest.raises(HostError, match="start the agent once, so that it is made, and stop it"):
        restore(tmp_path / "no", file)
