# SPDX-License-Identifier: Apache-2.0
"""The log, read by our own eyes: SQLite's own reading is the judge, and what a damaged disk did is seen."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from pcipt_agent.adapters.journal.wal import commits, merged
from pcipt_agent.core.claim import ClaimBook, Claimed, Event, Freed
from pcipt_agent.errors import JournalError
from tests.support.books import BOOT, claim, decision
from tests.support.journals import book_in, book_read_in, books_of, crashed, started


def test_our_own_reading_of_the_log_is_sqlites(state: Path, tmp_path: Path) -> None:
    journal = started(state)
    for number in range(60):
        journal.append(decision(*(Claimed(claim(100 * number + each, devices=8)) for each in range(number % 5 + 1))))
        if number == 30:
            journal.compact(ClaimBook(), BOOT, 1.0)
    copy = crashed(state, tmp_path / "copy")
    journal.close()
    image = merged((copy / "journal.db").read_bytes(), (copy / "journal.db-wal").read_bytes())
    with closing(sqlite3.connect(":memory:")) as ours, closing(sqlite3.connect(copy / "journal.db")) as theirs:
        ours.deserialize(image)
        rows = "SELECT * FROM record ORDER BY sequence"
        assert ours.execute(rows).fetchall() == theirs.execute(rows).fetchall() != []


def test_a_log_cut_anywhere_is_a_prefix_of_what_was_acknowledged(state: Path, tmp_path: Path) -> None:
    decisions: list[list[Event]] = [[Claimed(claim(number, devices=8))] for number in range(8)]
    decisions += [[Freed("c3", 4.0)], [Claimed(claim(20))]]
    journal = started(state)
    for events in decisions:
        journal.append(decision(*events))
    copy = crashed(state, tmp_path / "copy")
    journal.close()
    log, books = (copy / "journal.db-wal").read_bytes(), books_of(decisions)
    cuts = {*range(40), *range(0, len(log), 411), len(log)}
    cuts |= {boundary + near for boundary in range(32, len(log) + 1, 4096 + 24) for near in (-1, 0, 1, 23, 24, 25)}
    for cut in sorted(each for each in cuts if 0 <= each <= len(log)):
        (copy / "journal.db-wal").write_bytes(log[:cut])
        assert book_read_in(copy) == books[commits(log[:cut])]
        if (cut - 32) % (4096 + 24) == 0:  # at a frame's boundary: SQLite recovers the same, or the journal would not open
            shutil.copytree(copy, tmp_path / "cut")
            assert book_in(tmp_path / "cut") == books[commits(log[:cut])]
            shutil.rmtree(tmp_path / "cut")


def test_a_log_damaged_anywhere_is_never_a_wrong_book(state: Path, tmp_path: Path) -> None:
    """In the middle it is seen. Of the last commit nobody can tell whether it was torn by a crash, which is no lie to anybody."""
    decisions = [[Claimed(claim(number))] for number in range(8)]
    journal = started(state)
    for events in decisions:
        journal.append(decision(*events))
    copy = crashed(state, tmp_path / "copy")
    journal.close()
    log, books = (copy / "journal.db-wal").read_bytes(), books_of(decisions)
    last = len(log) - (4096 + 24)
    seen = {"stopped": 0, "prefix": 0}
    for place in sorted({*range(64), *range(0, len(log), 397), *range(32, len(log), 4096 + 24)}):
        damaged = bytearray(log)
        damaged[place] ^= 0x10
        (copy / "journal.db-wal").write_bytes(bytes(damaged))
        try:
            assert book_read_in(copy) in books[-2:]
            assert place >= last
            seen["prefix"] += 1
        except JournalError:
            seen["stopped"] += 1
    assert seen["stopped"] > 10 * seen["prefix"] > 0
