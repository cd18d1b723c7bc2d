# SPDX-License-Identifier: Apache-2.0
"""Random lives of a ledger over a real SQLite journal: callers, operators, guests, restarts, kills, disks without room, compaction.

The model is what callers and operators were told. Whatever happens, every start finds exactly that, and the history tells who had
what as the model's own account does.
"""

import resource
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pcipt_agent.adapters.journal import SqliteJournal
from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.claim import ClaimBook, ClaimState
from pcipt_agent.core.funnel import Unsatisfied
from pcipt_agent.core.history import Past, Span, Unreadable
from pcipt_agent.core.invariant import violations
from pcipt_agent.core.spec import Tags
from pcipt_agent.errors import ClaimDiffers, ClaimEnded, ClaimUnknown, JournalUnwritable, LibvirtUnreachable, Refusal
from pcipt_agent.flows import upkeeping
from pcipt_agent.flows.adopting import adopt
from pcipt_agent.flows.claiming import allocate, claim, free
from pcipt_agent.flows.expiring import Expirer
from pcipt_agent.flows.ledger import Ledger
from pcipt_agent.views.wire import AllocatePayload, FreePayload, RequestPayload
from pcipt_agent.views.wire_adoption import AdoptPayload
from pcipt_agent.views.wire_replies import FreeReply
from pcipt_agent.views.wire_upkeep import CleanPayload, DisablePayload, EnablePayload
from tests.support.ledgers import ALIASES, CONSUMER, ledger_over, small_host, wanted
from tests.support.model import Libvirt, domain_with
from tests.support.planned import PLAIN, at, entry, rules
from tests.support.ports import SteppingClock

MEMORY = Path("/dev/shm")
"""Where it is there: the lives are long, and a disk's syncs would be all that they wait for."""

