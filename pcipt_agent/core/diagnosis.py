# SPDX-License-Identifier: Apache-2.0
"""Diagnosis: what was found wanting on a host, each finding with what was seen and the command that mends it.

Facts come as values, and a fact that could not be had is a value too (`Unseen`), so that every check is a pure function and none
stands in the way of another. What was not seen is never taken for right, nor for wrong.

Does not know: how facts are had (`adapters.checkup`), how findings are shown.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a check came to."""

    OK = "ok"
    WARNING = "warning"
    """It works now, or for most devices; somebody should look."""
    PROBLEM = "problem"
    UNKNOWN = "could-not-tell"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check says of one thing."""

    check: str
    """What was looked at: `firmware`, `vfio-pci`."""
    verdict: Verdict
    seen: str
    """The file or value that shows it, in a clause."""
    mend: str | None = None
    """The command, where something is to be mended or could be seen by another user; what is no command begins with #."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """A fact that could not be had; `mend` is what would let it be."""

    why: str
    mend: str | None = None


def unknown(check: str, fact: Unseen) -> Finding:
    """The finding of a check that lacks its fact."""
    return Finding(check, Verdict.UNKNOWN, fact.why, fact.mend)


def ok(check: str, seen: str) -> Finding:
    return Finding(check, Verdict.OK, seen)


def content(findings: Iterable[Finding]) -> bool:
    """Whether none of them is a problem."""
    return all(each.verdict is not Verdict.PROBLEM for each in findings)
