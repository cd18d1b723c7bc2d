# SPDX-License-Identifier: Apache-2.0
"""Claim, ClaimBook, and the events that change it; the third of our three facts.

    absent ──claim──▶ claimed ──allocate──▶ allocated
      │                 │                      │
      └──────free───────┴─────────free─────────┴──▶ ended

An ended claim_id is remembered, so that a late or repeated `claim` with it is refused instead of taking devices nobody will free.
The book is a value: `evolve` returns the next one and leaves the last as it was, which is why anyone may keep a snapshot and why a
decision that can't be made durable leaves no trace. Its maps are persistent (hash array mapped tries), so a step costs the same
with ten claims or ten thousand.

Does not know: how a claim is decided (`core.decide`), devices' status (`core.inventory`), how it is written down (`views.records`).
"""

from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import assert_never

from immutables import Map

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.alias import GroupPolicy, Request
from pcipt_agent.core.device import Device, DeviceType
from pcipt_agent.core.guest import Guest


class ClaimState(StrEnum):
    CLAIMED = "claimed"
    """Promised, and the XML given."""
    ALLOCATED = "allocated"
    """The caller says that a guest has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What tells one piece of hardware from another at the same address. None: the device does not show that part."""

    vendor_id: str
    product_id: str
    subsystem_vendor_id: str | None
    subsystem_product_id: str | None
    parent: PciAddress | None
    vf_number: int | None
    serial: str | None

    @staticmethod
    def of(device: Device) -> "Fingerprint":
        return Fingerprint(
            vendor_id=device.vendor_id,
            product_id=device.product_id,
            subsystem_vendor_id=device.subsystem_vendor_id,
            subsystem_product_id=device.subsystem_product_id,
            parent=device.parent,
            vf_number=device.vf_number,
            serial=device.serial,
        )

    def differing(self, now: "Fingerprint") -> tuple[str, ...]:
        """The names of the parts in which `now` is another, in the order of the fields.

        A serial number that can't be read now (mode 0600, a VPD that times out) says nothing about the hardware; every other part
        is always readable where it exists, so there None against a value is a difference.
        """
        names = tuple(part.name for part in fields(self))
        other = [name for name in names if getattr(self, name) != getattr(now, name)]
        return tuple(name for name in other if name != "serial" or None not in (self.serial, now.serial))


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One device of a claim, as it was at the moment of claiming: all that its XML needs."""

    request: int
    """Index into the claim's requests."""
    address: PciAddress
    device_type: DeviceType
    managed: bool
    entry: str
    """The operator's text of the device_spec entry that listed it."""
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The content of a claim call: what must be equal for the same claim_id to mean the same claim."""

    consumer: str
    """UUID of the instance, as Placement calls it; may hold several claims."""
    requests: tuple[Request, ...]
    guest: Guest = field(default_factory=Guest)
    group_policy: GroupPolicy = GroupPolicy.NONE
    move_id: str | None = None
    """Joins the two claims of a move."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A promise of devices to a consumer."""

    claim_id: str
    """Chosen by the caller: the key that makes retries harmless."""
    wish: Wish
    held: tuple[Held, ...]
    """In request order, then in the order chosen."""
    state: ClaimState
    claimed_at: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Claimed:
    claim: Claim


@dataclass(frozen=True, slots=True)
class Allocated:
    claim_id: str


@dataclass(frozen=True, slots=True)
class Freed:
    """The claim has ended, also where none was held: its id is never claimed again."""

    claim_id: str
    at: float
    """Seconds since the epoch."""


Event = Claimed | Allocated | Freed


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Events that become true together: one record, one commit."""

    events: tuple[Event, ...]
    at: float
    """Seconds since the epoch."""
    boot_id: str
    request_id: str | None = None
    """The caller's, from the RPC context."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimBook:
    """All claims that are held, and the ids of those that have ended."""

    claims: "Map[str, Claim]" = field(default_factory=Map)
    """claim_id → claim."""
    holders: "Map[PciAddress, str]" = field(default_factory=Map)
    """Held address → claim_id."""
    ended: "Map[str, float]" = field(default_factory=Map)
    """Ended claim_id → when, in seconds since the epoch."""

    def holder_of(self, address: PciAddress) -> Claim | None:
        claim_id = self.holders.get(address)
        return None if claim_id is None else self.claims[claim_id]


def evolve(book: ClaimBook, event: Event) -> ClaimBook:
    """The book after `event`. Never fails for an event that `core.decide` made from `book`."""
    match event:
        case Claimed(claim):
            holders = book.holders.update({held.address: claim.claim_id for held in claim.held})
            return replace(book, claims=book.claims.set(claim.claim_id, claim), holders=holders)
        case Allocated(claim_id):
            allocated = replace(book.claims[claim_id], state=ClaimState.ALLOCATED)
            return replace(book, claims=book.claims.set(claim_id, allocated))
        case Freed(claim_id, at):
            ended = book.ended.set(claim_id, at)
            if claim_id not in book.claims:
                return replace(book, ended=ended)
            holders = book.holders
            for held in book.claims[claim_id].held:
                holders = holders.delete(held.address)
            return replace(book, claims=book.claims.delete(claim_id), holders=holders, ended=ended)
        case _:
            assert_never(event)


def forget_ended(book: ClaimBook, before: float) -> ClaimBook:
    """The book without the ended ids that are older than `before` (seconds since the epoch)."""
    kept = Map({claim_id: at for claim_id, at in book.ended.items() if at >= before})
    return replace(book, ended=kept)
