# SPDX-License-Identifier: Apache-2.0
"""The agent put together: which adapter meets which flow, what runs on which thread, what starts after what.

    recover ─▶ libvirt's first word, if it comes soon ─▶ serve ─▶ look ─▶ READY
    no new calls ─▶ finish those in flight ─▶ stop looking ─▶ last notifications ─▶ close the journal

Threads: `looking` reads the host, `guests` follows libvirt and lets claims expire, `notifications` sends, oslo.messaging's answer
calls, `reloading` reads the configuration again, `watchdog` tells systemd that the ledger still answers; the main thread waits for
signals and does nothing else that could hang. None waits for another but at the ledger's lock, which is held for one decision.

Does not know: the command line, exit codes, what signals mean (`daemon`).
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import oslo_messaging
from oslo_config import cfg

from pcipt_agent.adapters import systemd
from pcipt_agent.adapters.hypervisor import LibvirtReader
from pcipt_agent.adapters.journal import SqliteJournal
from pcipt_agent.adapters.notifications import Notifications
from pcipt_agent.adapters.processes import ProcfsReader
from pcipt_agent.adapters.rpc import RpcServer
from pcipt_agent.conf.libvirt_opts import DEFAULT_CONNECTION_URI
from pcipt_agent.conf.loading import Loaded
from pcipt_agent.conf.settings import Settings
from pcipt_agent.core.domain import Hypervisor
from pcipt_agent.core.host import Host
from pcipt_agent.errors import BadConfiguration
from pcipt_agent.flows.expiring import Expirer
from pcipt_agent.flows.guests import Guests, held_open
from pcipt_agent.flows.ledger import Ledger
from pcipt_agent.flows.observing import Observer
from pcipt_agent.flows.recovery import World, recover
from pcipt_agent.flows.reloading import Reloader, Running
from pcipt_agent.looking import Looking
from pcipt_agent.ports import DomainReader, HostReader, Journal
from pcipt_agent.readers import Listening, listening_at
from pcipt_agent.service import Service
from pcipt_agent.views.agent_facts import Failure, HintFacts, TransportFacts
from pcipt_agent.views.mistakes import finding_line
from pcipt_agent.views.wire_reload import ReloadPayload
from pcipt_agent.vitals import Sources as VitalSources
from pcipt_agent.vitals import TimedReader, Vitals

LOG = logging.getLogger(__name__)

FIRST_WORD_SECONDS: Final = 3.0
"""How long the start waits for libvirt, because what guests have should be known before the first claim; it may start after us."""
TEND_SECONDS: Final = 10.0
"""The longest between two looks for overdue claims."""
LOOK_SECONDS: Final = 2.0
"""How long the stop waits for who reads /sys or /proc: a device that hangs can hold one for ever, and it is of no use any more."""
BROKER_SECONDS: Final = 5.0
"""How long the start waits for a broker before it goes on without."""
STATUS_SECONDS: Final = 20.0
"""How old what `systemctl status` shows may be."""


class SystemClock:
    """`ports.Clock`."""

    def now(self) -> float:
        return time.time()


class Configuration(Protocol):
    """The operator's files, which may have changed."""

    def read(self, host: Host) -> Loaded:
        """As they are now, judged on this host. Raises ConfigError."""

    def take_log_levels(self) -> None:
        """Those that were read last count from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One agent of a process, made by `assembled`; its methods are the main thread's."""

    journal: SqliteJournal
    """Closed by the ledger's `close`."""
    notifications: Notifications
    ledger: Ledger
    reloader: Reloader
    looking: Looking
    domains: DomainReader | None
    """None where the host that is read is not this machine, so that its libvirt has nothing to say of it."""
    guests: Guests | None
    expirer: Expirer
    vitals: Vitals
    server: RpcServer
    where: str
    """The transport's URL without user and password."""
    by_unix: bool
    """Whether callers come over our own socket, and not over a broker."""
    serving: threading.Event
    stopping: threading.Event
    reload_asked: threading.Event

    def start(self) -> None:
        """Serves once this returns."""
        self.notifications.start()
        if self.domains is not None:
            self.domains.start()
            self._tend(FIRST_WORD_SECONDS)
        self._open()
        self.looking.start()
        threads = {"guests": self._follow_guests, "watchdog": self._keep_watch, "reloading": self._reload_when_asked}
        for name, run in threads.items():
            threading.Thread(target=run, name=name, daemon=True).start()
        systemd.notify("READY=1", f"STATUS={self._status()}")

    def _open(self) -> None:
        """Calls are served; over a broker that is down, as soon as it is up: what waits for us at a boot must not wait for it."""
        if self.by_unix:
            self._serve()
            return
        opening = threading.Thread(target=self._serve, name="opening", daemon=True)
        opening.start()
        opening.join(BROKER_SECONDS)
        if opening.is_alive():
            LOG.warning("the broker does not answer, so nobody is served until it does: %s", self.where)

    def _serve(self) -> None:
        self.server.start()
        self.serving.set()
        LOG.info("serving at %s: %s", self.where, self._status())

    def reload(self) -> None:
        """The configuration will be read again from its beginning; on any mistake the old rules stay, and the log says why."""
        self.reload_asked.set()

    def stop(self) -> None:
        """Calls in flight are finished and nothing runs any more; what hangs is left to the process's end."""
        self.stopping.set()
        self.reload_asked.set()
        systemd.notify("STOPPING=1", "STATUS=finishing the calls in flight")
        if self.serving.is_set():
            self.server.stop()
        if self.domains is not None:
            self.domains.close()
        self.looking.stop()
        self.looking.join(LOOK_SECONDS)
        self.notifications.close()
        if self.serving.is_set():
            self.server.close()

    def _follow_guests(self) -> None:
        while not self.stopping.is_set():
            if self.domains is None:
                self.stopping.wait(TEND_SECONDS)
            self._tend(TEND_SECONDS)

    def _tend(self, wait_seconds: float) -> None:
        if self.guests is not None:
            self.guests.look(wait_seconds)
            self.vitals.libvirt(reachable=self.ledger.inventory.hypervisor.reachable)
        if not self.stopping.is_set():
            self.expirer.turn()

    def _reload_when_asked(self) -> None:
        """A file that never ends to be read holds this thread, and neither the stop nor any claim."""
        while self.reload_asked.wait() and not self.stopping.is_set():
            self.reload_asked.clear()
            systemd.reloading()
            with suppress(BadConfiguration):  # said in the log, and by `status` from now on
                self.reloader.reload(ReloadPayload())
            if not self.stopping.is_set():
                systemd.notify("READY=1", f"STATUS={self._status()}")

    def _keep_watch(self) -> None:
        """Says that we are alive as long as the ledger can be entered: a lock that nobody gives back would stop every claim."""
        seconds = systemd.watchdog_seconds()
        beat = STATUS_SECONDS if seconds is None else min(STATUS_SECONDS, seconds / 2)
        while not self.stopping.wait(beat):
            self.ledger.enter()
            systemd.notify("WATCHDOG=1", f"STATUS={self._status()}")

    def _status(self) -> str:
        """What `systemctl status` shows."""
        inventory = self.ledger.inventory
        claims = len(inventory.book.claims)
        words = f"{len(inventory.catalogue.devices)} devices, {claims} claim{'' if claims == 1 else 's'}"
        if not self.serving.is_set() and not self.by_unix:
            words += ", broker not reachable"
        if self.domains is not None and not inventory.hypervisor.reachable:
            words += ", libvirt not reachable"
        return words if self.reloader.running.failure is None else f"{words}, last reload refused"


@dataclass(frozen=True, slots=True)
class Process:
    """What the process gives its agent."""

    conf: cfg.ConfigOpts
    """Parsed; for oslo.messaging."""
    configuration: Configuration
    on_fault: Callable[[BaseException], None]
    """Called on any thread with what nobody expected; returns at once."""


def assembled(process: Process, loaded: Loaded, reader: HostReader) -> Agent:
    """Nothing runs yet, but the journal is ours until it is closed. `reader` has read the host that `loaded` was judged on.

    Raises JournalError, ConfigError, HostError, and what oslo.messaging raises.
    """
    journal = SqliteJournal(loaded.settings.state_path)
    try:
        return _assembled(process, loaded, journal, TimedReader(reader, SystemClock(), stopwatch=time.monotonic))
    except BaseException:
        journal.close()
        raise


def _assembled(process: Process, loaded: Loaded, journal: SqliteJournal, reader: TimedReader) -> Agent:
    settings, clock = loaded.settings, SystemClock()
    journal.keep_history(settings.history_kept)
    notifications = Notifications(process.conf, settings.transport_url, host=settings.host)
    world = World(reader=reader, journal=journal, clock=clock, listeners=(notifications,))
    ledger, _ = recover(world, loaded.rules, ended_claims_kept_seconds=settings.ended_claims_kept)
    notifications.observed((), ledger.inventory)  # so that it can tell whose claim of before the start is freed
    listening = listening_at(settings.host_root)
    observer = Observer(ledger, reader, ended_claims_kept_seconds=settings.ended_claims_kept)
    looking = Looking(observer, listening.sources, interval_seconds=settings.rescan_interval)
    taking = partial(_take, journal, observer, looking, process.configuration)
    reloader = Reloader(ledger, loaded, read=process.configuration.read, take=taking)
    expirer = Expirer(
        ledger,
        timeout=lambda: reloader.running.settings.claim_timeout,
        held_open=partial(held_open, ProcfsReader(settings.host_root)),
        stopwatch=time.monotonic,
    )
    sources = _vital_sources(reloader, expirer, notifications, listening)
    vitals = Vitals(ledger, journal, host=settings.host, reader=reader, sources=sources)
    domains = _domains(settings, ledger)
    methods = Service(ledger, journal, vitals.facts, reloader=reloader, gone=reader.gone).methods()
    return Agent(
        journal=journal,
        notifications=notifications,
        ledger=ledger,
        reloader=reloader,
        looking=looking,
        domains=domains,
        guests=None if domains is None else Guests(ledger, domains),
        expirer=expirer,
        vitals=vitals,
        server=RpcServer(process.conf, settings.transport_url, host=settings.host, methods=methods, on_fault=process.on_fault),
        where=shown(settings.transport_url),
        by_unix=settings.transport_url.startswith("unix:"),
        serving=threading.Event(),
        stopping=threading.Event(),
        reload_asked=threading.Event(),
    )


