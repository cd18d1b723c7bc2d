# SPDX-License-Identifier: Apache-2.0
"""Ledger: the one place where the agent's mind changes.

    decide ─▶ evolve ─▶ render ─▶ append ─▶ publish ─▶ tell the listeners
              nothing has happened ┆ commit ┆ nothing that can fail

One lock, one writer. Everyone else reads `inventory`, an immutable snapshot, without any lock. Whatever can fail for a reason of
our own fails before the append and leaves nothing behind: a reply that can't be rendered is a claim that was not made. What is
told after it has happened can't take it back.

A generation is the number of this start, when that was, and a counter, so that no two inventories of one host ever have the same
one, over restarts too.

Does not know: payloads, XML, SQLite, who listens.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import TypeVar

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.alias import RuleSet
from pcipt_agent.core.catalogue import Catalogue, catalogue_of
from pcipt_agent.core.catalogue_step import catalogue_after
from pcipt_agent.core.claim import ClaimBook, Decision, Event, forget_ended
from pcipt_agent.core.decide import Command, decide
from pcipt_agent.core.domain import Hypervisor, domains_by_device
from pcipt_agent.core.host import Arrived, Changed, Departed, Host, difference, host_after, replaced
from pcipt_agent.core.inventory import Inventory, after, inventory_of
from pcipt_agent.errors import GenerationMoved, JournalUnwritable
from pcipt_agent.flows.wording import change_in_words, event_in_words
from pcipt_agent.ports import Clock, Journal, Listener, Recovered

LOG = logging.getLogger(__name__)

Reply = TypeVar("Reply")
Render = Callable[[Inventory, Inventory], Reply]
"""(before, after) → the caller's reply; the same inventory twice where nothing changed. What it raises leaves nothing behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On which terms a command is to be obeyed."""

    dry_run: bool = False
    """Answer, and write nothing."""
    if_generation: str | None = None
    """Refuse where it would change an inventory of another generation. A retry changes nothing, so it is answered."""
    request_id: str | None = None
    """The caller's, for the record and the log."""
    caller: str | None = None
    """Who it is, as far as the transport tells, for the log."""


PLAIN = Terms()


def _pass(point: str) -> None:
    """What a named point is for outside tests."""


