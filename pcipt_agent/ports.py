# SPDX-License-Identifier: Apache-2.0
"""What the flows need of the world, as Protocols; the adapters satisfy them, and so do the fakes under tests/support.

Does not know: who implements them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from pcipt_agent.core.claim import ClaimBook, Decision
from pcipt_agent.core.host import Host


class HostReader(Protocol):
    """The host's hardware, seen now."""

    def read(self) -> Host:
        """All of it. What has not changed since the last call is the same object. Raises HostError where it can't be read at all."""


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What the journal holds at start."""

    book: ClaimBook
    boot_id: str | None
    """Boot id of the last record; None where there is none."""
    incarnation: int
    """How often the agent has started on this journal, this start included."""
    decisions: int
    """Records replayed, the compacted one included."""


class Journal(Protocol):
    """Decisions that survive kill -9 and power loss."""

    def recover(self, boot_id: str, at: float, forget_before: float) -> Recovered:
        """Replays it, without the ended claims older than `forget_before`, and notes this start (one commit)."""

    def append(self, decision: Decision) -> None:
        """Durable when it returns: exactly one commit. Raises JournalUnwritable, and then nothing was written."""

    def compact(self, book: ClaimBook, boot_id: str, at: float) -> None:
        """Replaces all records by one that says `book`, in one commit."""

    def decisions(self) -> Iterator[Decision]:
        """Every decision since the last compaction, oldest first."""

    def size_bytes(self) -> int:
        """On disk, its write-ahead log included."""

    def close(self) -> None:
        """Releases it to another process."""
