# SPDX-License-Identifier: Apache-2.0
"""Doorway: the listening socket's place in the file system, held by one process at a time.

A lock file beside the socket says whether the socket's owner lives: the kernel lets go of the lock when its holder dies, however it
dies, so a socket without a locked lock file is stale and is replaced, and there is no moment in which two starting agents take each
other's for stale. The lock file stays behind: removing it would let two processes hold locks on two files of the same name.

Does not know: who comes through.
Source: net/unix/af_unix.c, unix_bind_bsd(): the node's mode is the socket's inode mode less the umask, so fchmod before bind leaves
no moment in which others may connect.
"""

import fcntl
import os
import socket
import stat
from pathlib import Path

MODE = 0o660
_BACKLOG = 4096  # the kernel takes the lower of this and net.core.somaxconn


class Taken(Exception):
    """Another process listens there."""


class Doorway:
    """Open from `opened` until `close`."""

    def __init__(self, path: Path, listening: socket.socket, lock: int) -> None:
        self._path = path
        self.listening = listening
        self._lock = lock

    @classmethod
    def opened(cls, path: Path) -> "Doorway":
        """Raises Taken, or OSError where the place can't be used."""
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove_stale(path)
            listening = _listen(path)
        except BlockingIOError as error:
            os.close(lock)
            raise Taken(f"another agent is listening on {path}") from error
        except BaseException:
            os.close(lock)
            raise
        return cls(path, listening, lock)

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        self.listening.close()
        os.close(self._lock)


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OSError(f"{path} is there and is no socket; move it away")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise Taken(f"another program is listening on {path}")


def _listen(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(listening.fileno(), MODE)
        listening.bind(str(path))
        path.chmod(MODE)  # what the umask took away
        listening.listen(_BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening
