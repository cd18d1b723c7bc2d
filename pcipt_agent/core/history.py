# SPDX-License-Identifier: Apache-2.0
"""History: who had a device, from when to when, by whose call; and what operators did to it.

It is told by the same events that change the book, once they have happened: a claim that ends becomes one span for each device that
it held. Of a claim that is held the span is open, and is made of the book whenever somebody asks. Nothing is decided by history, so
what is missing from it harms no claim.

Does not know: where it is kept and for how long (`ports.Journal`), how it is shown.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from immutables import Map

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.claim import Allocated, Claim, Claimed, ClaimState, Cleaned, Decision, Disabled, Enabled, Expired, Freed


class Ending(StrEnum):
    FREED = "freed"
    EXPIRED = "expired"


class UpkeepKind(StrEnum):
    CLEANED = "cleaned"
    DISABLED = "disabled"
    ENABLED = "enabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A consumer had a device. Times are seconds since the epoch; callers are named as far as the transport told."""

    address: PciAddress
    claim_id: str
    consumer: str
    since: float
    claimed_by: str | None
    adopted_from: str | None
    """Name of the domain that had it before we knew; None where it was claimed."""
    allocated_at: float | None
    """None where it never was, or an older record does not say."""
    until: float | None = None
    """None while the claim is held."""
    ended_by: str | None = None
    ending: Ending | None = None
    dirty: bool = False
    """The device had to be cleaned afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """An operator did something to a device, or to the host."""

    address: PciAddress | None
    """None: the host."""
    kind: UpkeepKind
    at: float
    """Seconds since the epoch."""
    by: str | None
    reason: str | None = None
    """Only of what was disabled."""


Past = Span | Upkeep


@dataclass(frozen=True, slots=True)
class Unreadable:
    """There is history that can't be told, and why; what is told beside it is right all the same."""

    problem: str


@dataclass(frozen=True, slots=True)
class About:
    """Whose history is asked for: a device's or a consumer's."""

    subject: PciAddress | str

    def concerns(self, past: Past) -> bool:
        """What was done to the host was done to each of its devices."""
        match past, self.subject:
            case Span(), PciAddress():
                return past.address == self.subject
            case Span(), _:
                return past.consumer == self.subject
            case Upkeep(), PciAddress():
                return past.address in (None, self.subject)
            case _:
                return False


def told(held: "Map[str, Claim]", decision: Decision) -> "tuple[Map[str, Claim], tuple[Past, ...]]":
    """The claims that are held after `decision`, of those held before it, and what it has made past."""
    past: list[Past] = []
    for event in decision.events:
        match event:
            case Claimed(claim):
                held = held.set(claim.claim_id, claim)
            case Allocated(claim_id, at):
                held = held.set(claim_id, replace(held[claim_id], state=ClaimState.ALLOCATED, allocated_at=at))
            case Freed() | Expired():
                if (ended := held.get(event.claim_id)) is not None:
                    past += _spans(ended, event, decision.caller)
                    held = held.delete(event.claim_id)
            case Cleaned(address, at):
                past.append(Upkeep(address=address, kind=UpkeepKind.CLEANED, at=at, by=decision.caller))
            case Disabled(address, reason, at, by):
                past.append(Upkeep(address=address, kind=UpkeepKind.DISABLED, at=at, by=by, reason=reason))
            case Enabled(address, at):
                past.append(Upkeep(address=address, kind=UpkeepKind.ENABLED, at=at, by=decision.caller))
            case _:
                assert_never(event)
    return held, tuple(past)


def still_held(held: "Map[str, Claim]", about: About) -> tuple[Span, ...]:
    """The open spans, newest first."""
    spans = (span for claim in held.values() for span in _spans(claim) if about.concerns(span))
    return tuple(sorted(spans, key=lambda span: (-span.since, span.claim_id, span.address)))


def _spans(claim: Claim, event: Freed | Expired | None = None, caller: str | None = None) -> Iterator[Span]:
    """Open ones where no event has ended them."""
    ending = None if event is None else Ending.FREED if isinstance(event, Freed) else Ending.EXPIRED
    for each in claim.held:
        yield Span(
            address=each.address,
            claim_id=claim.claim_id,
            consumer=claim.wish.consumer,
            since=claim.claimed_at,
            claimed_by=claim.claimed_by,
            adopted_from=claim.adopted_from,
            allocated_at=claim.allocated_at,
            until=None if event is None else event.at,
            ended_by=caller,
            ending=ending,
            dirty=event is not None and each.address in event.dirty,
        )
