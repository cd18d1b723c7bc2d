# SPDX-License-Identifier: Apache-2.0
"""Vitals: what the running agent knows of itself, gathered from the threads that come to know it.

Each writes its own part, whole, and whoever asks reads what is there: no lock, and nothing that can be waited for but the size of
the journal's files.

Does not know: what is made of it (`views.status_answers`), when anything is looked at.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from importlib.metadata import version as version_of

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.host import Host
from pcipt_agent.errors import HostError
from pcipt_agent.flows.ledger import Ledger
from pcipt_agent.ports import Clock, HostReader, Journal
from pcipt_agent.views.agent_facts import AgentFacts, Failure, HintFacts, JournalFacts, Scan, Standing, TransportFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Whom to ask, each for what it knows at that moment. None of them may wait for anything."""

    rules_loaded_at: Callable[[], float]
    """Seconds since the epoch."""
    reload_failure: Callable[[], Failure | None]
    hints: Callable[[], HintFacts]
    transport: Callable[[], TransportFacts]
    claim_timeout_seconds: Callable[[], float]
    staying: Callable[[], Mapping[str, str]]
    """Overdue claims: claim_id → why it could not expire at the last attempt."""


class TimedReader:
    """A `ports.HostReader` that knows when the host was read last, and how long that took."""

    def __init__(self, reader: HostReader, clock: Clock, *, stopwatch: Callable[[], float]) -> None:
        """`stopwatch` counts seconds and never goes back."""
        self._reader = reader
        self._clock = clock
        self._stopwatch = stopwatch
        self.scan: Scan | None = None
        """The last that succeeded."""
        self.failure: Failure | None = None
        """Of the last attempt."""

    def read(self) -> Host:
        at, begun = self._clock.now(), self._stopwatch()
        try:
            host = self._reader.read()
        except HostError as error:
            self.failure = Failure(at, str(error))
            raise
        self.scan, self.failure = Scan(at, self._stopwatch() - begun), None
        return host

    def read_at(self, addresses: Collection[PciAddress]) -> Host:
        return self._reader.read_at(addresses)

    def gone(self, addresses: Collection[PciAddress]) -> frozenset[PciAddress]:
        return self._reader.gone(addresses)


class Vitals:
    """One agent's."""

    def __init__(self, ledger: Ledger, journal: Journal, *, host: str, reader: TimedReader, sources: Sources) -> None:
        """`host` is `[DEFAULT] host`; with `reader` the start was made, so it has read."""
        self._ledger = ledger
        self._journal = journal
        self._host = host
        self._reader = reader
        self._sources = sources
        self._started_at = ledger.now()
        self._libvirt_lost_at: float | None = None

    def libvirt(self, *, reachable: bool) -> None:
        """libvirt was asked. Since when it can't be is counted from the first failure after a success."""
        if reachable:
            self._libvirt_lost_at = None
        elif self._libvirt_lost_at is None:
            self._libvirt_lost_at = self._ledger.now()

    def facts(self) -> AgentFacts:
        """Now."""
        ask = self._sources
        return AgentFacts(
            version=version_of("pcipt-agent"),
            host=self._host,
            started_at=self._started_at,
            rules_loaded_at=ask.rules_loaded_at(),
            reload_failure=ask.reload_failure(),
            scan=self._reader.scan,
            scan_failure=self._reader.failure,
            hints=ask.hints(),
            libvirt_lost_at=self._libvirt_lost_at,
            transport=ask.transport(),
            journal=JournalFacts(self._journal.length(), self._journal.size_bytes(), self._ledger.unwritable),
            standing=Standing(at=self._ledger.now(), claim_timeout_seconds=ask.claim_timeout_seconds(), staying=ask.staying()),
        )
