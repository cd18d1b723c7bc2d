# SPDX-License-Identifier: Apache-2.0
"""SQLite journals in a test's own directory: started, crashed, read again."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pcipt_agent.adapters.journal import SqliteJournal
from pcipt_agent.adapters.journal.files import JournalFiles
from pcipt_agent.core.claim import ClaimBook, Event, evolve
from tests.support.books import BOOT

CHECKOUT = Path(__file__).resolve().parents[2]


def started(directory: Path) -> SqliteJournal:
    journal = SqliteJournal(directory)
    journal.recover(BOOT, 1.0, 0.0)
    return journal


def crashed(directory: Path, copy: Path) -> Path:
    """The files as a kill -9 now would leave them."""
    return Path(shutil.copytree(directory, copy))


def book_in(directory: Path) -> ClaimBook:
    journal = SqliteJournal(directory)
    try:
        return journal.recover(BOOT, 1.0, 0.0).book
    finally:
        journal.close()


def book_read_in(directory: Path) -> ClaimBook:
    """What the files say, by our own reading alone: nothing is written or synced, so a test may do it a thousand times."""
    return JournalFiles(directory).replayed().book


def books_of(decisions: Sequence[Sequence[Event]]) -> list[ClaimBook]:
    """The book before each decision, and after the last."""
    books = [ClaimBook()]
    for events in decisions:
        book = books[-1]
        for event in events:
            book = evolve(book, event)
        books.append(book)
    return books


def in_child(script: str, state: Path) -> list[str]:
    """The lines that a process prints which runs `script` with `state`; what it needs beside Path it imports itself."""
    head = "import sys\nfrom pathlib import Path\nstate = Path(sys.argv[1])\n"
    command = [sys.executable, "-c", head + script, str(state)]
    return subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout.splitlines()
