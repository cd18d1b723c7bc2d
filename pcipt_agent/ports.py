# SPDX-License-Identifier: Apache-2.0
"""What the flows need of the world, as Protocols; the adapters satisfy them, and so do the fakes under tests/support.

Does not know: who implements them.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.claim import ClaimBook, Decision
from pcipt_agent.core.device import Device
from pcipt_agent.core.domain import Hypervisor
from pcipt_agent.core.history import Past, Unreadable
from pcipt_agent.core.host import Arrived, Changed, Departed, Host
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.errors import JournalError

RECORDS_KEPT: Final = 1000
"""A journal with more is compacted, at a start and by the running agent alike.

So many that compaction is rare and the last decisions stay readable; so few that a start replays them in a tenth of a second.
"""


HISTORY_KEPT_SECONDS: Final = 90.0 * 24 * 3600
"""For how long a journal keeps what is past, until it is told otherwise."""


class HostReader(Protocol):
    """The host's hardware, seen now."""

    def read(self) -> Host:
        """All of it. What is unchanged since the last call is the same object. Raises HostError where it can't be read at all."""

    def read_at(self, addresses: Collection[PciAddress]) -> Host:
        """As `read`, but of the functions only these and their relatives are sure to be as they are now; the others as last seen.

        What the host itself uses is as it is now, whatever the addresses. Costs little where they are few.
        """

    def gone(self, addresses: Collection[PciAddress]) -> frozenset[PciAddress]:
        """Those of them of which it can be known at once that they are not on the host any more. For any thread, at any time.

        Waits for no device, as the others may. Raises HostError as `read` does.
        """


MOST_HINTED: Final = 1024
"""Addresses that are looked at one by one; with more, a look at everything costs no more, and what is gathered stays bounded."""


@dataclass(frozen=True, slots=True)
class Hints:
    """Where to look again. Without an address it still says that something of what the host itself uses may be otherwise."""

    addresses: frozenset[PciAddress] = frozenset()
    everything: bool = False
    """Hints were lost, or too many came."""

    def __or__(self, other: "Hints") -> "Hints":
        both = self.addresses | other.addresses
        if self.everything or other.everything or len(both) > MOST_HINTED:
            return Hints(everything=True)
        return Hints(both)


class HintSource(Protocol):
    """Something outside that knows when to look, without being believed in anything else."""

    def fileno(self) -> int:
        """To be waited for with poll(2), for `poll_events`."""

    @property
    def poll_events(self) -> int: ...

    def take(self) -> Hints:
        """What was hinted at since the last call. Never blocks, and takes its time from nobody, however much there is."""

    def close(self) -> None: ...


class DomainReader(Protocol):
    """What libvirt's domains hold, watched from `start` to `close`. No call of it ever waits for libvirt."""

    def start(self) -> None: ...

    def look(self, wait_seconds: float) -> Hypervisor:
        """libvirt as last seen, as soon as that is not what the last call returned; after `wait_seconds` in any case.

        While libvirt can't be asked its domains are those of the last sighting, and it is not `reachable`.
        """

    def close(self) -> None:
        """A `look` that waits returns."""


@dataclass(frozen=True, slots=True)
class Held:
    """Processes have it open."""

    pids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NotHeld:
    """No process has it open."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can tell, and why."""

    why: str


class ProcessReader(Protocol):
    """Which processes have a device open, whoever started them."""

    def holding(self, device: Device) -> Held | NotHeld | Unknown:
        """By the nodes that vfio made for it."""


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since the epoch."""


class Listener(Protocol):
    """Is told what has happened, in order, while the ledger's lock is held: it must hand it on at once, not block, not raise.

    What it is told has already been made durable and published. One that raises all the same ends the process like any fault that
    nobody expected; the decision stands, and the caller's retry gets its answer.
    """

    def happened(self, decision: Decision, inventory: Inventory) -> None:
        """`decision` is durable, and `inventory` is the one after it."""

    def observed(self, changes: tuple[Arrived | Departed | Changed, ...], inventory: Inventory) -> None:
        """The host has changed, and `inventory` is the one after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What the journal holds at start."""

    book: ClaimBook
    boot_id: str | None
    """Boot id of the last record; None where there is none."""
    incarnation: int
    """How often the agent has started on this journal, this start included."""
    decisions: int
    """Records replayed, the compacted one included."""
    unwritable: str | None = None
    """Why this start could not be noted (disk full, read-only); None where it was. Reads work, and claims are refused."""


class Journal(Protocol):
    """Decisions that survive kill -9 and power loss."""

    def recover(self, boot_id: str, at: float, forget_before: float) -> Recovered:
        """Replays it, without the ended claims older than `forget_before`, and notes this start (one commit).

        Where it is longer than `RECORDS_KEPT`, or something was forgotten, the note is a compaction. Raises JournalError where
        what it holds can't be trusted. Called once, before anything else.
        """

    def append(self, decision: Decision) -> None:
        """Durable when it returns: exactly one commit.

        Raises JournalUnwritable, and then nothing was written and a later one may succeed; or JournalError where nobody can say
        whether it was written, and then every later one raises it too.
        """

    def remember(self, at: float) -> None:
        """What is past by now is kept as history already, so that the next `compact`, by the same thread, has little left to do.

        May be called while others append. Raises JournalUnwritable, and then `compact` would.
        """

    def compact(self, book: ClaimBook, boot_id: str, at: float) -> None:
        """Replaces all records by one that says `book`, in one commit. What they told of the past is kept as history. Raises as
        `append` does; where the history can't be written nothing is replaced."""

    def decisions(self) -> Iterator[Decision]:
        """Every decision since the last compaction, oldest first."""

    def history(self, *, address: PciAddress | None = None, consumer: str | None = None) -> Iterator[Past | Unreadable]:
        """Of a device or of a consumer: what is held now, then what is past, both newest first; what can't be told comes last.

        What was done to the host is told with each device. May be called and read on any thread, at any time between `recover` and
        `close`, and keeps no decision waiting. A caller that has seen enough just stops.
        """

    def keep_history(self, seconds: float) -> None:
        """What was past for longer is dropped at the next compaction."""

    def length(self) -> int:
        """Records that a start would replay now."""

    def size_bytes(self) -> int:
        """On disk, its write-ahead log and the history included."""

    def distrust(self, problem: str) -> JournalError:
        """The error which says that this journal holds what can't be true, where it is and the way out."""

    def close(self) -> None:
        """Releases it to another process."""


class KernelSettings(Protocol):
    """What root may set below /sys. Paths are relative to it. Each raises HostError, naming file and value, where it is refused."""

    def is_there(self, path: str) -> bool: ...

    def read(self, path: str) -> str | None:
        """What the file holds, without blanks around it; None where it is not there."""

    def goal(self, path: str) -> str | None:
        """The last part of where a link leads; None where there is no link."""

    def write(self, path: str, value: str) -> None:
        """The kernel has taken the value; whether it has obeyed is to be seen."""

    def load_module(self, name: str) -> None:
        """A driver of this name may be there afterwards."""

    def add_vdpa(self, name: str, management_device: str) -> None:
        """A vDPA device `name` over `pci/ADDRESS` is there."""
