# SPDX-License-Identifier: Apache-2.0
"""`pcipt-agent`: start in this order, stop in that one.

    options and rules ─▶ look at the host ─▶ assemble ─▶ serve ─▶ READY ─▶ reload at each SIGHUP   (a mistake: all are printed)
    no new calls ─▶ finish those in flight ─▶ stop looking ─▶ last notifications ─▶ close the journal

A signal before READY ends it at once: nothing is in flight, and what the start waits for (a broker) may never come. After READY it
takes `DRAIN_SECONDS` at most, whatever hangs.

Exit codes: 0 stopped, 1 a fault of ours or of the machine (systemd starts it again), 2 mistake in usage or configuration, 4 the
journal can't be trusted or is in use (starting again would not help).

An exception that nobody expected, in any thread, ends the process with a logged traceback: a state that surprised us once is not
served from again.
Does not know: which parts an agent has, and what runs on which thread (`assembly`).
"""

import logging
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from enum import IntEnum
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Final

import oslo_messaging
from oslo_config import cfg
from oslo_log import log

from pcipt_agent.assembly import Agent, Process, assembled
from pcipt_agent.conf.loading import Loaded, load
from pcipt_agent.conf.log_levels import levels_in
from pcipt_agent.conf.sources import Sources
from pcipt_agent.core.host import Host
from pcipt_agent.errors import ConfigError, HostError, JournalError, Mistake
from pcipt_agent.ports import HostReader
from pcipt_agent.readers import reader_at
from pcipt_agent.stopping import StoppedEarly, Stopping, end_anyway
from pcipt_agent.views.mistakes import finding_line, mistakes_text

LOG = logging.getLogger(__name__)


class ExitCode(IntEnum):
    """What systemd and a person are told; `RestartPreventExitStatus` of the unit names those that a restart does not mend."""

    STOPPED = 0
    FAULT = 1
    MISTAKE = 2
    JOURNAL = 4


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
    configuration = OwnConfiguration(arguments)
    stopping = Stopping()
    stopping.listen()
    loaded = configuration.read_into(conf)
    _set_up_log(conf)
    _say_read(loaded)
    reader = configuration.reader_of(loaded.settings.host_root)
    return _serve(assembled(Process(conf, configuration, stopping.on_fault), loaded, reader), stopping)


class OwnConfiguration:
    """What the command line names: an `assembly.Configuration`."""

    def __init__(self, arguments: Sequence[str]) -> None:
        # --nova-conf is looked for before oslo.config parses the rest, because it is one of the files to parse.
        self._sources = Sources(args=arguments, nova_conf=_command_line().parse_known_args(arguments)[0].nova_conf)
        self._readers: dict[Path, HostReader] = {}
        self._last: cfg.ConfigOpts | None = None
        self._named: frozenset[str] = frozenset()

    def read_into(self, conf: cfg.ConfigOpts) -> Loaded:
        """`conf` has been parsed when this returns. Raises ConfigError, HostError."""
        conf.register_cli_opt(NOVA_CONF)
        log.register_options(conf)
        loaded = load(conf, self._sources, host_at=lambda root: self.reader_of(root).read())
        self._named = frozenset(levels_in(conf.default_log_levels))
        return loaded

    def read(self, host: Host) -> Loaded:
        """As the files are now, judged on this host. Raises ConfigError."""
        conf = cfg.ConfigOpts()
        conf.register_cli_opt(NOVA_CONF)
        log.register_options(conf)
        loaded = load(conf, self._sources, host_at=lambda _: host)
        self._last = conf
        return loaded

    def take_log_levels(self) -> None:
        """Of the files that were read last. A logger that is named no more has the level of those above it again."""
        if self._last is None or self._last.log_config_append:  # a file of logging's own, which is read at the start alone
            return
        levels = levels_in(self._last.default_log_levels)
        for name in self._named - levels.keys():
            logging.getLogger(name).setLevel(logging.NOTSET)
        logging.getLogger().setLevel(logging.DEBUG if self._last.debug else logging.INFO)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        self._named = frozenset(levels)

    def reader_of(self, root: Path) -> HostReader:
        """The same one each time: it knows what it has seen."""
        if root not in self._readers:
            self._readers[root] = reader_at(root)
        return self._readers[root]


def _set_up_log(conf: cfg.ConfigOpts) -> None:
    try:
        log.setup(conf, "pcipt-agent")
    except (log.LogConfigError, cfg.Error, OSError, ValueError, TypeError) as error:
        remedy = "[DEFAULT] log_file, log_dir, log_config_append and the like that this user can log with"
        raise ConfigError([Mistake("[DEFAULT]", None, None, f"the log can't be set up: {error}", remedy)]) from error


def _say_read(loaded: Loaded) -> None:
    """What a mistake would have stopped has been found right; here is what an operator should know of it all the same."""
    nova = loaded.nova
    if nova is not None:
        LOG.info("from %s: took %s", nova.path, ", ".join(nova.taken) or "nothing")
        LOG.info("from %s: left out, as our own configuration says it: %s", nova.path, ", ".join(nova.overridden) or "nothing")
        LOG.info("from %s: left out, as it is not ours: %s", nova.path, ", ".join(nova.left_out) or "nothing")
    for notice in loaded.notices:
        LOG.warning("%s", finding_line(notice))


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


def _serve(agent: Agent, stopping: Stopping) -> ExitCode:
    try:
        try:
            agent.start()
            stopping.serving = True
            while not stopping.wait():
                agent.reload()
            LOG.info("stopping: no new calls, %s", "after a fault" if stopping.fault else "as asked")
        finally:
            end_anyway()
        agent.stop()
    finally:
        agent.ledger.close()
    LOG.info("stopped")
    return ExitCode.FAULT if stopping.fault else ExitCode.STOPPED
