# SPDX-License-Identifier: Apache-2.0
"""A kill or a power failure at any moment of a compaction loses no history and doubles none."""

from pathlib import Path

from pcipt_agent.adapters.journal.history import BEYOND, HistoryFile
from pcipt_agent.core.claim import ClaimBook
from pcipt_agent.core.history import About, Unreadable
from tests.adapters.journal.test_history import ADDRESS, had, names
from tests.support.books import BOOT
from tests.support.journals import started
from tests.support.stops import left, stops


def test_a_kill_at_any_moment_of_a_compaction_loses_no_history_and_doubles_none(state: Path, tmp_path: Path) -> None:
    script = """
from tests.adapters.journal.test_history import *
journal = started(state)
for name in "abc":
    had(journal, name, 2.0)
book = ClaimBook(ended=ClaimBook().ended.update({"a": 2.0, "b": 2.0, "c": 2.0}))
journal.compact(book, BOOT, 3.0)
for name in "def":
    had(journal, name, 4.0)
here()
journal.compact(replace(book, ended=book.ended.update({"d": 4.0, "e": 4.0, "f": 4.0})), BOOT, 5.0)
"""
    moments = stops(script, state)
    assert len(moments) > 10
    assert any("history.db-journal" in files for files in moments)
    for number, files in enumerate(moments):
        journal = started(left(files, tmp_path / str(number)))
        assert names(journal) == ["f", "e", "d", "c", "b", "a"]
        had(journal, "g", 6.0)
        journal.compact(ClaimBook(), BOOT, 7.0)
        assert names(journal) == ["g", "f", "e", "d", "c", "b", "a"]
        journal.close()


def test_a_kill_at_any_moment_of_the_first_compaction_loses_no_history(state: Path, tmp_path: Path) -> None:
    script = """
from tests.adapters.journal.test_history import *
journal = started(state)
had(journal, "a", 2.0)
here()
journal.compact(ClaimBook(ended=ClaimBook().ended.set("a", 2.0)), BOOT, 3.0)
"""
    for number, files in enumerate(stops(script, state)):
        journal = started(left(files, tmp_path / str(number)))
        assert names(journal) == ["a"]
        journal.compact(ClaimBook(), BOOT, 4.0)
        assert names(journal) == ["a"]
        journal.close()


def test_an_interrupted_commit_cut_anywhere_is_undone(state: Path, tmp_path: Path) -> None:
    """The power may fail while SQLite writes its own journal of the commit; the file is not touched before that is synced."""
    script = """
from tests.adapters.journal.test_history import *
state.mkdir()
history = HistoryFile(state)
history.add([span(number) for number in range(40)], drop_before=0.0)
here()
history.add([span(number, at=2.0) for number in range(40, 80)], drop_before=0.0)
"""
    moments = stops(script, state)
    before = moments[0]["history.db"]
    log = max((files.get("history.db-journal", b"") for files in moments if files["history.db"] == before), key=len)
    assert len(log) > 4096
    for cut in sorted({*range(0, 600, 7), *range(0, len(log), 397), len(log)}):
        directory = left({"history.db": before, "history.db-journal": log[:cut]}, tmp_path / str(cut))
        told = list(HistoryFile(directory).past(About(ADDRESS), BEYOND))
        assert [each[0].sequence for each in told if not isinstance(each, Unreadable)] == list(range(39, -1, -1))
        assert len(told) == 40
