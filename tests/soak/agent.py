# SPDX-License-Identifier: Apache-2.0
"""The agent's parts over the real things: a SysfsReader, a SQLite journal, config files, processes; libvirt alone is in memory.

Put together as `pcipt_agent.assembly` does it, without its threads and its bus, so that a life is repeated by its seed; what
threads do to each other is asked elsewhere (tests/system/test_kills_under_load.py). Notifications are made and written, and sent
nowhere.

Does not know: what is done with the agent.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from oslo_config import cfg

from pcipt_agent.adapters.journal import SqliteJournal
from pcipt_agent.adapters.processes import ProcfsReader
from pcipt_agent.adapters.sysfs import SysfsReader
from pcipt_agent.conf.loading import Loaded, load
from pcipt_agent.conf.sources import Sources
from pcipt_agent.core.claim import Decision
from pcipt_agent.core.host import Arrived, Changed, Departed, Host
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.flows.expiring import Expirer
from pcipt_agent.flows.guests import Guests, held_open
from pcipt_agent.flows.ledger import Ledger
from pcipt_agent.flows.observing import Observer
from pcipt_agent.flows.recovery import World, recover
from pcipt_agent.flows.reloading import Reloader
from pcipt_agent.ports import Listener
from pcipt_agent.views.notices import notices_of_changes, notices_of_decision
from tests.support.guests import MemoryGuests


@dataclass
class DrivenClock:
    """A millisecond later each time it is asked, and later by more where the soak says so."""

    seconds: float = 1_700_000_000.0

    def now(self) -> float:
        self.seconds += 0.001
        return self.seconds


class Notices:
    """A listener that makes what would be sent, and forgets it."""

    def __init__(self) -> None:
        self._last: Inventory | None = None
        self.made = 0

    def happened(self, decision: Decision, inventory: Inventory) -> None:
        for notice in notices_of_decision(decision, self._last, inventory):
            self._make(notice.payload.model_dump(mode="json"))
        self._last = inventory

    def observed(self, changes: tuple[Arrived | Departed | Changed, ...], inventory: Inventory) -> None:
        for notice in notices_of_changes(changes, inventory):
            self._make(notice.payload.model_dump(mode="json"))
        self._last = inventory

    def _make(self, payload: dict[str, object]) -> None:
        json.dumps(payload)
        self.made += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One life of the agent, from a start to the next."""

    journal: SqliteJournal
    reader: SysfsReader
    ledger: Ledger
    observer: Observer
    reloader: Reloader
    domains: MemoryGuests
    guests: Guests
    expirer: Expirer


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What outlives the agent."""

    root: Path
    """Of the machine's tree."""
    config_file: Path
    clock: DrivenClock
    listeners: Sequence[Listener]


def started(place: Place, state: Path) -> Agent:
    """An agent that has looked and replayed. Raises ConfigError, and then nothing is open."""
    reader, clock = SysfsReader(place.root), place.clock
    loaded = _read(place.config_file, reader.read())
    settings = loaded.settings
    journal = SqliteJournal(state)
    try:
        journal.keep_history(settings.history_kept)
        world = World(reader=reader, journal=journal, clock=clock, listeners=tuple(place.listeners))
        ledger, _ = recover(world, loaded.rules, ended_claims_kept_seconds=settings.ended_claims_kept)
    except BaseException:
        journal.close()
        raise
    observer = Observer(ledger, reader, ended_claims_kept_seconds=settings.ended_claims_kept)
    reloader = Reloader(ledger, loaded, read=partial(_read, place.config_file), take=lambda _: None)
    domains = MemoryGuests(clock)
    return Agent(
        journal=journal,
        reader=reader,
        ledger=ledger,
        observer=observer,
        reloader=reloader,
        domains=domains,
        guests=Guests(ledger, domains),
        expirer=Expirer(
            ledger,
            timeout=lambda: reloader.running.settings.claim_timeout,
            held_open=partial(held_open, ProcfsReader(place.root)),
            stopwatch=clock.now,
        ),
    )


def _read(config_file: Path, seen: Host) -> Loaded:
    return load(cfg.ConfigOpts(), Sources(args=["--config-file", str(config_file)]), host_at=lambda _: seen)
