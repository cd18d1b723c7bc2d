# SPDX-License-Identifier: Apache-2.0
"""`pcipt-agent`: start in this order, stop in that one.

    options and rules ─▶ journal ─▶ look at the host ─▶ recover ─▶ serve ─▶ READY        (a mistake: all are printed, exit 2)
    no new calls ─▶ finish those in flight ─▶ stop looking ─▶ last notifications ─▶ close the journal

A signal before READY ends it at once: nothing is in flight, and what the start waits for (a broker) may never come. After READY it
takes `DRAIN_SECONDS` at most, whatever hangs.

Exit codes: 0 stopped, 1 a fault of ours or of the machine (systemd starts it again), 2 mistake in usage or configuration, 4 the
journal can't be trusted or is in use (starting again would not help).

An exception that nobody expected, in any thread, ends the process with a logged traceback: a state that surprised us once is not
served from again. Only here are adapters and flows joined.

Does not know: what the flows do, what the adapters talk to.
"""

import logging
import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from enum import IntEnum
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Final

import oslo_messaging
from oslo_config import cfg
from oslo_log import log

from pcipt_agent.adapters import systemd
from pcipt_agent.adapters.journal import SqliteJournal
from pcipt_agent.adapters.notifications import Notifications
from pcipt_agent.adapters.rpc import RpcServer
from pcipt_agent.conf.loading import Loaded, load
from pcipt_agent.conf.sources import Sources
from pcipt_agent.core.host import Host
from pcipt_agent.errors import ConfigError, HostError, JournalError
from pcipt_agent.flows.ledger import Ledger
from pcipt_agent.flows.observing import Observer
from pcipt_agent.flows.recovery import World, recover
from pcipt_agent.looking import Looking
from pcipt_agent.ports import HostReader
from pcipt_agent.readers import Listening, listening_at, reader_at
from pcipt_agent.service import Service
from pcipt_agent.stopping import StoppedEarly, Stopping, end_anyway
from pcipt_agent.views.agent_facts import HintFacts, TransportFacts
from pcipt_agent.views.mistakes import finding_line, mistakes_text
from pcipt_agent.vitals import Sources as VitalSources
from pcipt_agent.vitals import TimedReader, Vitals

LOG = logging.getLogger(__name__)

LOOK_SECONDS: Final = 2.0
"""How long the stop waits for a reading of the host: a device that hangs can hold one for ever, and it is of no use any more."""


class ExitCode(IntEnum):
    """What systemd and a person are told; `RestartPreventExitStatus` of the unit names those that a restart does not mend."""

    STOPPED = 0
    FAULT = 1
    MISTAKE = 2
    JOURNAL = 4


class SystemClock:
    """`ports.Clock`."""

    def now(self) -> float:
        return time.time()


_NOVA_CONF: Final = "take [pci], [filter_scheduler] pci_in_placement, [placement] and [DEFAULT] host of this file, and nothing else"
NOVA_CONF: Final = cfg.StrOpt("nova-conf", metavar="FILE", help=_NOVA_CONF)

_EPILOG: Final = """\
examples:
  pcipt-agent                                          with /etc/pcipt-agent/pcipt-agent.conf
  pcipt-agent --config-file my.conf --debug            by hand; Ctrl-C stops it
  pcipt-agent --nova-conf /etc/nova/nova.conf          with the [pci] section that nova has
  pcipt check-config --config-file my.conf             first see what it would make of the configuration

It runs until SIGTERM or Ctrl-C, finishes the calls in flight, and logs to standard output unless told otherwise. Claims are kept in
[agent] state_path and survive it. Every option of oslo.log and oslo.config works besides those above.

exit codes: 0 stopped, 1 a fault of ours or of the machine (see the log), 2 mistake in usage or configuration, 4 the journal can't
be trusted or another agent has it (the message says the way out)"""


