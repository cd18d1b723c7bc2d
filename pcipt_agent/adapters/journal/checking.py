# SPDX-License-Identifier: Apache-2.0
"""Whether a journal and its history are whole, found out beside the agent that is running on them.

Nothing is written and no lock is taken that the agent could wait for, but for the copying of the history.

Does not know: what is done about a problem, whether the claims agree with the host or libvirt.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from pcipt_agent.adapters.journal.files import JournalFiles, pragma
from pcipt_agent.adapters.journal.history import HistoryFile, Untold, intact, is_begun, lines_of
from pcipt_agent.adapters.journal.replay import TooNew
from pcipt_agent.errors import JournalError

_ATTEMPTS: Final = 3


def verify(state_path: Path) -> tuple[str, ...]:
    """What is wrong with what the state directory holds, with the way out; nothing where no agent has run on it yet.

    Never to be called in the agent's own process: reading the journal's files there would drop SQLite's locks (`journal.files`).
    """
    return (*_of_journal(JournalFiles(state_path)), *verify_history(state_path))


def verify_history(state_path: Path) -> tuple[str, ...]:
    """The same of the history alone."""
    return tuple(_of_history(HistoryFile(state_path)))


def _of_journal(files: JournalFiles) -> Iterator[str]:
    """Read again where it looks damaged: the agent may have been in the middle of writing what was read."""
    problem = ""
    for _ in range(_ATTEMPTS):
        try:
            files.replayed()
        except JournalError as error:
            problem = str(error)
        else:
            return
    yield problem


def _of_history(history: HistoryFile) -> Iterator[str]:
    # A copy by SQLite's backup of a file that is still empty, as the agent makes it, is not empty (sqlite3_backup_step).
    if history.size_bytes():
        try:
            with closing(sqlite3.connect(":memory:")) as copy:
                with closing(sqlite3.connect(f"{history.path.absolute().as_uri()}?mode=ro", uri=True)) as file:
                    file.backup(copy)
                yield from (f"{history.path}: {problem}" for problem in _problems(copy))
        except sqlite3.Error as error:
            yield f"{history.path} can't be read: {_why(error)}"
    for directory in history.put_aside():
        yield f"{directory} holds damaged history: `sqlite3 history.db .recover` there shows what is left; then remove it"


def _why(error: sqlite3.Error) -> str:
    """SQLite can't undo a commit that was interrupted without writing."""
    code = getattr(error, "sqlite_errorcode", 0)
    if code in (sqlite3.SQLITE_READONLY_ROLLBACK, sqlite3.SQLITE_CANTOPEN):
        return f"a write of it was interrupted, or it may not be read ({error}); the agent undoes that as soon as it reads it"
    return str(error)


def _problems(copy: sqlite3.Connection) -> Iterator[str]:
    try:
        if not is_begun(copy):
            return
    except (Untold, TooNew) as error:
        yield str(error)
        return
    if (damage := pragma(copy, "integrity_check")) != "ok":
        yield f"integrity check: {damage}"
        return
    damaged = []
    for line in lines_of(copy):
        try:
            intact(line)
        except Untold as error:
            damaged.append(str(error))
    if damaged:
        yield f"{len(damaged)} entries can't be read; the first: {damaged[0]}"
