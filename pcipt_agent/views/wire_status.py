# SPDX-License-Identifier: Apache-2.0
"""`status` on the wire: how the agent and its host are, and what an operator should look at.

Does not know: how it is found out (`views.status_answers`).
"""

from typing import Literal

from pcipt_agent.core.inventory import DeviceStatus
from pcipt_agent.views.wire import Payload
from pcipt_agent.views.wire_devices import DisabledPart
from pcipt_agent.views.wire_replies import Part, Reply


class StatusPayload(Payload):
    """How the agent is."""


class FailurePart(Part):
    at: float
    """Seconds since the epoch."""
    problem: str


class RulesPart(Part):
    digest: str
    """Of rules and aliases: hosts with the same configuration have the same."""
    loaded_at: float
    """Seconds since the epoch."""
    entries: int
    """Of device_spec."""
    aliases: int
    reload_failure: FailurePart | None
    """Of the last reload, after which the rules stayed as they were; null: it succeeded, or there was none."""


class ScanPart(Part):
    """The last whole reading of the host."""

    at: float | None
    """When it began, in seconds since the epoch; null: there was none yet."""
    took_seconds: float | None
    failure: FailurePart | None
    """Of the last attempt; null: it succeeded."""
    hints: bool
    """Whether the kernel's news reach the agent between two readings."""
    hints_problem: str | None
    """Why not, where they should."""


class LibvirtPart(Part):
    reachable: bool
    problem: str | None
    """Why it can't be asked."""
    since: float | None
    """Since when it is watched without a gap, or can't be asked (seconds since the epoch); null: it was not asked yet."""
    version: str | None
    qemu_version: str | None
    domains: int
    """As last seen."""


class TransportPart(Part):
    """How calls come and notifications go."""

    where: str
    """The transport's URL without user and password."""
    broker: bool
    """Whether there is a message broker in between. This answer came by it, so it is reachable."""
    notifications: bool
    """Whether they are sent."""
    notifications_lost: int


class PlacementPart(Part):
    configured: bool
    """Whether `[pci] report_in_placement` is on."""
    reachable: bool | None
    """null: it is not asked."""
    problem: str | None


class JournalPart(Part):
    records: int
    """That a start would replay now."""
    size_bytes: int
    unwritable: str | None
    """Why nothing can be claimed now."""


class ClaimsPart(Part):
    claimed: int
    allocated: int
    lost: list[str]
    """Claims that hold a device which is no longer on the host."""
    unlisted: list[str]
    """Claims that hold a device which no entry lists now."""
    overdue: list[str]
    """Claims that were not allocated in time."""
    domain_gone: list[str]
    """Allocated claims whose devices libvirt shows in no domain."""
    fingerprint_differs: list[str]
    """Claims that hold an address at which there is other hardware now."""


class AttentionPart(Part):
    """Something that an operator should look at."""

    code: Literal[
        "reload-failed",
        "scan-failed",
        "hints-not-working",
        "libvirt-unreachable",
        "journal-unwritable",
        "notifications-lost",
        "lost",
        "fingerprint-differs",
        "unlisted",
        "overdue",
        "domain-gone",
        "domain-not-understood",
        "occupied",
        "dirty",
    ]
    what: str
    """A sentence for people."""
    remedy: str
    """What to do: a command where there is one."""


class StatusReply(Reply):
    agent: str
    """Version of the agent."""
    api: str
    """Version of this interface."""
    host: str
    started_at: float
    """Seconds since the epoch."""
    readiness: str
    """`[agent] readiness`."""
    rules: RulesPart
    scan: ScanPart
    libvirt: LibvirtPart
    transport: TransportPart
    placement: PlacementPart
    journal: JournalPart
    devices: dict[DeviceStatus, int]
    """Status → how many; every status is there."""
    claims: ClaimsPart
    dirty: list[str]
    """Addresses."""
    disabled: DisabledPart | None
    """The host takes no new claims; null: it does."""
    devices_disabled: list[DisabledPart]
    attention: list[AttentionPart]
    """Empty: all is well."""
