# SPDX-License-Identifier: Apache-2.0
"""What is past, as the journal's history keeps it, format 1. Read as strictly as records are (`views.fields`).

Does not know: SQLite, checksums, how long it is kept.
"""

import json
from typing import Any, Final, assert_never

from pcipt_agent.core.history import Ending, Past, Span, Upkeep, UpkeepKind
from pcipt_agent.views.fields import (
    Undecodable,
    address,
    address_or_none,
    fields,
    number,
    number_or_none,
    text,
    text_or_none,
    truth,
    word,
)

FORMAT: Final = 1
"""What this module writes, and the newest that it reads."""

_SPAN: Final = ("address", "claim_id", "consumer", "since", "claimed_by", "adopted_from", "allocated_at")
_END: Final = ("until", "ended_by", "ending", "dirty")


def encode_past(past: Past) -> bytes:
    """What `decode_past` reads."""
    match past:
        case Span():
            body: dict[str, Any] = {"kind": "span", **{name: getattr(past, name) for name in (*_SPAN, *_END)}}
            body["address"] = str(past.address)
        case Upkeep():
            where = None if past.address is None else str(past.address)
            body = {"kind": "upkeep", "address": where, "what": str(past.kind), "at": past.at, "by": past.by, "reason": past.reason}
        case _:
            assert_never(past)
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def decode_past(untrusted_body: bytes) -> Past:
    """What `encode_past` made these bytes of. Raises Undecodable."""
    try:
        record = json.loads(untrusted_body.decode("utf-8", "surrogatepass"))
    except ValueError as error:
        raise Undecodable(f"no JSON: {error}") from error
    match record:
        case {"kind": "span"}:
            return _span(*fields(record, "kind", *_SPAN, *_END)[1:])
        case {"kind": "upkeep"}:
            where, what, at, by, reason = fields(record, "kind", "address", "what", "at", "by", "reason")[1:]
            return Upkeep(
                address=address_or_none(where),
                kind=word(UpkeepKind, what),
                at=number(at),
                by=text_or_none(by),
                reason=text_or_none(reason),
            )
        case _:
            raise Undecodable("neither a span nor upkeep")


def _span(*untrusted: Any) -> Span:
    where, claim_id, consumer, since, claimed_by, adopted_from, allocated_at, until, ended_by, ending, dirty = untrusted
    return Span(
        address=address(where),
        claim_id=text(claim_id),
        consumer=text(consumer),
        since=number(since),
        claimed_by=text_or_none(claimed_by),
        adopted_from=text_or_none(adopted_from),
        allocated_at=number_or_none(allocated_at),
        until=number_or_none(until),
        ended_by=text_or_none(ended_by),
        ending=None if ending is None else word(Ending, ending),
        dirty=truth(dirty),
    )