class Ledger:
    """Holds the inventory. `checkpoint` is called at "decided", "rendered", "appended", "published": tests stop the world there."""

    def __init__(
        self,
        inventory: Inventory,
        journal: Journal,
        *,
        clock: Clock,
        listeners: Sequence[Listener] = (),
        checkpoint: Callable[[str], None] = _pass,
        unwritable: str | None = None,
    ) -> None:
        self._inventory = inventory
        self._journal = journal
        self._clock = clock
        self._listeners = tuple(listeners)
        self._checkpoint = checkpoint
        self._unwritable = unwritable
        self._closed = False
        self._not_compacted: str | None = None
        self._lock = Lock()

    @property
    def inventory(self) -> Inventory:
        """The inventory now; a snapshot, which stays as it is."""
        return self._inventory

    @property
    def unwritable(self) -> str | None:
        """Why the last decision could not be made durable; None where it could."""
        return self._unwritable

    def now(self) -> float:
        """Seconds since the epoch, by the clock that decisions are dated with."""
        return self._clock.now()

    def enter(self) -> None:
        """Returns once the lock could be had: a proof that decisions are still made."""
        with self._lock:
            pass

    def obey(self, command: Command, *, render: Render[Reply], terms: Terms = PLAIN) -> Reply:
        """The reply, once what `command` asks for holds, durably.

        Raises Refusal, and then nothing has changed; JournalError where nobody can say whether anything has.
        """
        with self._lock:
            before = self._inventory
            events = decide(before, command)
            self._checkpoint("decided")
            if not events:
                return render(before, before)
            if terms.if_generation not in (None, before.generation):
                raise GenerationMoved(str(terms.if_generation), before.generation)
            if terms.dry_run:
                return render(before, _evolved(before, events, before.generation))
            inventory = _evolved(before, events, _next(before.generation))
            reply = render(before, inventory)
            self._checkpoint("rendered")
            boot_id = inventory.catalogue.host.boot_id
            decision = Decision(
                events=events, at=self._clock.now(), boot_id=boot_id, request_id=terms.request_id, caller=terms.caller
            )
            self._append(decision)
            self._checkpoint("appended")
            self._inventory = inventory
            self._checkpoint("published")
            for listener in self._listeners:
                listener.happened(decision, inventory)
        for event in events:
            LOG.info("%s%s", event_in_words(event, before.book), _at_whose_wish(terms))
        return reply

    def close(self) -> None:
        """The journal is closed, between two decisions, and none is made any more: a thread that hung may come too late."""
        with self._lock:
            self._closed = True
            self._journal.close()

    def _append(self, decision: Decision) -> None:
        if self._closed:
            raise JournalUnwritable("the agent is stopping")
        try:
            self._journal.append(decision)
        except JournalUnwritable as refusal:
            self._unwritable = refusal.problem
            raise
        self._unwritable = None

    def observe(self, host: Host) -> tuple[Arrived | Departed | Changed, ...]:
        """The inventory is over `host` now. Where nothing has happened to it, nobody is told and the generation stays."""
        return self._observe(lambda _: host)

    def depart(self, gone: frozenset[PciAddress]) -> tuple[Arrived | Departed | Changed, ...]:
        """As `observe`, of the host as last seen without these."""
        return self._observe(lambda before: host_after(before, dict.fromkeys(gone & before.devices.keys())))

    def _observe(self, sight: Callable[[Host], Host]) -> tuple[Arrived | Departed | Changed, ...]:
        """`sight` makes the new host of the present one."""
        while True:
            seen = self._inventory
            before = seen.catalogue.host
            host = sight(before)
            if host is before:
                return ()
            at = replaced(before, host)
            changes = difference(before, host, at)
            happened = bool(changes) or (host.numa_nodes, host.boot_id) != (before.numa_nodes, before.boot_id)
            if not happened and host == before:
                return ()
            catalogue = catalogue_after(seen.catalogue, host, at)
            if self._swapped(seen, catalogue, None, happened=happened, changes=changes) is not None:
                break
        for change in changes:
            LOG.info("%s", change_in_words(change))
        return changes

    def observe_hypervisor(self, hypervisor: Hypervisor) -> None:
        """What domains hold is what `hypervisor` says now. The generation stays where that makes no difference to any device."""
        while True:
            seen = self._inventory
            if hypervisor == seen.hypervisor:
                return
            catalogue = seen.catalogue
            if hypervisor.version != seen.hypervisor.version:
                catalogue = catalogue_of(catalogue.host, catalogue.rules, hypervisor.version)
            happened = catalogue is not seen.catalogue or domains_by_device(catalogue.host, hypervisor) != seen.domains_of
            if self._swapped(seen, catalogue, hypervisor, happened=happened) is not None:
                return

    def follow(self, rules: RuleSet, *, check: Callable[[Inventory], None]) -> tuple[Inventory, Inventory]:
        """The inventory (before, after), of one host, is under `rules`. What `check` raises of the latter leaves all as it was."""
        while True:
            seen = self._inventory
            catalogue = catalogue_of(seen.catalogue.host, rules, seen.hypervisor.version)
            check(inventory_of(catalogue, seen.book, seen.generation, seen.hypervisor))
            inventory = self._swapped(seen, catalogue, None, happened=True, check=check)
            if inventory is not None:
                return seen, inventory

    def _swapped(
        self,
        seen: Inventory,
        catalogue: Catalogue,
        hypervisor: Hypervisor | None,
        *,
        happened: bool,
        changes: tuple[Arrived | Departed | Changed, ...] = (),
        check: Callable[[Inventory], None] | None = None,
    ) -> Inventory | None:
        """The inventory, over `catalogue` and `hypervisor` now; None where what they were made from was replaced since `seen`.

        A catalogue is linear in the devices, so it is made outside the lock that claims wait for; claims made meanwhile are kept.
        Without `hypervisor` so is what libvirt said meanwhile, as a catalogue is made for its version alone: guests that come and
        go would otherwise keep a host with many devices from being observed.
        """
        with self._lock:
            before = self._inventory
            same = before.hypervisor is seen.hypervisor
            if hypervisor is None:
                hypervisor, same = before.hypervisor, before.hypervisor.version == seen.hypervisor.version
            if before.catalogue is not seen.catalogue or not same:
                return None
            generation = _next(before.generation) if happened else before.generation
            inventory = inventory_of(catalogue, before.book, generation, hypervisor)
            if check is not None:
                check(inventory)
            self._inventory = inventory
            for listener in self._listeners if happened else ():
                listener.observed(changes, inventory)
            return inventory

    def tidy(self, *, longest: int, forget_before: float) -> bool:
        """Where the journal has more than `longest` records, it is one record now, without what ended before `forget_before`.

        Apart from any decision, so that a decision is one commit, always; and what takes long, the history, beside the lock that
        claims wait for. For want of room it is left for the next time. Called by one thread at a time.
        """
        with self._lock:
            if self._closed or self._journal.length() <= longest:
                return False
        problem = self._unremembered()
        with self._lock:
            if self._closed:
                return False
            before = self._inventory
            book = forget_ended(before.book, forget_before)
            problem = problem or self._compacted(book, before.catalogue.host.boot_id)
            if problem is None:
                self._inventory = replace(before, book=book, generation=_next(before.generation))
        said, self._not_compacted = self._not_compacted, problem
        if problem is not None:
            if problem != said:
                LOG.warning("the journal is not compacted: %s", problem)
            return False
        LOG.info("the journal is compacted: %d claims, %d ended claim_ids", len(book.claims), len(book.ended))
        return True

    def _unremembered(self) -> str | None:
        """Why the history could not be kept; as a value, like that of `_compacted`."""
        try:
            self._journal.remember(self._clock.now())
        except JournalUnwritable as refusal:
            return refusal.problem
        return None

    def _compacted(self, book: ClaimBook, boot_id: str) -> str | None:
        """Why it could not be; as a value, because oslo.log repeats an exception that is active when a line is logged."""
        try:
            self._journal.compact(book, boot_id, self._clock.now())
        except JournalUnwritable as refusal:
            return refusal.problem
        return None


def first_inventory(host: Host, rules: RuleSet, recovered: Recovered, at: float) -> Inventory:
    """The inventory that a start begins with; `at` is when (seconds since the epoch).

    The time is put beside the number, which comes again where the start can't be noted, or the journal is restored or begun anew.
    """
    return inventory_of(catalogue_of(host, rules), recovered.book, f"{recovered.incarnation}@{at * 1000:.0f}.0")


def _evolved(inventory: Inventory, events: tuple[Event, ...], generation: str) -> Inventory:
    for event in events:
        inventory = after(inventory, event, generation)
    return inventory


def _at_whose_wish(terms: Terms) -> str:
    """In words; nothing where it is the agent's own."""
    told = [f"request {terms.request_id}"] if terms.request_id is not None else []
    told += [f"by {terms.caller}"] if terms.caller is not None else []
    return f" ({', '.join(told)})" if told else ""


def _next(generation: str) -> str:
    life, _, count = generation.rpartition(".")
    return f"{life}.{int(count) + 1}"
