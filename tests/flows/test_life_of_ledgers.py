# SPDX-License-Identifier: Apache-2.0
"""Random lives of a ledger over a real SQLite journal: callers, restarts, kills, disks without room, compaction.

The model is what callers were told. Whatever happens, every start finds exactly that.
"""

import resource
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pcipt_agent.adapters.journal import SqliteJournal
from pcipt_agent.core.claim import ClaimBook, ClaimState
from pcipt_agent.core.funnel import Unsatisfied
from pcipt_agent.core.invariant import violations
from pcipt_agent.errors import ClaimDiffers, ClaimEnded, ClaimUnknown, JournalUnwritable, Refusal
from pcipt_agent.flows.claiming import allocate, claim, free
from pcipt_agent.flows.ledger import Ledger
from pcipt_agent.views.wire import AllocatePayload, FreePayload, RequestPayload
from tests.support.ledgers import ledger_over, small_host, wanted
from tests.support.ports import SteppingClock

MEMORY = Path("/dev/shm")
"""Where it is there: the lives are long, and a disk's syncs would be all that they wait for."""

IDS = st.sampled_from(["c1", "c2", "c3", "c4"])
REQUESTS = st.builds(RequestPayload, alias=st.sampled_from(["a1", "vf"]), count=st.integers(1, 3))


class LifeOfLedgers(RuleBasedStateMachine):
    """Callers on one host, whose agent is restarted and killed, on a disk that fills up and empties."""

    def __init__(self) -> None:
        super().__init__()
        self._directory = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self._clock = SteppingClock()
        self._lives = 0
        self._full = False
        self._held: dict[str, tuple[str, ...]] = {}
        self._allocated: set[str] = set()
        self._ended: set[str] = set()
        self._generations: set[str] = set()

    @initialize()
    def start(self) -> None:
        self._journal = SqliteJournal(self._directory / str(self._lives))
        with_room(self._full)
        try:
            self._ledger: Ledger = ledger_over(self._journal, clock=self._clock)
        finally:
            with_room(False)
        assert self._ledger.inventory.generation not in self._generations

    @rule(claim_id=IDS, request=REQUESTS, dry_run=st.booleans())
    def claim(self, claim_id: str, request: RequestPayload, dry_run: bool) -> None:
        refusal = self._calling(lambda: self._claimed(claim_id, request, dry_run))
        match refusal:
            case ClaimEnded():
                assert claim_id in self._ended
            case ClaimDiffers():
                assert claim_id in self._held
            case JournalUnwritable():
                assert self._full
                assert claim_id not in self._held
            case None | Unsatisfied():
                pass
            case _:
                raise refusal

    def _claimed(self, claim_id: str, request: RequestPayload, dry_run: bool) -> None:
        reply = claim(self._ledger, wanted(claim_id, request, dry_run=dry_run))
        addresses = tuple(device.address for device in reply.devices)
        assert reply.changed == (claim_id not in self._held)
        if reply.changed:
            assert not {address for held in self._held.values() for address in held} & set(addresses)
        if reply.changed and not dry_run:
            self._held[claim_id] = addresses
        elif not reply.changed:
            assert self._held[claim_id] == addresses

    @rule(claim_id=IDS)
    def allocate(self, claim_id: str) -> None:
        refusal = self._calling(lambda: allocate(self._ledger, AllocatePayload(claim_id=claim_id)))
        match refusal:
            case None:
                self._allocated.add(claim_id)
            case ClaimEnded():
                assert claim_id in self._ended
            case ClaimUnknown():
                assert claim_id not in self._held
            case JournalUnwritable():
                assert self._full
            case _:
                raise refusal

    @rule(claim_id=IDS)
    def free(self, claim_id: str) -> None:
        refusal = self._calling(lambda: free(self._ledger, FreePayload(claim_id=claim_id)))
        if isinstance(refusal, JournalUnwritable):
            assert self._full
            return
        assert refusal is None
        self._held.pop(claim_id, None)
        self._allocated.discard(claim_id)
        self._ended.add(claim_id)

    @rule()
    def compact(self) -> None:
        self._calling(lambda: self._ledger.tidy(longest=0, forget_before=0.0))

    @rule(full=st.booleans())
    def fill_or_empty_the_disk(self, full: bool) -> None:
        self._full = full

    @rule()
    def restart(self) -> None:
        self._journal.close()
        self.start()

    @rule()
    def kill(self) -> None:
        """What kill -9 leaves is the files as they are."""
        before = self._directory / str(self._lives)
        self._lives += 1
        shutil.copytree(before, self._directory / str(self._lives))
        self._journal.close()
        self.start()

    @invariant()
    def the_book_is_what_callers_were_told(self) -> None:
        book: ClaimBook = self._ledger.inventory.book
        self._generations.add(self._ledger.inventory.generation)
        assert {each.claim_id: tuple(str(held.address) for held in each.held) for each in book.claims.values()} == self._held
        assert {claim_id for claim_id, each in book.claims.items() if each.state is ClaimState.ALLOCATED} == self._allocated
        assert set(book.ended) == self._ended
        assert violations(self._ledger.inventory) == ()

    def teardown(self) -> None:
        self._journal.close()
        shutil.rmtree(self._directory)

    def _calling(self, what: object) -> Refusal | None:
        """The refusal, if it was one; the disk has no room while it is full."""
        assert callable(what)
        with_room(self._full)
        try:
            what()
        except Refusal as refusal:
            return refusal
        finally:
            with_room(False)
        return None


def with_room(full: bool) -> None:
    """Whether no file of this process may grow from now on."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0 if full else hard, hard))


TestLifeOfLedgers = LifeOfLedgers.TestCase
TestLifeOfLedgers.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_the_host_of_these_lives_is_small_enough_to_run_out_of_devices() -> None:
    assert len(small_host().devices) == 9
