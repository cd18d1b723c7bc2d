# SPDX-License-Identifier: Apache-2.0
"""Every port in memory; the journal passes the same contract suite as the real one, so it can't lie about it."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

from immutables import Map

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.claim import Claim, ClaimBook, Decision, evolve, forget_ended
from pcipt_agent.core.history import About, Past, Unreadable, still_held, told
from pcipt_agent.core.host import Arrived, Changed, Departed, Host
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.errors import HostError, JournalError, JournalUnwritable
from pcipt_agent.ports import HISTORY_KEPT_SECONDS, Recovered


@dataclass
class SteppingClock:
    """A second later each time it is asked."""

    seconds: float = 1_700_000_000.0

    def now(self) -> float:
        self.seconds += 1
        return self.seconds


@dataclass
class GivenReader:
    """Sees the host that the test puts there; with `problem`, none."""

    host: Host
    problem: str | None = None
    asked: list[tuple[PciAddress, ...]] = field(default_factory=list)
    """What `read_at` was called with."""
    whole: int = 0
    """How often `read` was called."""

    def read(self) -> Host:
        self.whole += 1
        return self._seen()

    def read_at(self, addresses: Collection[PciAddress]) -> Host:
        self.asked.append(tuple(sorted(addresses)))
        return self._seen()

    def gone(self, addresses: Collection[PciAddress]) -> frozenset[PciAddress]:
        return frozenset(addresses) - self._seen().devices.keys()

    def _seen(self) -> Host:
        if self.problem is not None:
            raise HostError("/sys/bus/pci/devices", self.problem)
        return self.host


@dataclass
class Notebook:
    """A listener that writes everything down."""

    decisions: list[tuple[Decision, Inventory]] = field(default_factory=list)
    changes: list[tuple[tuple[Arrived | Departed | Changed, ...], Inventory]] = field(default_factory=list)

    def happened(self, decision: Decision, inventory: Inventory) -> None:
        self.decisions.append((decision, inventory))

    def observed(self, changes: tuple[Arrived | Departed | Changed, ...], inventory: Inventory) -> None:
        self.changes.append((changes, inventory))


@dataclass
class MemoryDisk:
    """What outlives a MemoryJournal; `full` refuses every write."""

    base: ClaimBook = field(default_factory=ClaimBook)
    boot_id: str | None = None
    at: float | None = None
    """When the last start or compaction was."""
    incarnation: int = 0
    records: int = 0
    decisions: list[Decision] = field(default_factory=list)
    past: list[tuple[float, Past]] = field(default_factory=list)
    """What compactions kept, and when each was decided."""
    full: bool = False
    holder: "MemoryJournal | None" = None


class MemoryJournal:
    """`ports.Journal` on a MemoryDisk."""

    def __init__(self, disk: MemoryDisk) -> None:
        self._disk = disk
        self._pending: tuple[str, int, ClaimBook | None] | None = None
        self._history_kept_seconds: float = HISTORY_KEPT_SECONDS

    def recover(self, boot_id: str, at: float, forget_before: float) -> Recovered:
        disk = self._disk
        if disk.holder is not None:
            raise JournalError("memory", "another process is already running on this state", "stop it first")
        disk.holder, disk.at = self, at
        book, found, last = disk.base, disk.records, disk.boot_id
        for decision in disk.decisions:
            for event in decision.events:
                book = evolve(book, event)
        kept = forget_ended(book, forget_before)
        self._pending = boot_id, disk.incarnation + 1, kept if len(kept.ended) < len(book.ended) else None
        recovered = Recovered(book=kept, boot_id=last, incarnation=disk.incarnation + 1, decisions=found)
        try:
            self._note_start()
        except JournalUnwritable as refusal:
            return replace(recovered, unwritable=refusal.problem)
        return recovered

    def append(self, decision: Decision) -> None:
        self._note_start()
        self._disk.decisions.append(decision)
        self._disk.boot_id = decision.boot_id
        self._disk.records += 1

    def remember(self, at: float) -> None:
        if self._disk.full:
            raise JournalUnwritable("memory is full")
        self._disk.past = [each for each in self._disk.past if each[0] >= at - self._history_kept_seconds]

    def compact(self, book: ClaimBook, boot_id: str, at: float) -> None:
        self._note_start()
        self._replace(book, at)
        self._disk.boot_id, self._disk.records = boot_id, 1
        self._disk.at = at

    def decisions(self) -> Iterator[Decision]:
        yield from list(self._disk.decisions)

    def history(self, *, address: PciAddress | None = None, consumer: str | None = None) -> Iterator[Past | Unreadable]:
        about = About(address if address is not None else consumer or "")
        held, recent = self._told()
        yield from still_held(held, about)
        yield from (past for _, past in reversed([*self._disk.past, *recent]) if about.concerns(past))

    def keep_history(self, seconds: float) -> None:
        self._history_kept_seconds = seconds

    def length(self) -> int:
        return self._disk.records

    def size_bytes(self) -> int:
        return 100 * self._disk.records

    def distrust(self, problem: str) -> JournalError:
        return JournalError("memory", problem, "start with another memory")

    def close(self) -> None:
        self._disk.holder = None

    def _note_start(self) -> None:
        if self._disk.full:
            raise JournalUnwritable("memory is full")
        if self._pending is None:
            return
        self._disk.boot_id, self._disk.incarnation, kept = self._pending
        if kept is not None:
            assert self._disk.at is not None
            self._replace(kept, self._disk.at)
            self._disk.records = 0
        self._disk.records += 1
        self._pending = None

    def _replace(self, book: ClaimBook, at: float) -> None:
        disk = self._disk
        disk.past = [each for each in [*disk.past, *self._told()[1]] if each[0] >= at - self._history_kept_seconds]
        disk.base = book
        disk.decisions.clear()

    def _told(self) -> "tuple[Map[str, Claim], list[tuple[float, Past]]]":
        held, recent = self._disk.base.claims, list[tuple[float, Past]]()
        for decision in self._disk.decisions:
            held, past = told(held, decision)
            recent += ((decision.at, each) for each in past)
        return held, recent
