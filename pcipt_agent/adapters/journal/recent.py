# SPDX-License-Identifier: Apache-2.0
"""What has become past since the last compaction, in memory: the part of history that the journal's records still tell.

A commit adds to it in microseconds, and whoever asks takes a copy, so that no question ever waits for the disk or a claim for a
question. It is as long as the journal is: compaction hands it to `journal.history` and empties it.

Does not know: SQLite, files.
"""

from collections.abc import Iterable
from threading import Lock

from immutables import Map

from pcipt_agent.adapters.journal.history import Key
from pcipt_agent.core.claim import Claim, Decision
from pcipt_agent.core.history import About, Past, Span, still_held, told


class Recent:
    """Written by one thread at a time, read by any."""

    def __init__(self) -> None:
        self._held: Map[str, Claim] = Map()
        self._told: list[tuple[Key, Past]] = []
        self._lock = Lock()
        self.begun = 0
        """How often `begin` has been called."""

    def begin(self, held: "Map[str, Claim]", decisions: Iterable[tuple[int, Decision]] = ()) -> None:
        """These claims are held, and nothing is past but what (record's number, decision) tell."""
        with self._lock:
            self._held, self._told = held, []
            self.begun += 1
        for sequence, decision in decisions:
            self.happened(sequence, decision)

    def happened(self, sequence: int, decision: Decision) -> None:
        """`decision` is durable, as this record."""
        held, past = told(self._held, decision)
        with self._lock:
            self._held = held
            self._told += ((Key(decision.at, sequence, place), each) for place, each in enumerate(past))

    def past(self, after: int = 0) -> tuple[tuple[Key, Past], ...]:
        """Without the first `after` of it, oldest first."""
        with self._lock:
            return tuple(self._told[after:])

    def about(self, about: About) -> tuple[tuple[Span, ...], dict[Key, Past]]:
        """The open spans, and what is past, both newest first."""
        with self._lock:
            held, past = self._held, tuple(self._told)
        return still_held(held, about), {key: each for key, each in reversed(past) if about.concerns(each)}
