# SPDX-License-Identifier: Apache-2.0
"""A random life of two journals, one in memory and SQLite's: however they are compacted and started anew, they hold the same book
and tell the same history as the decisions themselves."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pcipt_agent.adapters.journal import SqliteJournal
from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.claim import Allocated, ClaimBook, Claimed, Cleaned, Disabled, Enabled, Event, Expired, Freed, evolve
from pcipt_agent.core.history import About, Past, still_held, told
from pcipt_agent.ports import Journal
from tests.support.books import BOOT, claim, consumer_id, decision
from tests.support.ports import MemoryDisk, MemoryJournal

DEVICES = tuple(held.address for number in range(3) for held in claim(number, devices=2).held)


class LifeOfJournals(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.disk = MemoryDisk()
        self.at = 1.0
        self.book, self.held = ClaimBook(), ClaimBook().claims
        self.past: list[Past] = []
        self.claims = 0
        self._start()

    def teardown(self) -> None:
        for journal in self.journals:
            journal.close()
        shutil.rmtree(self.directory)

    def _start(self) -> None:
        self.journals: tuple[Journal, ...] = (MemoryJournal(self.disk), SqliteJournal(self.directory))
        for journal in self.journals:
            assert journal.recover(BOOT, self.at, 0.0).book == self.book

    def _happen(self, *events: Event) -> None:
        self.at += 1
        made = decision(*events, at=self.at, caller=f"uid {self.at}")
        self.held, past = told(self.held, made)
        self.past += past
        for event in events:
            self.book = evolve(self.book, event)
        for journal in self.journals:
            journal.append(made)

    @rule(number=st.integers(0, 2), allocate=st.booleans())
    def claim(self, number: int, allocate: bool) -> None:
        wanted = claim(number, devices=2, consumer=number % 2)
        if not any(held.address in self.book.holders or held.address in self.book.dirty for held in wanted.held):
            self.claims += 1
            name = f"{number}-{self.claims}"
            self._happen(Claimed(replace(wanted, claim_id=name)), *([Allocated(name, self.at)] if allocate else []))

    @rule(dirty=st.booleans(), data=st.data())
    def end(self, dirty: bool, data: st.DataObject) -> None:
        if self.book.claims:
            ending = self.book.claims[data.draw(st.sampled_from(sorted(self.book.claims)))]
            left = tuple(held.address for held in ending.held) if dirty else ()
            expires = ending.allocated_at is None and data.draw(st.booleans())
            self._happen((Expired if expires else Freed)(ending.claim_id, self.at, left))

    @rule(address=st.sampled_from([None, *DEVICES]))
    def care(self, address: PciAddress | None) -> None:
        known = self.book.host_disabled if address is None else self.book.disabled.get(address)
        if address is not None and address in self.book.dirty:
            self._happen(Cleaned(address, self.at))
        else:
            self._happen(Disabled(address, "why", self.at, "uid 0") if known is None else Enabled(address, self.at))

    @rule()
    def compact(self) -> None:
        for journal in self.journals:
            journal.compact(self.book, BOOT, self.at)

    @rule()
    def restart(self) -> None:
        for journal in self.journals:
            journal.close()
        self._start()

    @invariant()
    def all_tell_the_same(self) -> None:
        for about in [*map(About, DEVICES), *(About(consumer_id(number)) for number in range(3))]:
            expected = [*still_held(self.held, about), *(each for each in reversed(self.past) if about.concerns(each))]
            for journal in self.journals:
                if isinstance(about.subject, PciAddress):
                    assert list(journal.history(address=about.subject)) == expected
                else:
                    assert list(journal.history(consumer=about.subject)) == expected


TestLifeOfJournals = LifeOfJournals.TestCase
TestLifeOfJournals.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