def _take(journal: Journal, observer: Observer, looking: Looking, configuration: Configuration, taken: Settings) -> None:
    """What a reload takes beside the rules counts from now on."""
    journal.keep_history(taken.history_kept)
    observer.keep_ended_claims(taken.ended_claims_kept)
    looking.look_every(taken.rescan_interval)
    configuration.take_log_levels()


def _domains(settings: Settings, ledger: Ledger) -> DomainReader | None:
    """Of this machine's libvirt, unless another host is read and nobody said whose libvirt is that host's."""
    if settings.host_root.resolve() != Path("/") and settings.connection_uri == DEFAULT_CONNECTION_URI:
        problem = f"[agent] host_root is {settings.host_root}, and no [libvirt] connection_uri says whose libvirt is that host's"
        ledger.observe_hypervisor(Hypervisor(problem=problem))
        return None
    return LibvirtReader(settings.connection_uri, clock=SystemClock())


def _vital_sources(reloader: Reloader, expirer: Expirer, notifications: Notifications, listening: Listening) -> VitalSources:
    url = reloader.running.settings.transport_url
    return VitalSources(
        rules_loaded_at=lambda: reloader.running.loaded_at,
        reload_failure=lambda: _failure(reloader.running),
        hints=lambda: HintFacts(working=listening.working, problem=listening.problem),
        transport=lambda: TransportFacts(
            where=shown(url),
            broker=not url.startswith("unix:"),
            notifications=notifications.sent,
            notifications_lost=notifications.lost,
        ),
        claim_timeout_seconds=lambda: reloader.running.settings.claim_timeout,
        staying=lambda: expirer.staying,
    )


def _failure(running: Running) -> Failure | None:
    if running.failure is None:
        return None
    return Failure(running.failure.at, "; ".join(finding_line(mistake) for mistake in running.failure.mistakes))


def shown(url: str) -> str:
    """Without user and password."""
    where = oslo_messaging.TransportURL.parse(cfg.CONF, url)
    return url if where.transport == "unix" else f"{where.transport}:// ({len(where.hosts)} hosts)"
