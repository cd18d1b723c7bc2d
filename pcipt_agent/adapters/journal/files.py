# SPDX-License-Identifier: Apache-2.0
"""The journal's files, read by our own eyes.

    state_path/            0700, and a flock on it for life (`journal.lock`)
        journal.db         0600, table `record`: one row a decision, start or claim book
        journal.db-wal     what was committed since the last checkpoint
        history.db         what is past (`journal.history`)

They are read, checked and replayed before SQLite may touch them. So damage is found before anything is written over it, and the
book is there also where nothing can be written. The agent never reads them while its SQLite has them open: closing our descriptor
would drop the POSIX locks that SQLite holds through its own (https://www.sqlite.org/howtocorrupt.html, 2.2.1). Another process may.

Does not know: how anything is written (`journal.store`), what the rows mean (`journal.replay`).
"""

import os
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from pcipt_agent.adapters.journal.replay import Replayed, Row, TooNew, Untrusted, replay
from pcipt_agent.adapters.journal.wal import Damaged, merged
from pcipt_agent.errors import JournalError
from pcipt_agent.views.records import FORMAT

APPLICATION_ID: Final = int.from_bytes(b"pcip", "big")

Identity = tuple[int, int]
"""A file's own, whatever its name: device and inode."""

_SELECT: Final = "SELECT sequence, at, boot_id, format, body, crc FROM record ORDER BY sequence"


class JournalFiles:
    """Where they are, and what they hold."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.database = directory / "journal.db"
        self.log = directory / "journal.db-wal"

    def exist(self) -> bool:
        return self.database.exists() or self.log.exists()

    def size_bytes(self) -> int:
        return sum(path.stat().st_size for path in (self.database, self.log) if path.exists())

    def replayed(self) -> Replayed:
        """What the files say; nothing where there are none yet. Raises JournalError where they can't be trusted or read."""
        try:
            return replay(self.rows()) if self.exist() else Replayed()
        except (Untrusted, Damaged) as error:
            raise self.distrust(str(error)) from error
        except (sqlite3.DatabaseError, TypeError, ValueError, OverflowError) as error:
            if isinstance(error, TooNew):
                raise self._newer(str(error)) from error
            raise self.distrust(f"SQLite can't read it: {error}") from error
        except OSError as error:
            remedy = "let the agent's user read and write it, or put the file back"
            raise JournalError(error.filename or str(self.database), error.strerror or str(error), remedy) from error

    def rows(self) -> Iterator[Row]:
        """Every row, oldest first."""
        image = merged(*self._octets())
        with closing(sqlite3.connect(":memory:")) as memory:
            memory.deserialize(image)
            _examine(memory)
            yield from rows_of(memory)

    def _octets(self) -> tuple[bytes, bytes]:
        """The database and the log, of one moment also where the agent writes meanwhile: while the log only grows, whatever a
        checkpoint may have written into the database stands in that log too (https://www.sqlite.org/wal.html)."""
        while True:
            before, database, log = _read(self.log), _read(self.database), _read(self.log)
            if log.startswith(before):
                return database, log

    def identity(self) -> tuple[Identity | None, Identity | None]:
        """Of the database and of the log: what is there under their names now."""
        return _identity(self.database), _identity(self.log)

    def distrust(self, problem: str) -> JournalError:
        aside = shlex.quote(str(self.directory / "damaged"))
        move = f"mkdir {aside} && mv {shlex.quote(str(self.database))}* {aside}/"
        way_out = (
            f"the way out, while the agent is down: `{move}`; it then starts with no claims: each claim and each ended claim_id is "
            "forgotten; what a guest has is occupied until `pcipt adopt` makes a claim of it, and what no guest has is handed out"
        )
        return JournalError(str(self.database), problem, way_out)

    def _newer(self, problem: str) -> JournalError:
        remedy = "run the version of pcipt-agent that wrote it, or a later one; nothing was changed"
        return JournalError(str(self.database), problem, remedy)


def _identity(path: Path) -> Identity | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def rows_of(connection: sqlite3.Connection) -> Iterator[Row]:
    """Every row, oldest first, read at once: an open cursor would hold up the checkpoint."""
    for sequence, at, boot_id, version, body, crc in connection.execute(_SELECT).fetchall():
        yield Row(int(sequence), float(at), str(boot_id), int(version), bytes(body), int(crc))


def pragma(connection: sqlite3.Connection, what: str) -> object:
    """The first value that `PRAGMA what` answers; None where it answers nothing."""
    found: tuple[object, ...] | None = connection.execute(f"PRAGMA {what}").fetchone()
    return None if found is None else found[0]


def make_empty(database: Path) -> None:
    """A file that is the agent's alone, and nothing beside it of an earlier one that was not finished."""
    for path in (database, *(database.with_name(f"{database.name}-{part}") for part in ("wal", "journal"))):
        path.unlink(missing_ok=True)
    os.close(os.open(database, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))


def sync(path: Path) -> None:
    """What was written to the file, or made, renamed or removed in the directory, stays so."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _examine(memory: sqlite3.Connection) -> None:
    if (application := pragma(memory, "application_id")) != APPLICATION_ID:
        raise Untrusted(f"an SQLite database of another program (application_id {application})")
    version = pragma(memory, "user_version")
    if isinstance(version, int) and version > FORMAT:
        raise TooNew(f"the journal is of format {version}, and this version reads {FORMAT}")
    if (damage := pragma(memory, "integrity_check")) != "ok":
        raise Untrusted(f"integrity check: {damage}")
