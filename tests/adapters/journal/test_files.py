# SPDX-License-Identifier: Apache-2.0
"""What stops a start, and the way out of it."""

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from pcipt_agent.core.claim import ClaimBook, Claimed
from pcipt_agent.errors import JournalError
from tests.support.books import claim, decision, life
from tests.support.journals import book_in, book_read_in, books_of, crashed, started


def test_the_way_out_of_damage_works_as_it_is_written(tmp_path: Path) -> None:
    state = tmp_path / "a state's directory"
    started(state).close()
    (state / "journal.db").write_bytes(b"not a database, and long enough to look at" * 100)
    with pytest.raises(JournalError, match="not an SQLite database") as caught:
        started(state)
    command = caught.value.way_out.split("`")[1]
    subprocess.run(command, shell=True, check=True)
    assert book_in(state) == ClaimBook()
    assert (state / "damaged" / "journal.db").exists()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("DELETE FROM record WHERE sequence = 3", "record 3 is missing"),
        ("DELETE FROM record WHERE sequence < 3", "record 3 does not have the checksum"),
        ("DELETE FROM record", "no record"),
        (
            "UPDATE record SET body = CAST(replace(body, 'c1', 'c2') AS BLOB) WHERE sequence = 2",
            "record 2 does not have the checksum",
        ),
        ("UPDATE record SET at = at + 1 WHERE sequence = 2", "record 2 does not have the checksum"),
        ("UPDATE record SET boot_id = 'x' WHERE sequence = 2", "record 2 does not have the checksum"),
        ("UPDATE record SET crc = crc + 1 WHERE sequence = 4", "record 4 does not have the checksum"),
        ("UPDATE record SET format = 3 WHERE sequence = 4", "record 4 is of format 3, and this version reads 2"),
        ("PRAGMA user_version = 3", "the journal is of format 3, and this version reads 2"),
        ("PRAGMA application_id = 7", "another program"),
        ("DROP TABLE record", "no such table"),
        ("UPDATE record SET format = 9e999 WHERE sequence = 2", "can't read it"),
        ("UPDATE record SET crc = 9e999 WHERE sequence = 2", "can't read it"),
    ],
)
def test_what_was_changed_by_other_hands_stops_the_start(state: Path, change: str, problem: str) -> None:
    journal = started(state)
    for each in life(1):
        journal.append(each)
    journal.close()
    with closing(sqlite3.connect(state / "journal.db", isolation_level=None)) as connection:
        connection.execute(change)
    with pytest.raises(JournalError, match=problem):
        started(state)


def test_a_log_without_its_database_stops_the_start(state: Path, tmp_path: Path) -> None:
    journal = started(state)
    journal.append(decision(Claimed(claim(1))))
    copy = crashed(state, tmp_path / "copy")
    journal.close()
    (copy / "journal.db").unlink()
    with pytest.raises(JournalError, match="not an SQLite database"):
        started(copy)


def test_a_state_directory_that_is_a_file_is_named(state: Path) -> None:
    state.write_text("")
    with pytest.raises(JournalError, match="Not a directory"):
        started(state)


def test_a_database_cut_or_damaged_anywhere_is_never_a_wrong_book(state: Path) -> None:
    decisions = [[Claimed(claim(number, devices=4))] for number in range(12)]
    journal = started(state)
    for events in decisions:
        journal.append(decision(*events))
    journal.close()
    whole, book = (state / "journal.db").read_bytes(), books_of(decisions)[-1]
    cuts = [whole[:cut] for cut in {*range(0, len(whole), 1777), *range(4095, len(whole), 4096), *range(4096, len(whole), 4096)}]
    flips = []
    for place in [*range(120), *range(100, len(whole), 211)]:
        damaged = bytearray(whole)
        damaged[place] ^= 0x41
        flips.append(bytes(damaged))
    stopped = 0
    for content in cuts + flips:
        (state / "journal.db").write_bytes(content)
        try:
            assert book_read_in(state) == book
        except JournalError:
            stopped += 1
    assert stopped > len(cuts) + len(flips) // 3


def test_only_the_agent_may_read_its_files(state: Path) -> None:
    old = os.umask(0)
    try:
        journal = started(state)
        journal.append(decision(Claimed(claim(1))))
    finally:
        os.umask(old)
    assert state.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in state.iterdir()} == {"journal.db": 0o600, "journal.db-wal": 0o600}
    journal.close()
