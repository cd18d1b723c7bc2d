# SPDX-License-Identifier: Apache-2.0
"""A journal that an agent of format 1 left when it was killed is continued.

golden/format-1 was written by version 0.1.0 at commit cf3b8e2: c1 claimed and allocated, c2 claimed, c0 ended, compacted; then c3
claimed, c1 freed, and in one decision c4 claimed and c2 allocated.
"""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pcipt_agent.adapters.journal import SqliteJournal, verify
from pcipt_agent.core.claim import Claimed, Disabled, Expired
from pcipt_agent.core.history import Span
from tests.support.books import BOOT, claim, consumer_id, decision
from tests.support.journals import book_in
from tests.support.stops import left, stops

FORMAT_1 = Path(__file__).parent / "golden" / "format-1"


@pytest.fixture
def old(state: Path) -> Path:
    return Path(shutil.copytree(FORMAT_1, state))


def formats(state: Path) -> list[int]:
    with closing(sqlite3.connect(state / "journal.db")) as connection:
        return [row[0] for row in connection.execute("SELECT format FROM record ORDER BY sequence")]


def test_its_book_and_its_history_are_known(old: Path) -> None:
    assert verify(old) == ()
    journal = SqliteJournal(old)
    found = journal.recover(BOOT, 200.0, 0.0)
    assert {name: (each.state, each.claimed_by, each.allocated_at) for name, each in found.book.claims.items()} == {
        "c2": ("allocated", None, None),
        "c3": ("claimed", None, None),
        "c4": ("claimed", None, None),
    }
    assert dict(found.book.ended) == {"c0": 104.0, "c1": 107.0}
    assert [each.claim_id for each in found.book.claims_of(consumer_id(2))] == ["c2"]
    assert (found.incarnation, found.decisions, found.unwritable) == (2, 4, None)
    (span,) = journal.history(address=claim(1).held[0].address)
    assert isinstance(span, Span)
    assert (span.claim_id, span.until, span.ended_by, span.claimed_by) == ("c1", 107.0, None, None)
    journal.close()


def test_it_is_continued_in_format_2_and_compacted_to_format_2(old: Path) -> None:
    journal = SqliteJournal(old)
    book = journal.recover(BOOT, 200.0, 0.0).book
    held = claim(3).held[0].address
    journal.append(decision(Expired("c3", 201.0, (held,)), Disabled(held, "worn", 201.0, "uid 0"), at=201.0, caller="uid 0"))
    journal.append(decision(Claimed(claim(5)), at=202.0))
    journal.close()
    assert formats(old) == [1, 1, 1, 1, 2, 2, 2]
    continued = SqliteJournal(old)
    book = continued.recover(BOOT, 203.0, 0.0).book
    assert (set(book.claims), set(book.dirty), set(book.disabled)) == ({"c2", "c4", "c5"}, {held}, {held})
    continued.compact(book, BOOT, 204.0)
    continued.close()
    assert formats(old) == [2]
    assert book_in(old) == book


def test_a_kill_at_any_moment_of_its_first_start_leaves_the_one_or_the_other(old: Path, tmp_path: Path) -> None:
    before = book_in(Path(shutil.copytree(FORMAT_1, tmp_path / "as it was")))
    script = """
from tests.adapters.journal.test_format_1 import *
journal = SqliteJournal(state)
here()
book = journal.recover(BOOT, 200.0, 0.0).book
journal.compact(book, BOOT, 201.0)
"""
    moments = stops(script, old)
    assert len(moments) > 5
    for number, files in enumerate(moments):
        directory = left(files, tmp_path / str(number))
        journal = SqliteJournal(directory)
        assert journal.recover(BOOT, 300.0, 0.0).book == before
        assert [each.claim_id for each in journal.history(address=claim(1).held[0].address) if isinstance(each, Span)] == ["c1"]
        journal.close()


def test_the_golden_journal_is_of_format_1(old: Path) -> None:
    assert set(formats(old)) == {1}
    with closing(sqlite3.connect(old / "journal.db")) as connection:
        first = json.loads(connection.execute("SELECT body FROM record ORDER BY sequence LIMIT 1").fetchone()[0])
    assert first["kind"] == "book"
    assert "dirty" not in first
