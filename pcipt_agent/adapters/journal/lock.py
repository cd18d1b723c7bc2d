# SPDX-License-Identifier: Apache-2.0
"""One daemon on one state directory.

Two daemons on one journal would each hold a book that the other does not know, and promise the same device twice. SQLite's own
locks come too late to guard against that: a book is read, and answers given from it, before anything is written. So the daemon
holds a flock on the state *directory*, for life: the kernel drops it whenever the process ends, nobody can delete it from under us
as a lock file can be deleted, and it needs nothing written, so it works on a file system that is full or read-only.

Does not know: what the directory holds.
Source: flock(2); Documentation/filesystems/proc.rst, /proc/locks.
"""

import fcntl
import os
from pathlib import Path


class AlreadyLocked(Exception):
    """Another process holds the directory; `holder` is its pid, None where it is hidden (another pid namespace)."""

    def __init__(self, holder: int | None) -> None:
        super().__init__(f"held by process {holder or 'unknown'}")
        self.holder = holder


def hold(directory: Path) -> int:
    """The descriptor whose being open holds the lock. Raises AlreadyLocked, at once; OSError where the file system has no flock."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        inode = os.fstat(descriptor).st_ino
        os.close(descriptor)
        raise AlreadyLocked(_holder_of(inode)) from error
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _holder_of(inode: int) -> int | None:
    """The pid beside the inode in a line such as `1: FLOCK  ADVISORY  WRITE 708 fe:00:2148745 0 EOF`."""
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        fields = line.split()
        if fields[1:4] == ["FLOCK", "ADVISORY", "WRITE"] and fields[5].rpartition(":")[2] == str(inode):
            return int(fields[4])
    return None
