# SPDX-License-Identifier: Apache-2.0
"""A journal and its history are checked beside the agent that is running on them."""

import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Event as Flag
from threading import Thread

from pcipt_agent.adapters.journal import verify
from pcipt_agent.core.claim import ClaimBook, Claimed, Freed
from tests.adapters.journal.test_history import had
from tests.support.books import BOOT, claim, decision
from tests.support.journals import crashed, in_child, started
from tests.support.stops import Files, left, stops

LOOKING = """
from pcipt_agent.adapters.journal import verify
for _ in range(60):
    print("|".join(verify(state)))
"""
WORKING = """
import os
from tests.adapters.journal.test_history import *
journal = started(state)
for number in range(400):
    had(journal, f"{os.getpid()}-{number}", 2.0)
    if number % 20 == 0:
        journal.compact(ClaimBook(), BOOT, 3.0)
journal.close()
"""


def files_in(directory: Path) -> Files:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


def test_where_no_agent_has_run_nothing_is_wrong_and_nothing_is_made(state: Path) -> None:
    assert verify(state) == ()
    assert not state.exists()
    state.mkdir()
    assert verify(state) == ()
    assert list(state.iterdir()) == []


def test_what_is_whole_is_found_whole_while_it_is_open_and_nothing_is_written(state: Path) -> None:
    journal = started(state)
    had(journal, "a", 2.0)
    journal.compact(ClaimBook(), BOOT, 3.0)
    had(journal, "b", 4.0)
    before = files_in(state)
    script = "from pcipt_agent.adapters.journal import verify\nprint(verify(state))"
    assert in_child(script, state) == ["()"]
    assert files_in(state) == before
    had(journal, "c", 5.0)
    journal.compact(ClaimBook(), BOOT, 6.0)
    journal.close()


def test_it_is_found_whole_at_any_moment_of_writing(tmp_path: Path) -> None:
    """In a copy of its own: here no other process is writing on while it is looked at."""
    script = """
from tests.adapters.journal.test_history import *
journal = started(state)
had(journal, "a", 2.0)
journal.compact(ClaimBook(ended=ClaimBook().ended.set("a", 2.0)), BOOT, 3.0)
here()
had(journal, "b", 4.0)
journal.compact(ClaimBook(ended=ClaimBook().ended.update({"a": 2.0, "b": 4.0})), BOOT, 5.0)
"""
    interrupted = 0
    for number, files in enumerate(stops(script, tmp_path / "state")):
        found = verify(left(files, tmp_path / str(number)))
        interrupted += found != ()
        assert found == () or "a write of it was interrupted" in found[0]
        assert found == () or "history.db-journal" in files
    assert interrupted > 0


def test_a_history_that_is_just_being_made_is_whole(state: Path) -> None:
    started(state).close()
    (state / "history.db").touch()
    assert verify(state) == ()


def test_an_agent_that_claims_and_compacts_meanwhile_is_never_slandered(state: Path) -> None:
    started(state).close()
    done, said = Flag(), list[tuple[str, ...]]()

    def look() -> None:
        while not done.is_set():
            said.extend(tuple(line.split("|")) for line in in_child(LOOKING, state) if line)

    thread = Thread(target=look)
    thread.start()
    for _ in range(3):
        in_child(WORKING, state)
    done.set()
    thread.join()
    assert said == []


def test_damage_is_told_with_the_way_out(state: Path, tmp_path: Path) -> None:
    journal = started(state)
    journal.append(decision(Claimed(claim(1)), Freed("c1", 2.0)))
    journal.compact(ClaimBook(), BOOT, 3.0)
    journal.append(decision(Claimed(claim(2))))
    copy = crashed(state, tmp_path / "copy")
    journal.close()
    with closing(sqlite3.connect(copy / "journal.db", isolation_level=None)) as connection:
        connection.execute("UPDATE record SET at = at + 1")
    with closing(sqlite3.connect(copy / "history.db", isolation_level=None)) as connection:
        connection.execute("UPDATE past SET at = at + 1")
    of_journal, of_history = verify(copy)
    assert "does not have the checksum" in of_journal
    assert "the way out" in of_journal
    assert f"{copy / 'history.db'}: 1 entries can't be read; the first: entry 1 does not have the checksum" in of_history


def test_history_that_is_no_database_of_ours_or_was_put_aside_is_told(state: Path) -> None:
    started(state).close()
    (state / "history.db").write_bytes(b"?" * 8192)
    (state / "history-damaged-1").mkdir()
    first, second = verify(state)
    assert f"{state / 'history.db'} can't be read: file is not a database" in first
    assert f"{state / 'history-damaged-1'} holds damaged history" in second
    (state / "history.db").write_bytes((state / "journal.db").read_bytes())
    assert "of another program" in verify(state)[0]
