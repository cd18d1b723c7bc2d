# SPDX-License-Identifier: Apache-2.0
"""`cached()`: a directory that takes long to make, made once and kept by what it was made from.

It is built beside its place and renamed when complete, and renamed again before it is removed, so what is there is whole; a build
that was cut off is thrown away by the next. One process builds a kind at a time, and who comes meanwhile waits for it, and for the
commands of one that was killed. The newest two of each kind stay: two checkouts on one machine do not throw each other's away. What
a process has been given stays as long as the process lives.

Does not know: what is in the directories.
"""

import fcntl
import functools
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.lab.chroots import BuildFailed, inherited
from tests.machine import CHECKOUT, say

KEPT = 2
"""As many of a kind stay in the cache."""

ROOM_BYTES = 6 << 30
"""What the whole lab takes, with what is there meanwhile."""

_held: dict[Path, int] = {}
"""Directories that this process was given, and the descriptors whose locks keep them."""


def cached(kind: str, inputs: Iterable[str], *, build: Callable[[Path], None], about: str, room_bytes: int = ROOM_BYTES) -> Path:
    """The directory of `kind` for these inputs; where it is not there, `build` fills an empty one. `about` says what is made.

    BuildFailed where the first that is built has less room than this.
    """
    place = directory() / f"{kind}-{digest(inputs)}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with _locked(place.parent / f"{kind}.lock", about):
        if not place.is_dir():
            _require_room(place.parent, room_bytes)
            _build(place, build, about)
        os.utime(place)
        hold(place)
        _remove_older(kind, place.parent)
    return place


def hold(place: Path) -> int:
    """The directory is not removed from the cache while this process lives, or one that inherits the descriptor."""
    if place not in _held:
        _held[place] = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(_held[place], fcntl.LOCK_SH)
    return _held[place]


@contextmanager
def temporary(kind: str) -> Iterator[Path]:
    """An empty directory beside them that goes at the end; what a process that was killed has left of this kind goes first."""
    directory().mkdir(parents=True, exist_ok=True)
    with _locked(directory() / f"{kind}.lock", f"a {kind} directory"):
        for left in [path for path in directory().glob(f"{kind}-*") if not _is_held(path)]:
            shutil.rmtree(left)
        place = Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=directory()))
        hold(place)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)  # after Ctrl-C, what ran there may still be ending: the next removes the rest


def directory() -> Path:
    """Where all of them are."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pcipt-agent" / "lab"


def digest(inputs: Iterable[str]) -> str:
    """One name for all inputs; it changes with each of them, and with where one ends and the next begins."""
    whole = hashlib.sha256()
    for each in inputs:
        encoded = each.encode()
        whole.update(b"%d:" % len(encoded) + encoded)
    return whole.hexdigest()[:16]


def files_digest(*paths: Path, root: Path = CHECKOUT) -> str:
    """Changes with the name below `root`, content and mode of every file at or below these paths; Python's caches are left out."""
    found = (file for path in paths for file in ([path] if path.is_file() else path.rglob("*")))
    files = sorted(file for file in found if file.is_file() and file.suffix != ".pyc")
    contents = ((file, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files)
    return digest(f"{file.relative_to(root)} {file.stat().st_mode & 0o111:o} {content}" for file, content in contents)


@functools.cache
def _require_room(where: Path, room_bytes: int) -> None:
    """Asked once a process: from then on, what is missing is what has been made."""
    free = shutil.disk_usage(where).free
    if free < room_bytes:
        gigabytes = f"{free / 2**30:.1f} GB free, and the lab takes {room_bytes / 2**30:.0f}"
        raise BuildFailed(f"{where} has {gigabytes}; XDG_CACHE_HOME=DIRECTORY puts it elsewhere")


def _build(place: Path, build: Callable[[Path], None], about: str) -> None:
    making = _making(place)
    if making.exists():
        shutil.rmtree(making)
    making.mkdir()
    say(f"lab: making {about}")
    started = time.monotonic()
    try:
        build(making)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)  # what failed is to be told; the next build says what keeps this from going
        raise
    making.rename(place)
    say(f"lab: made {about} in {time.monotonic() - started:.0f} s")


def _making(place: Path) -> Path:
    """Its name while it is not whole."""
    return place.with_name(f"{place.name}.making")


def _remove_older(kind: str, where: Path) -> None:
    named = re.compile(rf"{re.escape(kind)}-[0-9a-f]{{16}}(\.making)?")
    ours = [path for path in where.iterdir() if named.fullmatch(path.name)]
    for stale in [path for path in ours if path.suffix == ".making"]:
        shutil.rmtree(stale)
    whole = sorted((path for path in ours if path.suffix != ".making"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in whole[KEPT:]:
        if not _is_held(path):
            shutil.rmtree(path.rename(_making(path)))


def _is_held(place: Path) -> bool:
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def _locked(lock: Path, about: str) -> Iterator[None]:
    """The lock goes with the process and the commands that it runs meanwhile, however they end."""
    with lock.open("w") as held:
        patience = time.monotonic() + 1
        while not _has(held) and time.monotonic() < patience:
            time.sleep(0.02)  # the other only looks whether it is there
        if not _has(held):
            say(f"lab: waiting for another that makes {about}")
            fcntl.flock(held, fcntl.LOCK_EX)
        with inherited(held.fileno()):
            yield


def _has(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