IDS = st.sampled_from(["c1", "c2", "c3", "c4"])
RULES = rules(entry(1, product=PLAIN, tags=Tags(one_time_use=True)), entry(2), aliases=ALIASES)
DEVICES = sorted(small_host().devices)
CALLERS = st.sampled_from([None, "uid 0", "uid 64055"])
TIMEOUT_SECONDS = 20.0
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
        self._dirty: set[str] = set()
        self._disabled: set[PciAddress | None] = set()
        self._told: list[tuple[str, ...]] = []
        """What is past, oldest first: address ("" for the host), claim_id, how and by whom it ended; or what was done to it."""
        self._libvirt = Libvirt()
        self._adopted = 0

    @initialize()
    def start(self) -> None:
        self._journal = SqliteJournal(self._directory / str(self._lives))
        with_room(self._full)
        try:
            self._ledger: Ledger = ledger_over(self._journal, ruleset=RULES, clock=self._clock)
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

    @rule(claim_id=IDS, caller=CALLERS, unused=st.booleans())
    def free(self, claim_id: str, caller: str | None, unused: bool) -> None:
        replies: list[FreeReply] = []
        used = self._made_dirty(claim_id, unused=unused)
        payload = FreePayload(claim_id=claim_id, unused=unused)
        refusal = self._calling(lambda: replies.append(free(self._ledger, payload, caller=caller)))
        if isinstance(refusal, JournalUnwritable):
            assert self._full
            return
        assert refusal is None
        if claim_id in self._held:
            assert set(replies[0].dirty) == used
        else:  # a retry hears what the first call heard, but for what was cleaned since
            assert set(replies[0].dirty) <= self._dirty
        self._end(claim_id, used, "freed", caller)

    def _end(self, claim_id: str, used: set[str], how: str, caller: str | None) -> None:
        self._told += [(address, claim_id, how, str(caller)) for address in self._held.pop(claim_id, ())]
        self._dirty |= used
        self._allocated.discard(claim_id)
        self._ended.add(claim_id)

    def _made_dirty(self, claim_id: str, *, unused: bool) -> set[str]:
        """Plain functions are of one-time use; one that libvirt was watched not to have is believed to be unused."""
        plain = {address for address in self._held.get(claim_id, ()) if address.startswith("0000:3b:")}
        if not unused or claim_id in self._allocated or not plain:
            return plain
        since, watched = self._ledger.inventory.book.claims[claim_id].claimed_at, self._libvirt.watched_since
        if watched is None or watched > since:
            return plain
        return {address for address in plain if self._libvirt.shown.get(at(address), 0.0) >= since}

    @rule()
    def what_is_overdue_expires(self) -> None:
        self._clock.seconds += TIMEOUT_SECONDS / 2
        book = self._ledger.inventory.book
        late = {each for each in self._held if self._clock.seconds - book.claims[each].claimed_at >= TIMEOUT_SECONDS}
        had = {each for each in late for address in self._held[each] if self._libvirt.having(at(address))}
        asked = self._libvirt.watched_since is not None
        gone = late - had - self._allocated if asked and not self._full else set()
        used = {each: self._made_dirty(each, unused=False) for each in gone}
        expirer = Expirer(self._ledger, timeout=lambda: TIMEOUT_SECONDS, held_open=lambda _: None, stopwatch=lambda: 0.0)
        assert self._calling(expirer.turn) is None
        assert set(self._held) - set(self._ledger.inventory.book.claims) == gone
        for claim_id in sorted(gone, key=lambda each: (book.claims[each].claimed_at, each)):
            self._end(claim_id, used[claim_id], "expired", None)

    @rule(reachable=st.sampled_from([True, True, False]), devices=st.sets(st.sampled_from(DEVICES), max_size=2))
    def libvirt_is_looked_at(self, reachable: bool, devices: set[PciAddress]) -> None:
        self._libvirt.name(domain_with("guest-1", str(CONSUMER), sorted(devices), running=True))
        self._ledger.observe_hypervisor(self._libvirt.look(self._clock.now(), reachable=reachable))

    @rule()
    def adopt(self) -> None:
        refusal = self._calling(self._adopt_all)
        if isinstance(refusal, LibvirtUnreachable):
            assert self._libvirt.watched_since is None
        else:
            assert refusal is None or (self._full and isinstance(refusal, JournalUnwritable))

    def _adopt_all(self) -> None:
        for each in adopt(self._ledger, AdoptPayload(), new_id=self._adopted_id).adopted:
            assert each.claim_id is not None
            assert not {address for held in self._held.values() for address in held} & set(each.addresses)
            self._held[each.claim_id] = tuple(each.addresses)
            self._allocated.add(each.claim_id)

    def _adopted_id(self) -> str:
        self._adopted += 1
        return f"adopted-{self._adopted}"

    @precondition(lambda self: any(each.startswith("adopted") for each in self._held))
    @rule(caller=CALLERS)
    def free_what_was_adopted(self, caller: str | None) -> None:
        self.free(max(each for each in self._held if each.startswith("adopted")), caller, False)

    @rule(place=st.sampled_from([None, *DEVICES]), caller=CALLERS)
    def disable_or_enable(self, place: PciAddress | None, caller: str | None) -> None:
        where = {"host": True} if place is None else {"address": str(place)}
        disabled = place in self._disabled
        if disabled:
            payload = EnablePayload.model_validate(where)
            refusal = self._calling(lambda: upkeeping.enable(self._ledger, payload, caller=caller))
        else:
            disabling = DisablePayload.model_validate({**where, "reason": "fan"})
            refusal = self._calling(lambda: upkeeping.disable(self._ledger, disabling, caller=caller))
        assert (refusal is None) != self._full
        if refusal is None:
            self._disabled ^= {place}
            self._told.append(("" if place is None else str(place), "enabled" if disabled else "disabled", str(caller)))

    @precondition(lambda self: self._dirty)
    @rule(caller=CALLERS)
    def clean(self, caller: str | None) -> None:
        address = min(self._dirty)
        refusal = self._calling(lambda: upkeeping.clean(self._ledger, CleanPayload(address=address), caller=caller))
        assert (refusal is None) != self._full
        if refusal is None:
            self._dirty.discard(address)
            self._told.append((address, "cleaned", str(caller)))

    @rule()
    def compact(self) -> None:
        self._calling(lambda: self._ledger.tidy(longest=0, forget_before=0.0))

    @rule(full=st.booleans())
    def fill_or_empty_the_disk(self, full: bool) -> None:
        self._full = full

    @rule()
    def restart(self) -> None:
        self._journal.close()
        self._libvirt.restart()
        self.start()

    @rule()
    def kill(self) -> None:
        """What kill -9 leaves is the files as they are."""
        before = self._directory / str(self._lives)
        self._lives += 1
        shutil.copytree(before, self._directory / str(self._lives))
        self.restart()

    @invariant()
    def the_book_is_what_callers_were_told(self) -> None:
        book: ClaimBook = self._ledger.inventory.book
        self._generations.add(self._ledger.inventory.generation)
        assert {each.claim_id: tuple(str(held.address) for held in each.held) for each in book.claims.values()} == self._held
        assert {claim_id for claim_id, each in book.claims.items() if each.state is ClaimState.ALLOCATED} == self._allocated
        assert set(book.ended) == self._ended
        assert {str(address) for address in book.dirty} == self._dirty
        assert {*book.disabled, *([None] if book.host_disabled else [])} == self._disabled
        assert violations(self._ledger.inventory) == ()

    @rule(address=st.sampled_from(DEVICES))
    def history_tells_the_same(self, address: PciAddress) -> None:
        told = [_in_short(each) for each in self._journal.history(address=address) if not isinstance(each, Unreadable)]
        holder = [(str(address), claim_id, "held") for claim_id, held in self._held.items() if str(address) in held]
        assert told == holder + [each for each in reversed(self._told) if each[0] in ("", str(address))]

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


def _in_short(past: Past) -> tuple[str, ...]:
    if isinstance(past, Span):
        whose = str(past.address), past.claim_id
        return (*whose, "held") if past.ending is None else (*whose, past.ending.value, str(past.ended_by))
    return "" if past.address is None else str(past.address), past.kind.value, str(past.by)


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
