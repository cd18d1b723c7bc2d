# SPDX-License-Identifier: Apache-2.0
"""Reloading: the configuration is read again, parsed whole, compared, and only then taken.

    read ─▶ parse ─▶ compare ─▶ swap the rules ─▶ periods and log levels ─▶ say what changed
    └── any mistake: the old rules stay, and it is said until a reload succeeds

A device that is held keeps what it was claimed under. Rules that would hand out the PF or the VFs of a held device instead of it
are a mistake here as at a start: the same hardware would be given twice.

Does not know: signals, RPC, how files are parsed (`conf.loading`).
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock

from pcipt_agent.conf.loading import Loaded, rules_of
from pcipt_agent.conf.reloadable import options_changed, taking, that_count
from pcipt_agent.conf.settings import Settings
from pcipt_agent.core.catalogue import catalogue_of
from pcipt_agent.core.host import Host
from pcipt_agent.core.inventory import Inventory, inventory_of
from pcipt_agent.core.rules_difference import RulesDifference, rules_difference
from pcipt_agent.errors import BadConfiguration, BadRequest, ConfigError, Mistake
from pcipt_agent.flows.ledger import Ledger
from pcipt_agent.flows.recovery import given_instead
from pcipt_agent.views.mistakes import finding_line
from pcipt_agent.views.wire_reload import OtherOptions, ReloadPayload, ReloadReply, RulesPayload, reload_reply

LOG = logging.getLogger(__name__)

_NAMED = 20
"""Devices of a difference that the log names; it counts the rest."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A reload that was not taken."""

    at: float
    """Seconds since the epoch."""
    mistakes: tuple[Mistake, ...]


@dataclass(frozen=True, slots=True)
class Running:
    """What the agent runs on now."""

    loaded: Loaded
    settings: Settings
    loaded_at: float
    """Seconds since the epoch."""
    failure: Failure | None
    """Of the last reload; None once one succeeds."""


class Reloader:
    """One reload at a time, by whichever thread asks."""

    def __init__(self, ledger: Ledger, loaded: Loaded, *, read: Callable[[Host], Loaded], take: Callable[[Settings], None]) -> None:
        """`read` judges the files, as they are now, on a host; it raises ConfigError. `take` is told what counts beside rules."""
        self._ledger = ledger
        self._read = read
        self._take = take
        self._lock = Lock()
        self._started = that_count(loaded.files, loaded.nova)
        self._running = Running(loaded, loaded.settings, ledger.now(), None)

    @property
    def running(self) -> Running:
        return self._running

    def reload(self, payload: ReloadPayload, *, caller: str | None = None) -> ReloadReply:
        """What changed, or would with `dry_run`. Raises BadConfiguration, and then the old rules stay; BadRequest."""
        if payload.rules is not None and not payload.dry_run:
            raise BadRequest([("rules", "only with dry_run: the agent takes rules from its own files alone")])
        with self._lock:
            try:
                return self._compared(payload.rules) if payload.dry_run else self._taken(caller)
            except ConfigError as error:
                mistakes = error.mistakes
            if not payload.dry_run:
                self._running = replace(self._running, failure=Failure(self._ledger.now(), mistakes))
        for mistake in mistakes if not payload.dry_run else ():
            LOG.error("the new configuration is not taken, and the old rules stay: %s", finding_line(mistake))
        raise BadConfiguration(mistakes)

    def _compared(self, given: RulesPayload | None) -> ReloadReply:
        before = self._ledger.inventory
        if given is None:
            loaded = self._read(self._ledger.inventory.catalogue.host)
            rules, options = loaded.rules, self._other(loaded)
        else:
            rules, options = rules_of(_settings(given), before.catalogue.host), OtherOptions()
        catalogue = catalogue_of(before.catalogue.host, rules, before.hypervisor.version)
        after = inventory_of(catalogue, before.book, before.generation, before.hypervisor)
        _refuse_given_instead(after)
        return reload_reply(rules_difference(before, after), after, options, dry_run=True)

    def _taken(self, caller: str | None) -> ReloadReply:
        loaded = self._read(self._ledger.inventory.catalogue.host)
        options = self._other(loaded)
        before, after = self._ledger.follow(loaded.rules, check=_refuse_given_instead)
        settings = taking(self._running.settings, loaded.settings)
        self._running = Running(loaded, settings, self._ledger.now(), None)
        self._take(settings)
        difference = rules_difference(before, after)
        _say(difference, options, loaded, caller)
        return reload_reply(difference, after, options, dry_run=False)

    def _other(self, loaded: Loaded) -> OtherOptions:
        """What needs a restart is what is not as it was at the start, however often it was read since."""
        before, files = self._running.loaded, that_count(loaded.files, loaded.nova)
        taken, _ = options_changed(that_count(before.files, before.nova), files)
        _, needs_restart = options_changed(self._started, files)
        return OtherOptions(taken, needs_restart)


def _settings(given: RulesPayload) -> Settings:
    return Settings(
        device_spec=tuple(given.device_spec),
        alias=tuple(given.alias),
        report_in_placement=given.report_in_placement,
        pci_in_placement=given.pci_in_placement,
        readiness=given.readiness,
    )


def _refuse_given_instead(inventory: Inventory) -> None:
    if mistakes := list(given_instead(inventory)):
        raise ConfigError(mistakes)


def _say(difference: RulesDifference, options: OtherOptions, loaded: Loaded, caller: str | None) -> None:
    by = "" if caller is None else f", by {caller}"
    LOG.info("reloaded%s: rules %s", by, loaded.rules.digest)
    for word, moved in (("arrives", difference.arriving), ("leaves", difference.leaving)):
        for each in moved[:_NAMED]:
            LOG.info("%s %s: %s", each.address, word, each.entry)
        if len(moved) > _NAMED:
            LOG.info("%d more: %s", len(moved) - _NAMED, word)
    for kept in difference.kept:
        LOG.warning("%s is unlisted and kept in use: claim %s of consumer %s holds it", kept.address, kept.claim_id, kept.consumer)
    for altered in difference.altered[:_NAMED]:
        waits = "" if altered.waiting is None else f", once consumer {altered.waiting} has freed it"
        LOG.info("%s is under another entry%s: %s", altered.address, waits, altered.after)
    if len(difference.altered) > _NAMED:
        LOG.info("%d more are under another entry", len(difference.altered) - _NAMED)
    for change, names in (
        ("new", difference.aliases_new),
        ("gone", difference.aliases_gone),
        ("changed", difference.aliases_changed),
    ):
        if names:
            LOG.info("aliases %s: %s", change, ", ".join(names))
    for option in options.taken:
        LOG.info("%s is taken", option)
    for option in options.needs_restart:
        LOG.warning("%s changed, and counts only after a restart", option)
    for notice in loaded.notices:
        LOG.warning("%s", finding_line(notice))
