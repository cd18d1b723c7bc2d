# SPDX-License-Identifier: Apache-2.0
"""Rows of the journal, and what they add up to.

SQLite does not checksum what it stores, so each row carries a CRC over its own bytes *and* over the CRC of the row before: a
flipped bit, a row that is missing in the middle, or pages of two different moments are all seen. Every row is checked, and every
event must be possible after those before it; the first that is not stops the replay. Nothing is repaired: a guess would promise a
device twice.

Does not know: SQL, files, what is done about a row that can't be trusted.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, assert_never

from pcipt_agent.core.claim import (
    Allocated,
    Claim,
    ClaimBook,
    Claimed,
    ClaimState,
    Cleaned,
    Decision,
    Disabled,
    Enabled,
    Event,
    Expired,
    Freed,
    evolve,
)
from pcipt_agent.views.fields import Undecodable
from pcipt_agent.views.records import FORMAT, Book, Entry, Happened, Started, decode, encode

EMPTY_BOOK: Final = ClaimBook()


class Untrusted(ValueError):
    """A row that can't be true; the text names its sequence number."""


class TooNew(ValueError):
    """A row of a format that a later version of this program writes."""


class Row(NamedTuple):
    """One row of the table, its columns in order."""

    sequence: int
    """Counted from 1, and on through compactions, without gaps."""
    at: float
    """Seconds since the epoch."""
    boot_id: str
    format: int
    body: bytes
    crc: int
    """Of all of the above and of the row before."""


@dataclass(frozen=True, slots=True)
class Tail:
    """Where the next row goes."""

    sequence: int = 0
    crc: int = 0
    count: int = 0
    """Rows that a start would replay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What the rows read so far add up to."""

    base: ClaimBook = EMPTY_BOOK
    """As the last compaction left it."""
    decisions: tuple[tuple[int, Decision], ...] = ()
    """Since then, oldest first: the record's sequence number, and what it says."""
    book: ClaimBook = EMPTY_BOOK
    incarnation: int = 0
    boot_id: str | None = None
    tail: Tail = Tail()


def row_after(tail: Tail, entry: Entry, boot_id: str, at: float) -> Row:
    """The row that writes `entry` down."""
    row = Row(tail.sequence + 1, float(at), boot_id, FORMAT, encode(entry), crc=0)
    # The rows that a Book replaces go with it, so it begins the chain anew.
    return row._replace(crc=_crc(0 if isinstance(entry, Book) else tail.crc, row))


def tail_after(tail: Tail, row: Row, entry: Entry) -> Tail:
    return Tail(row.sequence, row.crc, 1 if isinstance(entry, Book) else tail.count + 1)


def entries(rows: Iterable[Row]) -> Iterator[tuple[Row, Entry]]:
    """Each row with what it says, once it is known to be whole. Raises Untrusted and TooNew."""
    before: Row | None = None
    for row in rows:
        if row.format > FORMAT:
            raise TooNew(f"record {row.sequence} is of format {row.format}, and this version reads {FORMAT}")
        if before is not None and row.sequence != before.sequence + 1:
            raise Untrusted(f"record {before.sequence + 1} is missing")
        if row.crc != _crc(0 if before is None else before.crc, row):
            raise Untrusted(f"record {row.sequence} does not have the checksum that it was written with")
        try:
            entry = decode(row.body, row.format)
        except Undecodable as error:
            raise Untrusted(f"record {row.sequence}: {error}") from error
        yield row, entry
        before = row


def replay(rows: Iterable[Row]) -> Replayed:
    """All of the rows, oldest first. Raises Untrusted and TooNew."""
    so_far, decisions = Replayed(), list[tuple[int, Decision]]()
    for row, entry in entries(rows):
        so_far = replace(_noted(so_far, row, entry), boot_id=row.boot_id, tail=tail_after(so_far.tail, row, entry))
        if isinstance(entry, Happened):
            decisions.append((row.sequence, decision_of(row, entry)))
    if so_far.tail.count == 0:
        raise Untrusted("it has no record, and a journal is made with one")
    return replace(so_far, decisions=tuple(decisions))


def decision_of(row: Row, entry: Happened) -> Decision:
    return Decision(events=entry.events, at=row.at, boot_id=row.boot_id, request_id=entry.request_id, caller=entry.caller)


def _noted(so_far: Replayed, row: Row, entry: Entry) -> Replayed:
    match entry:
        case Happened(events):
            book = so_far.book
            for event in events:
                if (why := _impossible(book, event)) is not None:
                    raise Untrusted(f"record {row.sequence}: {why}")
                book = evolve(book, event)
            return replace(so_far, book=book)
        case Started(incarnation):
            return replace(so_far, incarnation=incarnation)
        case Book(incarnation, book):
            return replace(so_far, base=book, book=book, incarnation=incarnation)
        case _:
            assert_never(entry)


def _impossible(book: ClaimBook, event: Event) -> str | None:
    """Why it can't have happened to `book`; None where it can."""
    match event:
        case Claimed(claim):
            return _not_claimable(book, claim)
        case Allocated(claim_id):
            held_now = book.claims.get(claim_id)
            possible = held_now is not None and held_now.state is ClaimState.CLAIMED
            return None if possible else f"claim {claim_id!r} is allocated and was not claimed"
        case Freed() | Expired():
            return _not_ending(book, event)
        case Cleaned(address):
            return None if address in book.dirty else f"{address} is cleaned and was not dirty"
        case Disabled():
            return None
        case Enabled(address):
            possible = book.host_disabled is not None if address is None else address in book.disabled
            return None if possible else f"{address or 'the host'} is enabled and was not disabled"
        case _:
            assert_never(event)


def _not_claimable(book: ClaimBook, claim: Claim) -> str | None:
    held = [each.address for each in claim.held]
    taken = [str(address) for address in held if address in book.holders]
    if taken:
        return f"claim {claim.claim_id!r} is promised {', '.join(taken)}, held by another claim"
    if len(set(held)) != len(held):
        return f"claim {claim.claim_id!r} is promised a device twice"
    if claim.claim_id in book.claims or claim.claim_id in book.ended:
        return f"claim {claim.claim_id!r} is claimed twice"
    if claim.adopted_from is None:  # what a guest already had is adopted whatever it is
        if claim.state is not ClaimState.CLAIMED:
            return f"claim {claim.claim_id!r} begins as {claim.state}"
        if dirty := [str(address) for address in held if address in book.dirty]:
            return f"claim {claim.claim_id!r} is promised {', '.join(dirty)}, which is dirty"
    return None


def _not_ending(book: ClaimBook, event: Freed | Expired) -> str | None:
    claim = book.claims.get(event.claim_id)
    if event.claim_id in book.ended:
        return f"claim {event.claim_id!r} ends twice"
    if isinstance(event, Expired) and (claim is None or claim.state is not ClaimState.CLAIMED):
        return f"claim {event.claim_id!r} expires and was not waiting to be allocated"
    others = set(event.dirty) - ({each.address for each in claim.held} if claim is not None else set())
    return f"claim {event.claim_id!r} leaves {min(others)} dirty, which it did not hold" if others else None


def _crc(before: int, row: Row) -> int:
    return zlib.crc32(row.body, zlib.crc32(f"{before} {row.sequence} {row.at!r} {row.boot_id} {row.format} ".encode()))
