# SPDX-License-Identifier: Apache-2.0
"""Texts and names of a tree, or why they can't be had.

Does not know: what they mean.
"""

from pathlib import Path
from typing import Final

from pcipt_agent.core.diagnosis import Unseen

AS_ROOT: Final = "sudo pcipt doctor"


def text(path: Path) -> str | Unseen:
    """What the file holds; octets that are no UTF-8 are replaced."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return unseen(path, error)


def names(path: Path) -> frozenset[str] | Unseen:
    """What the directory lists."""
    try:
        return frozenset(each.name for each in path.iterdir())
    except OSError as error:
        return unseen(path, error)


def unseen(path: Path, error: OSError) -> Unseen:
    return Unseen(f"{path}: {error.strerror or error}", AS_ROOT if isinstance(error, PermissionError) else None)
