# SPDX-License-Identifier: Apache-2.0
"""SqliteJournal: the table of decisions, one commit each.

*Durable.* WAL with synchronous=FULL syncs the log at each commit (https://www.sqlite.org/pragma.html#pragma_synchronous); NORMAL,
which is often advised for WAL, would lose the last commits at power loss. Automatic checkpoints are off, so that a commit is one
sync, always; they are made at start and at compaction. EXCLUSIVE locking keeps strangers' programs out and needs no shared memory.

*When a commit fails.* Full, read-only and locked are refusals: the transaction is rolled back, the files are read again to be
sure, and the next append starts from a new connection. A failed sync is not: the kernel may have dropped the data and report
success for the next sync (https://lwn.net/Articles/752063/, "fsyncgate"), so nobody knows what the disk has. Then this journal is
closed for writing, the process ends, and the next start finds out: before it answers, it checkpoints, which writes all that the
log holds anew, to the database, and syncs that.

*What is past.* A compaction drops the records that told it, so it is put into the history first (`journal.history`). That takes
longer the longer history is, so most of it may be done beside decisions (`remember`), and a compaction adds what came since.

Does not know: which decisions are right, when a running agent compacts (`flows.ledger`), the configuration.
"""

import errno
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from pcipt_agent.adapters.journal.files import APPLICATION_ID, JournalFiles, make_empty, pragma, rows_of, sync
from pcipt_agent.adapters.journal.history import HistoryFile
from pcipt_agent.adapters.journal.lock import AlreadyLocked, hold
from pcipt_agent.adapters.journal.recent import Recent
from pcipt_agent.adapters.journal.replay import Replayed, Tail, decision_of, entries, row_after, tail_after
from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.claim import ClaimBook, Decision, forget_ended
from pcipt_agent.core.history import About, Past, Unreadable
from pcipt_agent.errors import JournalError, JournalUnwritable
from pcipt_agent.ports import HISTORY_KEPT_SECONDS, RECORDS_KEPT, Recovered
from pcipt_agent.views.records import FORMAT, Book, Entry, Happened, Started

LOG = logging.getLogger(__name__)

_SCHEMA: Final = """
CREATE TABLE record (
    sequence INTEGER PRIMARY KEY, at REAL NOT NULL, boot_id TEXT NOT NULL, format INTEGER NOT NULL,
    body BLOB NOT NULL, crc INTEGER NOT NULL
)"""
_INSERT: Final = "INSERT INTO record (sequence, at, boot_id, format, body, crc) VALUES (?, ?, ?, ?, ?, ?)"

_NO_ROOM: Final = {
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: "the file system is full",
    errno.EDQUOT: "the quota is used up",
}
_NOT_WRITTEN: Final = {
    sqlite3.SQLITE_FULL: "the file system is full",
    sqlite3.SQLITE_READONLY: "it is read-only",
    sqlite3.SQLITE_CANTOPEN: "it can't be opened for writing",
    sqlite3.SQLITE_PERM: "it may not be written",
    sqlite3.SQLITE_BUSY: "another program has it locked",
    sqlite3.SQLITE_NOMEM: "there is no memory left",
}
"""SQLite's primary result code → what it means here. The transaction is rolled back (https://www.sqlite.org/lang_transaction.html)."""


