# SPDX-License-Identifier: Apache-2.0
"""What is past, in a file of its own beside the journal: `history.db`, table `past`.

Not in the journal's file, because claims matter more. A start reads the journal whole and trusts it whole, and a hundred thousand
spans would make each start read them, and a damaged page among them would stop it. SQLite also keeps the journal locked against
everybody, and history must be had while claims go on: here readers open the file for a page of answers and let it go.

Two files can't share a commit, so the order is: first the spans, then the compaction that drops the records which told of them.
A crash between leaves both, and the next compaction adds the same spans once more: each has a key of its own (when, which record,
which place in it), and one that is there already is left as it is. So history is never lost by a crash, and never doubled.

A file that is damaged does not stop anything either. It is put aside under another name, whole, with an error in the log; a new one
is begun; and whoever asks for history is told that some of it is in a file that can't be read, until that file is taken away.

Does not know: the journal, when it is compacted (`journal.store`), what a span means (`core.history`).
Source: https://www.sqlite.org/atomiccommit.html, https://www.sqlite.org/lockingv3.html.
"""

import logging
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from pcipt_agent.adapters.journal.files import pragma, sync
from pcipt_agent.adapters.journal.replay import TooNew
from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.history import About, Past, Span, Unreadable
from pcipt_agent.errors import JournalUnwritable
from pcipt_agent.views.fields import Undecodable
from pcipt_agent.views.history_records import FORMAT, decode_past, encode_past

LOG = logging.getLogger(__name__)

APPLICATION_ID: Final = int.from_bytes(b"pcih", "big")
BEYOND: Final = 1 << 62
"""More than any entry's number."""
_ASIDE: Final = "history-damaged-"
_PAGE: Final = 500
"""Rows that a reader takes at once: the time for which it keeps a compaction waiting, a few milliseconds."""
_WAIT_SECONDS: Final = 2.0
"""For another's lock, before the compaction is left for the next time."""
_DROPPED_AT_ONCE: Final = 5000
"""Of what is too old, where less was added: a clock that is years ahead, or a shorter `history_kept`, empties it only by and by."""


class Key(NamedTuple):
    """What tells one thing of the past from another, also after the journal was begun anew and counts from 1 again."""

    at: float
    sequence: int
    """Of the record that told it."""
    place: int


class Line(NamedTuple):
    """A row of the table, its columns in order, as SQLite gives them."""

    number: int
    at: float
    sequence: int
    place: int
    address: str
    """Empty: the host."""
    consumer: str | None
    format: int
    body: bytes
    crc: int
    """Of the columns between the first and this."""


class Untold(ValueError):
    """The file, or a row of it, is not what we wrote; the text says why."""


_SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS past (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, sequence INTEGER NOT NULL, place INTEGER NOT NULL,
    address TEXT NOT NULL, consumer TEXT, format INTEGER NOT NULL, body BLOB NOT NULL, crc INTEGER NOT NULL,
    UNIQUE (at, sequence, place)
)""",
    "CREATE INDEX IF NOT EXISTS past_address ON past (address, number)",
    "CREATE INDEX IF NOT EXISTS past_consumer ON past (consumer, number)",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {FORMAT}",
)
_INSERT: Final = (
    "INSERT OR IGNORE INTO past (at, sequence, place, address, consumer, format, body, crc) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_DROP: Final = "DELETE FROM past WHERE number IN (SELECT number FROM past WHERE at < ? ORDER BY at LIMIT ?)"
_COLUMNS: Final = ", ".join(Line._fields)
_OF_DEVICE: Final = f"""
SELECT {_COLUMNS} FROM past WHERE address = :subject AND number < :before UNION ALL
SELECT {_COLUMNS} FROM past WHERE address = '' AND number < :before ORDER BY number DESC LIMIT {_PAGE}"""
"""Both halves come from the index in order, so SQLite merges them and stops at the limit. '' is the host."""
_OF_CONSUMER: Final = (
    f"SELECT {_COLUMNS} FROM past WHERE consumer = :subject AND number < :before ORDER BY number DESC LIMIT {_PAGE}"
)

_NEWEST: Final = f"SELECT {_COLUMNS} FROM past ORDER BY number DESC LIMIT 1"


class HistoryFile:
    """Written by one thread at a time, read by any."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "history.db"

    def size_bytes(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:  # not made yet, or just put aside by another thread
            return 0

    def add(self, told: Iterable[tuple[Key, Past]], *, drop_before: float) -> None:
        """Durable, all of it or nothing; of what is older than `drop_before` (seconds since the epoch) the oldest is gone.

        Raises JournalUnwritable, and then nothing was written.
        """
        rows = [_row(key, past) for key, past in told]
        if not rows and not self.path.exists():
            return
        try:
            self._write(rows, drop_before)
        except Untold as damage:
            self._put_aside(str(damage))
            self._write(rows, drop_before)

    def newest(self) -> int:
        """The number of the entry that was added last; 0 where there is none, and beyond all where it can't be read now."""
        try:
            return max((line.number for line in self._page(_NEWEST, {})), default=0)
        except (Untold, TooNew, sqlite3.Error):
            return BEYOND

    def past(self, about: About, newest: int) -> Iterator[tuple[Key, Past] | Unreadable]:
        """Newest first, up to that number, each page read when it is wanted. At the end: what can't be told, and why."""
        asked, subject = (
            (_OF_DEVICE, str(about.subject)) if isinstance(about.subject, PciAddress) else (_OF_CONSUMER, about.subject)
        )
        damaged: list[str] = []
        before: int | None = newest + 1
        while before is not None:
            try:
                rows = self._page(asked, {"subject": subject, "before": before})
            except (Untold, TooNew, sqlite3.Error) as error:
                yield Unreadable(f"{self.path} can't be read: {error}")
                break
            for row in rows:
                try:
                    yield told_by(row)
                except Untold as error:
                    damaged.append(str(error))
            before = rows[-1].number if rows else None
        if damaged:
            yield Unreadable(f"{len(damaged)} entries of {self.path} can't be read; the first: {damaged[0]}")
        for directory in self.put_aside():
            yield Unreadable(f"some of it is in {directory}, which was found damaged")

    def put_aside(self) -> tuple[Path, ...]:
        """Where damaged files are that nobody has taken away yet."""
        return tuple(sorted(self.path.parent.glob(f"{_ASIDE}*")))

    def _page(self, asked: str, values: dict[str, object]) -> list[Line]:
        if not self.path.exists():
            return []
        with closing(self._opened()) as connection:
            return [Line(*row) for row in connection.execute(asked, values).fetchall()] if is_begun(connection) else []

    def _opened(self) -> sqlite3.Connection:
        """For writing too where that is allowed: a commit that a crash interrupted is undone by the first that opens it."""
        return sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=_WAIT_SECONDS)

    def _write(self, rows: list[tuple[object, ...]], drop_before: float) -> None:
        try:
            if not self.path.exists():
                os.close(os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
                sync(self.path.parent)
            with closing(self._opened()) as connection:
                connection.execute("PRAGMA synchronous = EXTRA")
                is_begun(connection)
                connection.execute("BEGIN IMMEDIATE")
                for statement in _SCHEMA:
                    connection.execute(statement)
                connection.executemany(_INSERT, rows)
                connection.execute(_DROP, (drop_before, max(_DROPPED_AT_ONCE, 2 * len(rows))))
                connection.execute("COMMIT")
        except TooNew as error:
            raise JournalUnwritable(f"{self.path}: {error}") from error
        except OSError as error:
            raise JournalUnwritable(f"{self.path}: {error.strerror or error}") from error
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise Untold(str(error)) from error
            raise JournalUnwritable(f"{self.path}: {error}") from error

    def _put_aside(self, problem: str) -> None:
        """With the journal of a commit that was interrupted, which belongs to it and not to the new file."""
        number = 1
        while (directory := self.path.with_name(f"{_ASIDE}{number}")).exists():
            number += 1
        try:
            directory.mkdir(mode=0o700)
            for name in (f"{self.path.name}-journal", self.path.name):
                if (part := self.path.with_name(name)).exists():
                    part.rename(directory / name)
            sync(self.path.parent)
        except OSError as error:
            raise JournalUnwritable(f"{directory}: {error.strerror or error}") from error
        LOG.error(
            "%s is damaged (%s): it is in %s now, and history begins anew; no claim is touched", self.path, problem, directory
        )


def is_begun(connection: sqlite3.Connection) -> bool:
    """Whether it has anything in it yet. Raises Untold where it is not ours, TooNew where a later version wrote it."""
    if not pragma(connection, "schema_version"):
        return False
    if (application := pragma(connection, "application_id")) != APPLICATION_ID:
        raise Untold(f"an SQLite database of another program (application_id {application})")
    version = pragma(connection, "user_version")
    if isinstance(version, int) and version > FORMAT:
        raise TooNew(f"the history is of format {version}, and this version reads {FORMAT}")
    return True


def lines_of(connection: sqlite3.Connection) -> Iterator[Line]:
    """All of them, oldest first."""
    return (Line(*row) for row in connection.execute(f"SELECT {_COLUMNS} FROM past ORDER BY number"))


def told_by(line: Line) -> tuple[Key, Past]:
    """Raises Untold where it is not as it was written."""
    key = intact(line)
    if line.format > FORMAT:
        raise Untold(f"entry {line.number} is of format {line.format}, and this version reads {FORMAT}")
    try:
        return key, decode_past(line.body)
    except Undecodable as error:
        raise Untold(f"entry {line.number}: {error}") from error


def intact(line: Line) -> Key:
    """Raises Untold where its checksum is another than it was written with."""
    key = Key(line.at, line.sequence, line.place)
    # SQLite keeps in a column what it is given, of whatever type; the others are told apart by the checksum.
    written = isinstance(line.at, float) and isinstance(line.format, int) and isinstance(line.body, bytes)
    if not written or line.crc != _crc(key, line.address, line.consumer, line.format, line.body):
        raise Untold(f"entry {line.number} does not have the checksum that it was written with")
    return key


def _row(key: Key, past: Past) -> tuple[object, ...]:
    address = "" if past.address is None else str(past.address)
    consumer = past.consumer if isinstance(past, Span) else None
    body = encode_past(past)
    return (*key, address, consumer, FORMAT, body, _crc(key, address, consumer, FORMAT, body))


def _crc(key: Key, address: str, consumer: str | None, version: int, body: bytes) -> int:
    beside = f"{float(key.at)!r} {key.sequence} {key.place} {address} {consumer!r} {version} "
    return zlib.crc32(body, zlib.crc32(beside.encode("utf-8", "surrogatepass")))
