# SPDX-License-Identifier: Apache-2.0
"""One long life: the agent, its machine, its guests and its account; started, stopped, killed and put to rest.

After every step the account is compared and every invariant is asked: on 31 functions that costs less than the step itself, and a
fault is then found at the step that made it.

Does not know: which steps there are (`soak.steps`), memory.
"""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

from immutables import Map

from pcipt_agent.adapters.sysfs import SysfsReader
from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.claim import ClaimBook
from pcipt_agent.core.invariant import violations
from pcipt_agent.errors import ConfigError
from pcipt_agent.flows import claiming, upkeeping
from pcipt_agent.ports import Listener
from pcipt_agent.views.wire import FreePayload
from pcipt_agent.views.wire_reload import ReloadPayload
from pcipt_agent.views.wire_upkeep import CleanPayload, EnablePayload
from tests.soak import configuration
from tests.soak.account import Account, SoakFault, expect
from tests.soak.agent import Agent, DrivenClock, Place, started
from tests.soak.guests import Known
from tests.soak.machine import Machine


class Life:
    """`directory` is an empty one for the journal, `tree` one for the machine; everything random comes from `rng`."""

    def __init__(self, directory: Path, tree: Path, rng: Random, listeners: Sequence[Listener]) -> None:
        self.rng = rng
        self.clock = DrivenClock()
        self.machine = Machine(tree / "root", rng)
        self.account = Account()
        self.known = Known()
        self.ended: list[str] = []
        """Some ids that have ended lately."""
        self.unhinted = False
        """Something has happened since the last full look that no hint told of."""
        self._ids = 0
        self._starts = 0
        self._directory = directory
        self.config_file = directory / "soak.conf"
        self.config_file.write_text(configuration.FIRST)
        self._place = Place(root=self.machine.root, config_file=self.config_file, clock=self.clock, listeners=listeners)
        self.agent: Agent = started(self._place, self._state)
        self.known.show(self.agent.domains)

    @property
    def _state(self) -> Path:
        return self._directory / f"state-{self._starts}"

    def new_id(self) -> str:
        self._ids += 1
        return f"claim-{self._ids}"

    def has_ended(self, claim_id: str) -> None:
        """For its caller too; the last few ids are kept, to be asked for again."""
        self.account.claims.pop(claim_id, None)
        self.ended = [*self.ended[-20:], claim_id]

    def check(self) -> None:
        """Raises SoakFault."""
        self.account.compare(self.agent.ledger.inventory)
        found = violations(self.agent.ledger.inventory)
        expect(not found, "; ".join(found))

    def look(self) -> None:
        self.agent.observer.look()
        self.unhinted = False

    def look_at_all_as_new(self) -> None:
        """What has been seen so far is what somebody sees who has never looked before."""
        seen, new = self.agent.ledger.inventory.catalogue.host, SysfsReader(self.machine.root).read()
        unlike = {each for each in seen.devices.keys() | new.devices.keys() if seen.devices.get(each) != new.devices.get(each)}
        expect(seen == new, f"the host was seen, and it is otherwise: {', '.join(map(str, sorted(unlike))) or 'no device'}")

    def restart(self, *, kill: bool) -> str | None:
        """The next start has found the same book. Returns what kept the rules of the file from being taken, where something did."""
        before = self.agent.ledger.inventory.book
        if kill:
            old = self._state
            self._starts += 1
            shutil.copytree(old, self._state)
            self.agent.journal.close()
            shutil.rmtree(old)
        else:
            self.agent.journal.close()
        self.config_file.write_text(configuration.good(self.rng))
        refused = None
        try:
            self.agent = started(self._place, self._state)
        except ConfigError:
            # The file hands out relatives of what is held. An operator would write another one; this one has no rules at all.
            refused = "given-instead"
            self.config_file.write_text(configuration.NO_RULES)
            self.agent = started(self._place, self._state)
        self._expect_same(before, self.agent.ledger.inventory.book)
        self.known.show(self.agent.domains)
        self.unhinted = False
        return refused

    def _expect_same(self, before: ClaimBook, after: ClaimBook) -> None:
        without = Map[str, float]()
        expect(replace(before, ended=without) == replace(after, ended=without), f"the book was {before}, and is {after}")
        expect(set(after.ended.items()) <= set(before.ended.items()), "a start has ended claims, or at another time")
        forgotten = set(before.ended) - set(after.ended)
        long_ago = self.clock.seconds - configuration.KEPT_SECONDS
        expect(all(before.ended[each] < long_ago for each in forgotten), f"{forgotten} are forgotten before their time")

    def rest(self) -> None:
        """Nobody holds anything, the machine is as at first, and what has ended is forgotten: always the same, however long ago
        the beginning was."""
        ledger = self.agent.ledger
        for claim_id in list(self.account.claims):
            claiming.free(ledger, FreePayload(claim_id=claim_id))
            self.has_ended(claim_id)
        self.known.leave(self.agent.domains)
        self.agent.guests.look(0)
        for address in ledger.inventory.book.dirty:
            upkeeping.clean(ledger, CleanPayload(address=str(address)))
        for place in list(self.account.disabled):
            upkeeping.enable(ledger, _enabling(place))
            self.account.disabled.discard(place)
        self.machine.mend()
        self.look()
        self.config_file.write_text(configuration.FIRST)
        self.agent.reloader.reload(ReloadPayload())
        self.clock.seconds += 2 * configuration.KEPT_SECONDS
        self.agent.expirer.turn()
        ledger.tidy(longest=0, forget_before=self.clock.seconds - configuration.KEPT_SECONDS)
        self.check()
        if ledger.inventory.book != ClaimBook():
            raise SoakFault(f"at rest the book holds {ledger.inventory.book}")

    def journal_kib(self) -> float:
        return self.agent.journal.size_bytes() / 1024

    def close(self) -> None:
        self.agent.journal.close()


def _enabling(place: PciAddress | None) -> EnablePayload:
    return EnablePayload(host=True) if place is None else EnablePayload(address=str(place))
