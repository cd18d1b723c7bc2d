# SPDX-License-Identifier: Apache-2.0
"""Records: decisions and claim books as the journal writes them down, format 2.

    {"kind":"decision","events":[…],"request_id":…,"caller":…}   what happened, all of it or none
    {"kind":"start","incarnation":7}                             the agent started
    {"kind":"book","incarnation":7,"claims":[…],…}               everything before it, in one

Every field is ours: no library's object is written, so no library's next version can change what an old record says. Reading is
strict: a kind, an event or a field that the format does not have is refused, never skipped, because a skipped event is a device
promised twice. A field may be added only with a new format number and the old reader kept (`views.records_1`).

Does not know: SQLite, checksums, sequence numbers, which events are possible after which.
"""

import json
from dataclasses import dataclass
from typing import Any, Final, assert_never

from immutables import Map

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.claim import (
    Allocated,
    ClaimBook,
    Claimed,
    Cleaned,
    Dirty,
    Disabled,
    Enabled,
    Event,
    Expired,
    Freed,
    with_claim,
)
from pcipt_agent.views.claim_records import Json, claim_record, read_claim
from pcipt_agent.views.fields import (
    Undecodable,
    address,
    address_or_none,
    array,
    fields,
    integer,
    number,
    number_or_none,
    text,
    text_or_none,
)
from pcipt_agent.views.records_1 import as_format_2

FORMAT: Final = 2
"""What this module writes, and the newest that it reads."""


@dataclass(frozen=True, slots=True)
class Happened:
    """A decision's events. When and under which boot id is beside the body, in the journal's own columns."""

    events: tuple[Event, ...]
    request_id: str | None
    caller: str | None


@dataclass(frozen=True, slots=True)
class Started:
    incarnation: int


@dataclass(frozen=True, slots=True)
class Book:
    """All that was true, and the number of the last start."""

    incarnation: int
    book: ClaimBook


Entry = Happened | Started | Book


def encode(entry: Entry) -> bytes:
    """The record's body: the same entry is always the same bytes."""
    match entry:
        case Happened(events, request_id, caller):
            happened = [_event(event) for event in events]
            body: Json = {"kind": "decision", "events": happened, "request_id": request_id, "caller": caller}
        case Started(incarnation):
            body = {"kind": "start", "incarnation": incarnation}
        case Book(incarnation, book):
            body = {"kind": "book", "incarnation": incarnation, **_book(book)}
        case _:
            assert_never(entry)
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def decode(untrusted_body: bytes, version: int = FORMAT) -> Entry:
    """The entry that a record of this format is of. Raises Undecodable."""
    try:
        record = json.loads(untrusted_body.decode("utf-8", "surrogatepass"))
    except ValueError as error:
        raise Undecodable(f"no JSON: {error}") from error
    match version:
        case 1:
            return _entry(as_format_2(record))
        case 2:
            return _entry(record)
        case _:
            raise Undecodable(f"there is no format {version}")


def _entry(untrusted: Any) -> Entry:
    kind = untrusted.get("kind") if isinstance(untrusted, dict) else None
    match kind:
        case "decision":
            events, request_id, caller = fields(untrusted, "kind", "events", "request_id", "caller")[1:]
            return Happened(tuple(_read_event(each) for each in array(events)), text_or_none(request_id), text_or_none(caller))
        case "start":
            return Started(integer(fields(untrusted, "kind", "incarnation")[1]))
        case "book":
            incarnation, *parts = fields(untrusted, "kind", "incarnation", "claims", "ended", "dirty", "disabled")[1:]
            return Book(integer(incarnation), _read_book(*parts))
        case _:
            raise Undecodable(f"record of unknown kind {kind!r}")


def _event(event: Event) -> Json:
    match event:
        case Claimed(claim):
            return {"event": "claimed", "claim": claim_record(claim)}
        case Allocated(claim_id, at):
            return {"event": "allocated", "claim_id": claim_id, "at": at}
        case Freed(claim_id, at, dirty):
            return {"event": "freed", "claim_id": claim_id, "at": at, "dirty": [str(each) for each in dirty]}
        case Expired(claim_id, at, dirty):
            return {"event": "expired", "claim_id": claim_id, "at": at, "dirty": [str(each) for each in dirty]}
        case Cleaned(where, at):
            return {"event": "cleaned", "address": str(where), "at": at}
        case Disabled():
            return {"event": "disabled", **_disabled(event)}
        case Enabled(where, at):
            return {"event": "enabled", "address": None if where is None else str(where), "at": at}
        case _:
            assert_never(event)


