# SPDX-License-Identifier: Apache-2.0
"""Claim, ClaimBook, and the events that change it; the third of our three facts.

    absent ──claim──▶ claimed ──allocate──▶ allocated ◀──adopt── absent
      │                 │                      │
      └──────free───────┴──free, or expiry ────┴──▶ ended         (claimed only expires)

An ended claim_id is remembered, so that a late or repeated `claim` with it is refused instead of taking devices nobody will free.
The book also keeps what outlives claims: devices that are dirty after one-time use, and what an operator has disabled.

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
    entry: str | None
    """The operator's text of the device_spec entry that listed it; None where it was adopted and none did."""
    fingerprint: Fingerprint
    one_time_use: bool = False
    """By its entry's tag: it is dirty once the claim has ended."""


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
    claimed_by: str | None = None
    """Whose call it was, as far as the transport tells."""
    allocated_at: float | None = None
    """Seconds since the epoch; None while it is not, or where an older record does not say."""
    adopted_from: str | None = None
    """Name of the domain that had the devices before we knew of it; None where they were claimed."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """Claimed, or adopted: the claim says which."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class Allocated:
    claim_id: str
    at: float | None = None
    """Seconds since the epoch; None in records of format 1."""


@dataclass(frozen=True, slots=True)
class Freed:
    """The claim has ended, also where none was held: its id is never claimed again."""

    claim_id: str
    at: float
    """Seconds since the epoch."""
    dirty: tuple[PciAddress, ...] = ()
    """Which of its devices must be cleaned before anyone may have them."""


@dataclass(frozen=True, slots=True)
class Expired:
    """The claim was never allocated, and has ended by itself."""

    claim_id: str
    at: float
    """Seconds since the epoch."""
    dirty: tuple[PciAddress, ...] = ()
    """As `Freed` has it."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The device may be had again."""

    address: PciAddress
    at: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Disabled:
    """An operator has taken a device, or the whole host, out of service: no new claims."""

    address: PciAddress | None
    """None: the host."""
    reason: str
    at: float
    """Seconds since the epoch."""
    by: str | None
    """Whose call it was, as far as the transport tells."""


@dataclass(frozen=True, slots=True)
class Enabled:
    """The end of `Disabled` for the same address."""

    address: PciAddress | None
    at: float
    """Seconds since the epoch."""


Event = Claimed | Allocated | Freed | Expired | Cleaned | Disabled | Enabled


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Events that become true together: one record, one commit."""

    events: tuple[Event, ...]
    at: float
    """Seconds since the epoch."""
    boot_id: str
    request_id: str | None = None
    """The caller's, from the RPC context."""
    caller: str | None = None
    """Who it was, as far as the transport tells; None where we decided by ourselves, or the record is of format 1."""


@dataclass(frozen=True, slots=True)
class Dirty:
    """Why a device is dirty: whose claim it was, and when that ended (seconds since the epoch)."""

    claim_id: str
    consumer: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimBook:
    """All claims that are held, the ids of those that have ended, and what is dirty or disabled."""

    claims: "Map[str, Claim]" = field(default_factory=Map)
    """claim_id → claim."""
    holders: "Map[PciAddress, str]" = field(default_factory=Map)
    """Held address → claim_id."""
    ended: "Map[str, float]" = field(default_factory=Map)
    """Ended claim_id → when, in seconds since the epoch."""
    by_consumer: "Map[str, tuple[str, ...]]" = field(default_factory=Map)
    """Consumer → its claim_ids, oldest first."""
    dirty: "Map[PciAddress, Dirty]" = field(default_factory=Map)
    disabled: "Map[PciAddress, Disabled]" = field(default_factory=Map)
    host_disabled: Disabled | None = None

    def holder_of(self, address: PciAddress) -> Claim | None:
        claim_id = self.holders.get(address)
        return None if claim_id is None else self.claims[claim_id]

    def claims_of(self, consumer: str) -> tuple[Claim, ...]:
        """What the consumer holds, oldest first."""
        return tuple(self.claims[claim_id] for claim_id in self.by_consumer.get(consumer, ()))


def evolve(book: ClaimBook, event: Event) -> ClaimBook:
    """The book after `event`. Never fails for an event that `core.decide` made from `book`."""
    match event:
        case Claimed(claim):
            return with_claim(book, claim)
        case Allocated(claim_id, at):
            allocated = replace(book.claims[claim_id], state=ClaimState.ALLOCATED, allocated_at=at)
            return replace(book, claims=book.claims.set(claim_id, allocated))
        case Freed() | Expired():
            return _ended(book, event)
        case Cleaned(address, _):
            return replace(book, dirty=book.dirty.delete(address))
        case Disabled(address) if address is not None:
            return replace(book, disabled=book.disabled.set(address, event))
        case Disabled():
            return replace(book, host_disabled=event)
        case Enabled(address) if address is not None:
            return replace(book, disabled=book.disabled.delete(address))
        case Enabled():
            return replace(book, host_disabled=None)
        case _:
            assert_never(event)


def with_claim(book: ClaimBook, claim: Claim) -> ClaimBook:
    """The book with one claim more."""
    consumer = claim.wish.consumer
    return replace(
        book,
        claims=book.claims.set(claim.claim_id, claim),
        holders=book.holders.update({held.address: claim.claim_id for held in claim.held}),
        by_consumer=book.by_consumer.set(consumer, (*book.by_consumer.get(consumer, ()), claim.claim_id)),
    )


def _ended(book: ClaimBook, event: Freed | Expired) -> ClaimBook:
    claim_id, at = event.claim_id, event.at
    ended = book.ended.set(claim_id, at)
    claim = book.claims.get(claim_id)
    if claim is None:
        return replace(book, ended=ended)
    holders = book.holders
    for held in claim.held:
        holders = holders.delete(held.address)
    consumer = claim.wish.consumer
    others = tuple(each for each in book.by_consumer[consumer] if each != claim_id)
    return replace(
        book,
        claims=book.claims.delete(claim_id),
        holders=holders,
        ended=ended,
        by_consumer=book.by_consumer.set(consumer, others) if others else book.by_consumer.delete(consumer),
        dirty=book.dirty.update({address: Dirty(claim_id, consumer, at) for address in event.dirty}),
    )


def forget_ended(book: ClaimBook, before: float) -> ClaimBook:
    """The book without the ended ids that are older than `before` (seconds since the epoch)."""
    kept = Map({claim_id: at for claim_id, at in book.ended.items() if at >= before})
    return replace(book, ended=kept)