def main() -> None:
    """The entry point."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> ExitCode:
    """Serves until it is told to stop. Returns the exit code; a mistake has been printed to standard error by then."""
    try:
        return _run(arguments)
    except StoppedEarly as early:
        LOG.info("stopped by %s before it was ready", early.signal.name)
        return ExitCode.STOPPED
    except ConfigError as error:
        print(mistakes_text(error.mistakes), file=sys.stderr)  # noqa: T201
        return ExitCode.MISTAKE
    except JournalError as error:
        print(f"pcipt-agent: {error}", file=sys.stderr)  # noqa: T201
        return ExitCode.JOURNAL
    except (HostError, oslo_messaging.MessagingException) as error:
        print(f"pcipt-agent: {error}", file=sys.stderr)  # noqa: T201
        return ExitCode.FAULT


def _run(arguments: Sequence[str]) -> ExitCode:
    conf = cfg.CONF  # oslo.messaging registers options on the global one alone (seen in 18.3.1: NoSuchOptError for any other)
    conf.register_cli_opt(NOVA_CONF)
    log.register_options(conf)
    readers: dict[Path, HostReader] = {}

    def host_at(root: Path) -> Host:
        readers[root] = reader_at(root)
        return readers[root].read()

    loaded = load(conf, Sources(args=arguments, nova_conf=_nova_conf(arguments)), host_at=host_at)
    log.setup(conf, "pcipt-agent")
    _say_read(loaded)
    stopping = Stopping()
    stopping.listen()
    return _serve(conf, loaded, readers[loaded.settings.host_root], stopping)


def _say_read(loaded: Loaded) -> None:
    """What a mistake would have stopped has been found right; here is what an operator should know of it all the same."""
    nova = loaded.nova
    if nova is not None:
        LOG.info("from %s: took %s", nova.path, ", ".join(nova.taken) or "nothing")
        LOG.info("from %s: left out, as our own configuration says it: %s", nova.path, ", ".join(nova.overridden) or "nothing")
        LOG.info("from %s: left out, as it is not ours: %s", nova.path, ", ".join(nova.left_out) or "nothing")
    for notice in loaded.notices:
        LOG.warning("%s", finding_line(notice))


def _nova_conf(arguments: Sequence[str]) -> Path | None:
    """Looked for before oslo.config parses the rest, because it is one of the files to parse."""
    path: Path | None = _command_line().parse_known_args(arguments)[0].nova_conf
    return path


def _command_line() -> ArgumentParser:
    """For `--help`, which teaches more than a list of every library's options, and for what is needed before oslo.config parses."""
    parser = ArgumentParser(
        prog="pcipt-agent",
        description="Hands this host's PCI functions to guests: serves claims over RPC.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=version_of("pcipt-agent"))
    parser.add_argument(
        "--config-file", action="append", metavar="FILE", help="instead of /etc/pcipt-agent/pcipt-agent.conf; may be repeated"
    )
    parser.add_argument("--config-dir", action="append", metavar="DIR", help="every *.conf of this directory, after the files")
    parser.add_argument("--nova-conf", type=Path, metavar="FILE", help=_NOVA_CONF)
    parser.add_argument("--log-file", metavar="FILE", help="where to log; default: standard output")
    parser.add_argument("-d", "--debug", action="store_true", help="log more")
    return parser


def _serve(conf: cfg.ConfigOpts, loaded: Loaded, reader: HostReader, stopping: Stopping) -> ExitCode:
    settings = loaded.settings
    journal = SqliteJournal(settings.state_path)
    try:
        notifications = Notifications(conf, settings.transport_url, host=settings.host)
        timed = TimedReader(reader, SystemClock(), stopwatch=time.monotonic)
        world = World(reader=timed, journal=journal, clock=SystemClock(), listeners=(notifications,))
        kept = settings.ended_claims_kept
        ledger, _ = recover(world, loaded.rules, ended_claims_kept_seconds=kept)
        notifications.observed((), ledger.inventory)  # so that it can tell whose claim of before the start is freed
        listening = listening_at(settings.host_root)
        sources = _vital_sources(loaded, notifications, listening, ledger.now())
        vitals = Vitals(ledger, journal, host=settings.host, reader=timed, sources=sources)
        server = RpcServer(
            conf,
            settings.transport_url,
            host=settings.host,
            methods=Service(ledger, journal, vitals.facts).methods(),
            on_fault=stopping.on_fault,
        )
        observer = Observer(ledger, timed, ended_claims_kept_seconds=kept)
        looking = Looking(observer, listening.sources, interval_seconds=settings.rescan_interval)
        notifications.start()
        server.start()
        stopping.serving = True
        looking.start()
        _say_ready(ledger, settings.transport_url)
        stopping.wait()
        LOG.info("stopping: no new calls, %s", "after a fault" if stopping.fault else "as asked")
        _finish(server, looking, notifications)
    finally:
        journal.close()
    LOG.info("stopped")
    return ExitCode.FAULT if stopping.fault else ExitCode.STOPPED


def _vital_sources(loaded: Loaded, notifications: Notifications, listening: Listening, loaded_at: float) -> VitalSources:
    url = loaded.settings.transport_url

    def transport() -> TransportFacts:
        return TransportFacts(
            where=_shown(url),
            broker=not url.startswith("unix:"),
            notifications=notifications.sent,
            notifications_lost=notifications.lost,
        )

    return VitalSources(
        rules_loaded_at=lambda: loaded_at,
        reload_failure=lambda: None,
        hints=lambda: HintFacts(working=listening.working, problem=listening.problem),
        transport=transport,
        claim_timeout_seconds=lambda: loaded.settings.claim_timeout,
        staying=dict,
    )


def _finish(server: RpcServer, looking: Looking, notifications: Notifications) -> None:
    end_anyway()
    systemd.notify("STOPPING=1", "STATUS=finishing the calls in flight")
    server.stop()
    looking.stop()
    looking.join(LOOK_SECONDS)
    notifications.close()
    server.close()


def _say_ready(ledger: Ledger, url: str) -> None:
    devices = len(ledger.inventory.catalogue.devices)
    claims = len(ledger.inventory.book.claims)
    LOG.info("serving at %s: %d devices, %d claims", _shown(url), devices, claims)
    systemd.notify("READY=1", f"STATUS={devices} devices, {claims} claims")


def _shown(url: str) -> str:
    """Without user and password."""
    where = oslo_messaging.TransportURL.parse(cfg.CONF, url)
    return url if where.transport == "unix" else f"{where.transport}:// ({len(where.hosts)} hosts)"
