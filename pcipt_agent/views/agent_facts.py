# SPDX-License-Identifier: Apache-2.0
"""What an agent knows of itself beside its inventory: what `status` needs, as values that the daemon fills.

Does not know: where the values come from, what is made of them (`views.status_answers`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Scan:
    """The last whole reading of the host."""

    at: float
    """When it began, in seconds since the epoch."""
    took_seconds: float


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that was tried in vain."""

    at: float
    """Seconds since the epoch."""
    problem: str


@dataclass(frozen=True, slots=True)
class HintFacts:
    """Whether the kernel's news of devices reaches us; without, a device is seen at the next rescan."""

    working: bool
    problem: str | None
    """Why not, where they should; None where they work, or nobody expects them (another root than /)."""


@dataclass(frozen=True, slots=True)
class JournalFacts:
    records: int
    """That a start would replay now."""
    size_bytes: int
    unwritable: str | None
    """Why the last decision could not be written; None where it could."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportFacts:
    where: str
    """The transport's URL without user and password."""
    broker: bool
    """Whether calls come by a message broker; over a unix socket there is none that could be down."""
    notifications: bool
    """Whether notifications are sent."""
    notifications_lost: int
    """How many could not be sent since the last that could."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What tells an overdue claim."""

    at: float
    """Now, in seconds since the epoch."""
    claim_timeout_seconds: float
    """0: claims never expire."""
    staying: Mapping[str, str] = field(default_factory=dict)
    """claim_id → why it could not expire at the last attempt, in a clause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFacts:
    version: str
    """Of the agent."""
    host: str
    """`[DEFAULT] host`."""
    started_at: float
    """Seconds since the epoch."""
    rules_loaded_at: float
    """Seconds since the epoch."""
    reload_failure: Failure | None
    """Of the last reload; None where it succeeded, or there was none."""
    scan: Scan | None
    """None: the host was not read yet."""
    scan_failure: Failure | None
    """Of the last reading; None where it succeeded."""
    hints: HintFacts
    libvirt_lost_at: float | None
    """Since when libvirt can't be asked (seconds since the epoch); None where it can, or was not asked yet."""
    transport: TransportFacts
    journal: JournalFacts
    standing: Standing
