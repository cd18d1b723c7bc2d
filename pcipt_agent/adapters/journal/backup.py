# SPDX-License-Identifier: Apache-2.0
"""Backup and restore of the journal.

A backup is taken while the agent runs, and so without SQLite: the agent's connection locks everybody out (`journal.store`).
The files are read as our own reader reads them, the log before and after the database. Where the log has only grown meanwhile, the
database's pages of any moment between and that log make the book as of the log's end: what a checkpoint writes into the database
stands in the log until the log is emptied. Where it was emptied, they are read again. Each row's chained checksum then proves it.

What is restored is replayed first, and what it replaces is kept beside it. At no point is there a directory without a journal:
an agent that starts in the middle finds the old one, the new one, or refuses.

Does not know: what the claims mean, whether guests still have the devices.
Source: https://www.sqlite.org/wal.html, "Checkpointing"; https://www.sqlite.org/fileformat2.html, section 4.
"""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from pcipt_agent.adapters.journal.files import JournalFiles, sync
from pcipt_agent.adapters.journal.lock import AlreadyLocked, hold
from pcipt_agent.adapters.journal.replay import Replayed
from pcipt_agent.adapters.journal.wal import Damaged, merged
from pcipt_agent.errors import HostError, JournalError

_ATTEMPTS: Final = 20
"""A checkpoint is made at most once in a thousand decisions, so the second reading nearly always does."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What a backup holds, for a person to see that it is the right one."""

    claims: int
    ended: int
    records: int


@dataclass(frozen=True, slots=True)
class Restored:
    holding: Holding
    replaced: Path | None
    """Where the journal that was there before is now; None where there was none."""


def octets(path: Path) -> bytes | None:
    """What the file holds; None where it is not there."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def back_up(directory: Path, file: Path, *, read: Callable[[Path], bytes | None] = octets) -> Holding:
    """`file`, which must not be there yet, holds the journal of the state directory: whole, checked, synced, for its owner alone.

    Raises HostError, and JournalError where the journal itself can't be trusted.
    """
    files = JournalFiles(directory)
    try:
        if not files.exist():
            raise HostError(str(files.database), "there is no journal; is [agent] state_path the agent's?")
        with tempfile.TemporaryDirectory(prefix=".pcipt-backup-", dir=file.parent) as made:
            copy = JournalFiles(Path(made))
            found = _copied(files, copy, read)
            whole = Path(made) / "whole"
            log = copy.log.read_bytes() if copy.log.exists() else b""
            _write_synced(whole, merged(copy.database.read_bytes(), log))
            os.link(whole, file)  # fails where there is one
            sync(file.parent)
    except FileExistsError as error:
        raise HostError(str(file), "is there already, and a backup is never written over; give it another name") from error
    except OSError as error:
        raise HostError(str(error.filename or file), error.strerror or str(error)) from error
    return found


def restore(directory: Path, file: Path) -> Restored:
    """The state directory has the journal that `file` is a backup of. Raises HostError, and JournalError where an agent has it."""
    try:
        descriptor = _held(directory)
        try:
            return _restored(directory, file)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise HostError(str(error.filename or directory), error.strerror or str(error)) from error


def _copied(files: JournalFiles, copy: JournalFiles, read: Callable[[Path], bytes | None]) -> Holding:
    """Reads until what was read is of one moment."""
    problem: JournalError | None = None
    for _ in range(_ATTEMPTS):
        before = read(files.log)
        database = read(files.database)
        log = read(files.log)
        if database is None or not (log or b"").startswith(before or b""):
            continue
        _write_synced(copy.database, database)
        _write_synced(copy.log, log or b"")
        try:
            return _holding(copy.replayed())
        except JournalError as error:
            problem = error
    if problem is not None:
        raise JournalError(str(files.database), problem.problem, "no backup was made; see what the agent's log says of its journal")
    raise HostError(str(files.database), f"it changed under each of {_ATTEMPTS} readings; try again")


def _holding(found: Replayed) -> Holding:
    return Holding(len(found.book.claims), len(found.book.ended), found.tail.count)


def _held(directory: Path) -> int:
    if not directory.is_dir():
        raise HostError(str(directory), "is no directory; start the agent once, so that it is made, and stop it")
    try:
        return hold(directory)
    except AlreadyLocked as taken:
        holder = f"process {taken.holder}" if taken.holder else "another process"
        raise JournalError(
            str(directory), f"{holder} has the journal", "stop it first: systemctl stop pcipt-agent.service"
        ) from taken


def _restored(directory: Path, file: Path) -> Restored:
    content = file.read_bytes()
    with tempfile.TemporaryDirectory(prefix="restoring-", dir=directory) as made:
        fresh = JournalFiles(Path(made))
        _write_synced(fresh.database, content)
        try:
            image = merged(content, b"")
            found = _holding(fresh.replayed())
        except Damaged as error:
            raise HostError(str(file), f"is no backup of a journal ({error}); nothing was changed") from error
        except JournalError as error:
            raise HostError(str(file), f"is no backup that can be restored ({error.problem}); nothing was changed") from error
        if image != content:
            raise HostError(str(file), "needs a write-ahead log that is not in it; restore what `pcipt journal backup` wrote")
        replaced = _kept(directory)
        owner = directory.stat()
        for path in (fresh.database, *([replaced] if replaced else [])):
            os.chown(path, owner.st_uid, owner.st_gid)
        fresh.database.rename(directory / "journal.db")
        # Until it is gone, the old log beside the new database is damage, and no agent starts on it.
        (directory / "journal.db-wal").unlink(missing_ok=True)
        sync(directory)
    return Restored(found, replaced)


def _kept(directory: Path) -> Path | None:
    """The journal that is there, linked into a directory of its own."""
    present = [path for path in (directory / "journal.db", directory / "journal.db-wal") if path.exists()]
    if not present:
        return None
    aside = next(path for number in count(1) if not (path := directory / f"replaced-{number}").exists())
    aside.mkdir(mode=0o700)
    for path in present:
        os.link(path, aside / path.name)
    sync(aside)
    return aside


def _write_synced(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