def _read_event(untrusted: Any) -> Event:
    kind = untrusted.get("event") if isinstance(untrusted, dict) else None
    match kind:
        case "claimed":
            return Claimed(read_claim(fields(untrusted, "event", "claim")[1]))
        case "allocated":
            claim_id, at = fields(untrusted, "event", "claim_id", "at")[1:]
            return Allocated(text(claim_id), number_or_none(at))
        case "freed":
            return Freed(*_read_end(untrusted))
        case "expired":
            return Expired(*_read_end(untrusted))
        case "cleaned":
            where, at = fields(untrusted, "event", "address", "at")[1:]
            return Cleaned(address(where), number(at))
        case "disabled":
            return _read_disabled(*fields(untrusted, "event", "address", "reason", "at", "by")[1:])
        case "enabled":
            where, at = fields(untrusted, "event", "address", "at")[1:]
            return Enabled(address_or_none(where), number(at))
        case _:
            raise Undecodable(f"unknown event {kind!r}")


def _read_end(untrusted: Any) -> tuple[str, float, tuple[PciAddress, ...]]:
    claim_id, at, dirty = fields(untrusted, "event", "claim_id", "at", "dirty")[1:]
    return text(claim_id), number(at), tuple(address(each) for each in array(dirty))


def _disabled(event: Disabled) -> Json:
    where = None if event.address is None else str(event.address)
    return {"address": where, "reason": event.reason, "at": event.at, "by": event.by}


def _read_disabled(untrusted_address: Any, reason: Any, at: Any, by: Any) -> Disabled:
    return Disabled(address_or_none(untrusted_address), text(reason), number(at), text_or_none(by))


def _book(book: ClaimBook) -> Json:
    """A consumer's claims stand oldest first, so that the reader finds that order again."""
    claims = [book.claims[claim_id] for consumer in sorted(book.by_consumer) for claim_id in book.by_consumer[consumer]]
    assert len(claims) == len(book.claims), "a claim that its consumer does not lead to would be lost here"
    disabled = [*([] if book.host_disabled is None else [book.host_disabled]), *(each for _, each in sorted(book.disabled.items()))]
    return {
        "claims": [claim_record(claim) for claim in claims],
        "ended": dict(sorted(book.ended.items())),
        "dirty": [
            {"address": str(where), "claim_id": why.claim_id, "consumer": why.consumer, "at": why.at}
            for where, why in sorted(book.dirty.items())
        ],
        "disabled": [_disabled(each) for each in disabled],
    }


def _read_book(untrusted_claims: Any, untrusted_ended: Any, untrusted_dirty: Any, untrusted_disabled: Any) -> ClaimBook:
    claims = [read_claim(each) for each in array(untrusted_claims)]
    book = ClaimBook()
    for claim in claims:
        book = with_claim(book, claim)
    if len(book.holders) != sum(len(claim.held) for claim in claims) or len(book.claims) != len(claims):
        raise Undecodable("the book holds a device or a claim_id twice")
    if not isinstance(untrusted_ended, dict):
        raise Undecodable("ended is no object")
    dirty = [_read_dirty(each) for each in array(untrusted_dirty)]
    disabled = [_read_disabled(*fields(each, "address", "reason", "at", "by")) for each in array(untrusted_disabled)]
    by_address = {each.address: each for each in disabled}
    if len(dict(dirty)) != len(dirty) or len(by_address) != len(disabled):
        raise Undecodable("the book has a device dirty or disabled twice")
    return ClaimBook(
        claims=book.claims,
        holders=book.holders,
        by_consumer=book.by_consumer,
        ended=Map({claim_id: number(at) for claim_id, at in untrusted_ended.items()}),
        dirty=Map(dirty),
        disabled=Map({where: each for where, each in by_address.items() if where is not None}),
        host_disabled=by_address.get(None),
    )


def _read_dirty(untrusted: Any) -> tuple[PciAddress, Dirty]:
    where, claim_id, consumer, at = fields(untrusted, "address", "claim_id", "consumer", "at")
    return address(where), Dirty(text(claim_id), text(consumer), number(at))