class SqliteJournal:
    """`ports.Journal` in SQLite. One caller at a time, whatever thread it is on: the ledger's lock sees to it, but for what the
    port says of `remember` and `history`."""

    def __init__(self, directory: Path) -> None:
        self._files = JournalFiles(directory)
        self._history = HistoryFile(directory)
        self._history_kept_seconds: float = HISTORY_KEPT_SECONDS
        self._recent = Recent()
        self._remembered: int | None = None
        """How much of what is recent the history has already; None where it was not told of it since the last compaction."""
        self._lock: int | None = None
        self._connection: sqlite3.Connection | None = None
        self._identity = self._files.identity()
        """Of the files that the connection has open."""
        self._tail = Tail()
        self._incarnation = 0
        self._pending: tuple[Entry, str, float] | None = None
        """The note of this start, until it is written."""
        self._broken: JournalError | None = None

    def recover(self, boot_id: str, at: float, forget_before: float) -> Recovered:
        found, unwritable = Replayed(), None
        try:
            self._take()
            found = self._files.replayed()
        except JournalUnwritable as refusal:
            unwritable = refusal.problem
        except JournalError:
            self.close()
            raise
        self._tail, self._incarnation = found.tail, found.incarnation + 1
        self._recent.begin(found.base.claims, found.decisions)
        kept = self._compactable(found, forget_before, at)
        self._pending = Started(self._incarnation) if kept is None else Book(self._incarnation, kept), boot_id, at
        if unwritable is None:
            try:
                self._writer()
            except JournalUnwritable as refusal:
                unwritable = refusal.problem
        return Recovered(
            book=found.book if kept is None else kept,
            boot_id=found.boot_id,
            incarnation=self._incarnation,
            decisions=found.tail.count,
            unwritable=unwritable,
        )

    def append(self, decision: Decision) -> None:
        connection = self._writer()
        self._write(connection, Happened(decision.events, decision.request_id, decision.caller), decision.boot_id, decision.at)
        self._recent.happened(self._tail.sequence, decision)

    def remember(self, at: float) -> None:
        told = self._recent.past(self._remembered or 0)
        self._history.add(told, drop_before=at - self._history_kept_seconds)
        self._remembered = (self._remembered or 0) + len(told)

    def compact(self, book: ClaimBook, boot_id: str, at: float) -> None:
        connection = self._writer()
        if self._remembered is None or self._recent.past(self._remembered):
            self.remember(at)
        self._checkpoint(connection)
        self._write(connection, Book(self._incarnation, book), boot_id, at)

    def decisions(self) -> Iterator[Decision]:
        rows = self._files.rows() if self._connection is None else rows_of(self._connection)
        for row, entry in entries(rows):
            if isinstance(entry, Happened):
                yield decision_of(row, entry)

    def history(self, *, address: PciAddress | None = None, consumer: str | None = None) -> Iterator[Past | Unreadable]:
        about = About(address if address is not None else consumer or "")
        while True:
            compactions = self._recent.begun
            newest = self._history.newest()
            held, past = self._recent.about(about)
            if self._recent.begun == compactions:  # nothing went from there to here between
                break
        yield from held
        yield from past.values()
        for each in self._history.past(about, newest):
            if isinstance(each, Unreadable):
                yield each
            elif each[0] not in past:
                yield each[1]

    def keep_history(self, seconds: float) -> None:
        self._history_kept_seconds = seconds

    def length(self) -> int:
        return self._tail.count

    def size_bytes(self) -> int:
        return self._files.size_bytes() + self._history.size_bytes()

    def distrust(self, problem: str) -> JournalError:
        return self._files.distrust(problem)

    def close(self) -> None:
        if self._connection is not None and self._broken is None:
            self._connection.close()
        self._connection = None
        if self._lock is not None:
            os.close(self._lock)
        self._lock = None

    def _compactable(self, found: Replayed, forget_before: float, at: float) -> ClaimBook | None:
        """The book that a compaction is to write at this start; None where none is due, or the past can't be put away first."""
        kept = forget_ended(found.book, forget_before)
        if found.tail.count <= RECORDS_KEPT and len(kept.ended) == len(found.book.ended):
            return None
        try:
            self.remember(at)
        except JournalUnwritable as refusal:
            LOG.warning("the journal is not compacted: %s", refusal.problem)
            return None
        return kept

    def _take(self) -> None:
        """The state directory is there, and ours. Raises JournalUnwritable where it can't be made for want of room."""
        directory = self._files.directory
        try:
            if not directory.exists():
                directory.mkdir(mode=0o700, parents=True)
                sync(directory.parent)
            self._lock = hold(directory)
        except AlreadyLocked as taken:
            holder = f"process {taken.holder}" if taken.holder else "another process"
            problem = f"{holder} is already running on this state"
            raise JournalError(str(directory), problem, "stop it first, or give this one its own [agent] state_path") from taken
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise JournalUnwritable(f"{directory} can't be made: {_NO_ROOM[error.errno]}") from error
            remedy = "give the agent's user a local directory that is its own as [agent] state_path"
            raise JournalError(str(directory), error.strerror or str(error), remedy) from error

    def _writer(self) -> sqlite3.Connection:
        """The connection, with the note of this start committed before anything else is."""
        if self._broken is not None:
            raise self._broken
        if self._connection is not None and self._files.identity() != self._identity:
            self._write_anew(self._connection)
        if self._connection is None:
            if self._lock is None:
                self._take()
                if self._files.exist():
                    raise self.distrust("it was not there when this agent started, so it was not read")
            if self._tail.count == 0:
                self._create()
            self._connection = self._opened()
            self._identity = self._files.identity()
            self._checkpoint(self._connection)
            if self._pending is not None:
                self._write(self._connection, *self._pending)
                self._pending = None
        return self._connection

    def _create(self) -> None:
        """Made whole under another name, with the note of this start, and renamed: a journal without a record is always damage."""
        fresh = self._files.database.with_name("journal.new")
        entry, boot_id, at = self._pending or (Started(self._incarnation), "", 0.0)
        row = row_after(Tail(), entry, boot_id, at)
        try:
            make_empty(fresh)
            with closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {FORMAT}")
                connection.execute(_SCHEMA)
                connection.execute(_INSERT, row)
                connection.execute("PRAGMA journal_mode = WAL")
            fresh.rename(self._files.database)
            sync(self._files.directory)
        except sqlite3.Error as error:
            raise self._failure(error) from error
        except OSError as error:
            raise JournalUnwritable(f"{fresh}: {_NO_ROOM.get(error.errno or 0, error.strerror)}") from error
        self._tail, self._pending = tail_after(Tail(), row, entry), None

    def _write_anew(self, connection: sqlite3.Connection) -> None:
        """Files were taken away under us: SQLite, which has all that they held, would write on into what no start finds."""
        database, fresh = self._files.database, self._files.database.with_name("journal.new")
        if self._files.identity()[0] not in (None, self._identity[0]):
            problem, remedy = "another was put in its place while the agent runs", "start the agent again: it reads what is there"
            self._broken = JournalError(str(database), problem, remedy)
            raise self._broken
        try:
            make_empty(fresh)
            connection.execute("VACUUM INTO ?", (str(fresh),))
            sync(fresh)
            self._files.log.unlink(missing_ok=True)
            fresh.rename(database)
            sync(self._files.directory)
        except (sqlite3.Error, OSError) as error:
            raise JournalUnwritable(
                f"{database} was taken away while the agent runs, and can't be written anew: {error}"
            ) from error
        LOG.error("files of the journal were taken away while the agent runs; %s is written anew, whole", database)
        self._connection = None
        connection.close()

    def _opened(self) -> sqlite3.Connection:
        """A connection that has seen the last row that we know of. SQLite must not have recovered another book than we did."""
        try:
            # SQLite says "disk I/O error" of a lock that it can't take on a file that it could open for reading only.
            os.close(os.open(self._files.database, os.O_RDWR | os.O_CLOEXEC))
        except OSError as error:
            raise JournalUnwritable(f"{self._files.database}: {_NO_ROOM.get(error.errno or 0, error.strerror)}") from error
        try:
            connection = sqlite3.connect(
                f"{self._files.database.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise self._failure(error) from error
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            mode = pragma(connection, "journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            last = connection.execute("SELECT sequence, crc FROM record ORDER BY sequence DESC LIMIT 1").fetchone()
            connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            connection.close()
            raise self._failure(error) from error
        if mode != "wal" or last != (self._tail.sequence, self._tail.crc):
            connection.close()
            raise self.distrust(f"SQLite finds record {last} at its end and we found {self._tail} (journal mode {mode})")
        return connection

    def _write(self, connection: sqlite3.Connection, entry: Entry, boot_id: str, at: float) -> None:
        """One commit. One INSERT alone is its own transaction; a Book comes with the removal of what it replaces."""
        row = row_after(self._tail, entry, boot_id, at)
        try:
            if isinstance(entry, Book):
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("DELETE FROM record")
            connection.execute(_INSERT, row)
            if isinstance(entry, Book):
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._failure(error) from error
        self._tail = tail_after(self._tail, row, entry)
        if isinstance(entry, Book):
            self._recent.begin(entry.book.claims)
            self._remembered = None

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        """The log's pages are in the database, synced, and the log is empty. For want of room it stays as it is: no harm."""
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            if _not_written(error) is None:
                raise self._failure(error) from error

    def _failure(self, error: sqlite3.Error) -> JournalUnwritable | JournalError:
        """What a failed commit means. Where it is a refusal, the files have been read again and end where they did before."""
        known = _not_written(error)
        if known is None:
            self._broken = JournalError(
                str(self._files.database),
                f"a commit failed in the middle ({_name(error)}), so it may or may not be on the disk",
                "look at the disk (`dmesg`, `smartctl`) and start the agent again: it reads what is there",
            )
            return self._broken
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            if (found := self._files.replayed().tail) != self._tail:
                self._broken = self.distrust(f"a commit failed ({_name(error)}), and the files end with {found}, not {self._tail}")
                return self._broken
        return JournalUnwritable(f"{self._files.database}: {known}")


def _not_written(error: sqlite3.Error) -> str | None:
    """Why the transaction was certainly rolled back; None where that is not certain."""
    if _name(error) == "SQLITE_IOERR_WRITE":
        return "it can't be written (a quota or a limit on its size, or the disk is failing)"
    code: int = getattr(error, "sqlite_errorcode", 0)
    return _NOT_WRITTEN.get(code & 0xFF)


def _name(error: sqlite3.Error) -> str:
    """SQLite's name of the result code; Python's own text where the error is not SQLite's."""
    return str(getattr(error, "sqlite_errorname", error))
