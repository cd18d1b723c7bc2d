# SPDX-License-Identifier: Apache-2.0
"""Bare os calls relative to open directories: what a file, a link, a directory under /sys holds, and what its errors mean.

A function that goes while it is read is no error, so "not there" is a value here; want of descriptors or memory is ours, says
nothing of the function, and is raised.

Does not know: which files there are, what they mean.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pcipt_agent.errors import HostError
from pcipt_agent.views.kernel import Raw

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_CLOEXEC
GONE = (errno.ENOENT, errno.ENODEV)
"""What the kernel answers for a function that is not there any more: by name, and by an open file."""
_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Errors that say nothing of the function."""
_LONGEST = 4096
"""Octets of the longest sysfs text: one page."""


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """The directory, open. Raises HostError where it can't be, or can't be read to the end."""
    try:
        directory = os.open(path, DIRECTORY)
        try:
            yield directory
        finally:
            os.close(directory)
    except OSError as error:
        raise HostError(str(path), why(error)) from error


def content(directory: int, name: str) -> Raw:
    try:
        file = os.open(name, _FILE, dir_fd=directory)
        try:
            return os.read(file, _LONGEST)
        finally:
            os.close(file)
    except OSError as error:
        raise_ours(error, name)
        return None if error.errno in GONE else why(error)


def target(directory: int, name: str) -> str | None:
    """The last part of where the link `name` leads."""
    return led_to(directory, name).rpartition("/")[2] or None


def led_to(directory: int, name: str) -> str:
    try:
        return os.readlink(name, dir_fd=directory)
    except OSError:
        return ""


def names(directory: int, name: str) -> list[str]:
    """What the directory `name` lists, in order; nothing where it is not there."""
    try:
        child = os.open(name, DIRECTORY, dir_fd=directory)
    except OSError as error:
        raise_ours(error, name)
        return []
    try:
        return sorted(listed_in(child))
    finally:
        os.close(child)


def listed_in(directory: int) -> set[str]:
    """Nothing where it was removed since it was opened."""
    try:
        return set(os.listdir(directory))
    except FileNotFoundError:
        return set()


def bytes_of(path: Path | str) -> bytes:
    """What the file holds; nothing where it can't be read."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except OSError as error:
        raise_ours(error, str(path))
        return b""


def raise_ours(error: OSError, name: str) -> None:
    """Raises HostError where the error says nothing of what was to be read."""
    if error.errno in _OURS:
        raise HostError(name, why(error)) from error


def why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
