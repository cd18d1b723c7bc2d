# SPDX-License-Identifier: Apache-2.0
"""Records: decisions and claim books as the journal writes them down, format 1.

    {"kind":"decision","events":[…],"request_id":…}     what happened, all of it or none
    {"kind":"start","incarnation":7}                    the agent started
    {"kind":"book","incarnation":7,"claims":[…],"ended":{…}}   everything before it, in one

Every field is ours: no library's object is written, so no library's next version can change what an old record says. Reading is
strict: a kind, an event or a field that this format does not have is refused, never skipped, because a skipped event is a device
promised twice. A field may be added only with a new format number and the old reader kept.

Does not know: SQLite, checksums, sequence numbers, which events are possible after which.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, assert_never

from pcipt_agent.core.address import PciAddress, parse_address
from pcipt_agent.core.alias import Alternative, GroupPolicy, NumaPolicy, Request
from pcipt_agent.core.claim import Allocated, Claim, ClaimBook, Claimed, ClaimState, Event, Fingerprint, Freed, Held, Wish
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.guest import Guest

FORMAT = 1
"""What this module writes, and the newest that it reads."""


class Undecodable(ValueError):
    """The bytes are no record of a format that we know; the text says which field, and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Happened:
    """A decision's events. When and under which boot id is beside the body, in the journal's own columns."""

    events: tuple[Event, ...]
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Started:
    incarnation: int


@dataclass(frozen=True, slots=True)
class Book:
    """All that was true, and the number of the last start."""

    incarnation: int
    book: ClaimBook


Entry = Happened | Started | Book
Json = dict[str, Any]
_Word = TypeVar("_Word", GroupPolicy, NumaPolicy, DeviceType, ClaimState)


def encode(entry: Entry) -> bytes:
    """The record's body: the same entry is always the same bytes."""
    match entry:
        case Happened(events, request_id):
            body: Json = {"kind": "decision", "events": [_event(event) for event in events], "request_id": request_id}
        case Started(incarnation):
            body = {"kind": "start", "incarnation": incarnation}
        case Book(incarnation, book):
            claims = [_claim(book.claims[claim_id]) for claim_id in sorted(book.claims)]
            body = {"kind": "book", "incarnation": incarnation, "claims": claims, "ended": dict(sorted(book.ended.items()))}
        case _:
            assert_never(entry)
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def decode(untrusted_body: bytes) -> Entry:
    """The entry that `encode` made these bytes of. Raises Undecodable."""
    try:
        fields = json.loads(untrusted_body.decode("utf-8", "surrogatepass"))
    except ValueError as error:
        raise Undecodable(f"no JSON: {error}") from error
    kind = fields.get("kind") if isinstance(fields, dict) else None
    match kind:
        case "decision":
            events, request_id = _fields(fields, "kind", "events", "request_id")[1:]
            return Happened(tuple(_read_event(event) for event in _array(events)), _text_or_none(request_id))
        case "start":
            return Started(_integer(_fields(fields, "kind", "incarnation")[1]))
        case "book":
            return _read_book(fields)
        case _:
            raise Undecodable(f"record of unknown kind {kind!r}")


def _event(event: Event) -> Json:
    match event:
        case Claimed(claim):
            return {"event": "claimed", "claim": _claim(claim)}
        case Allocated(claim_id):
            return {"event": "allocated", "claim_id": claim_id}
        case Freed(claim_id, at):
            return {"event": "freed", "claim_id": claim_id, "at": at}
        case _:
            assert_never(event)


def _claim(claim: Claim) -> Json:
    wish = claim.wish
    nodes = wish.guest.numa_nodes
    return {
        "claim_id": claim.claim_id,
        "consumer": wish.consumer,
        "move_id": wish.move_id,
        "group_policy": str(wish.group_policy),
        "numa_nodes": None if nodes is None else sorted(nodes),
        "requests": [_request(request) for request in wish.requests],
        "held": [_held(held) for held in claim.held],
        "state": str(claim.state),
        "claimed_at": claim.claimed_at,
    }


def _request(request: Request) -> Json:
    return {
        "count": request.count,
        "numa_policy": str(request.numa_policy),
        "numa_policy_asked": request.numa_policy_asked,
        "alias": request.alias,
        "device_type": None if request.device_type is None else str(request.device_type),
        "alternatives": [_alternative(each) for each in request.alternatives],
        "address": None if request.address is None else str(request.address),
    }


def _alternative(wanted: Alternative) -> Json:
    return {
        "vendor_id": wanted.vendor_id,
        "product_id": wanted.product_id,
        "resource_class": wanted.resource_class,
        "traits": sorted(wanted.traits),
        "live_migratable": wanted.live_migratable,
    }


def _held(held: Held) -> Json:
    seen = held.fingerprint
    return {
        "request": held.request,
        "address": str(held.address),
        "device_type": str(held.device_type),
        "managed": held.managed,
        "entry": held.entry,
        "vendor_id": seen.vendor_id,
        "product_id": seen.product_id,
        "subsystem_vendor_id": seen.subsystem_vendor_id,
        "subsystem_product_id": seen.subsystem_product_id,
        "parent": None if seen.parent is None else str(seen.parent),
        "vf_number": seen.vf_number,
        "serial": seen.serial,
    }


def _read_book(fields: Json) -> Book:
    incarnation, untrusted_claims, untrusted_ended = _fields(fields, "kind", "incarnation", "claims", "ended")[1:]
    claims = [_read_claim(each) for each in _array(untrusted_claims)]
    holders = {held.address: claim.claim_id for claim in claims for held in claim.held}
    if len(holders) != sum(len(claim.held) for claim in claims) or len({claim.claim_id for claim in claims}) != len(claims):
        raise Undecodable("the book holds a device or a claim_id twice")
    if not isinstance(untrusted_ended, dict):
        raise Undecodable("ended is no object")
    ended = {claim_id: _number(at) for claim_id, at in untrusted_ended.items()}
    empty = ClaimBook()
    book = ClaimBook(
        claims=empty.claims.update({claim.claim_id: claim for claim in claims}),
        holders=empty.holders.update(holders),
        ended=empty.ended.update(ended),
    )
    return Book(_integer(incarnation), book)


def _read_event(untrusted: Any) -> Event:
    kind = untrusted.get("event") if isinstance(untrusted, dict) else None
    match kind:
        case "claimed":
            return Claimed(_read_claim(_fields(untrusted, "event", "claim")[1]))
        case "allocated":
            return Allocated(_text(_fields(untrusted, "event", "claim_id")[1]))
        case "freed":
            _, claim_id, at = _fields(untrusted, "event", "claim_id", "at")
            return Freed(_text(claim_id), _number(at))
        case _:
            raise Undecodable(f"unknown event {kind!r}")


_CLAIM = ("claim_id", "consumer", "move_id", "group_policy", "numa_nodes", "requests", "held", "state", "claimed_at")


def _read_claim(untrusted: Any) -> Claim:
    claim_id, consumer, move_id, group_policy, nodes, requests, held, state, at = _fields(untrusted, *_CLAIM)
    wish = Wish(
        consumer=_text(consumer),
        requests=tuple(_read_request(each) for each in _array(requests)),
        guest=Guest(None if nodes is None else frozenset(_integer(node) for node in _array(nodes))),
        group_policy=_word(GroupPolicy, group_policy),
        move_id=_text_or_none(move_id),
    )
    devices = tuple(_read_held(each) for each in _array(held))
    if any(not 0 <= each.request < len(wish.requests) for each in devices):
        raise Undecodable(f"claim {claim_id!r} holds a device for a request that it does not have")
    return Claim(claim_id=_text(claim_id), wish=wish, held=devices, state=_word(ClaimState, state), claimed_at=_number(at))


def _read_request(untrusted: Any) -> Request:
    names = ("count", "numa_policy", "numa_policy_asked", "alias", "device_type", "alternatives", "address")
    count, numa_policy, asked, alias, device_type, alternatives, address = _fields(untrusted, *names)
    return Request(
        count=_integer(count),
        numa_policy=_word(NumaPolicy, numa_policy),
        numa_policy_asked=_truth(asked),
        alias=_text_or_none(alias),
        device_type=None if device_type is None else _word(DeviceType, device_type),
        alternatives=tuple(_read_alternative(each) for each in _array(alternatives)),
        address=None if address is None else _address(address),
    )


def _read_alternative(untrusted: Any) -> Alternative:
    names = ("vendor_id", "product_id", "resource_class", "traits", "live_migratable")
    vendor_id, product_id, resource_class, traits, live_migratable = _fields(untrusted, *names)
    return Alternative(
        vendor_id=_text_or_none(vendor_id),
        product_id=_text_or_none(product_id),
        resource_class=_text_or_none(resource_class),
        traits=frozenset(_text(trait) for trait in _array(traits)),
        live_migratable=None if live_migratable is None else _truth(live_migratable),
    )


_SEEN = ("vendor_id", "product_id", "subsystem_vendor_id", "subsystem_product_id", "parent", "vf_number", "serial")


def _read_held(untrusted: Any) -> Held:
    own = ("request", "address", "device_type", "managed", "entry")
    request, address, device_type, managed, entry, *seen = _fields(untrusted, *own, *_SEEN)
    vendor_id, product_id, subsystem_vendor_id, subsystem_product_id, parent, vf_number, serial = seen
    fingerprint = Fingerprint(
        vendor_id=_text(vendor_id),
        product_id=_text(product_id),
        subsystem_vendor_id=_text_or_none(subsystem_vendor_id),
        subsystem_product_id=_text_or_none(subsystem_product_id),
        parent=None if parent is None else _address(parent),
        vf_number=None if vf_number is None else _integer(vf_number),
        serial=_text_or_none(serial),
    )
    return Held(
        request=_integer(request),
        address=_address(address),
        device_type=_word(DeviceType, device_type),
        managed=_truth(managed),
        entry=_text(entry),
        fingerprint=fingerprint,
    )


def _fields(untrusted: Any, *names: str) -> tuple[Any, ...]:
    """The values of exactly these fields, in this order."""
    if not isinstance(untrusted, Mapping):
        raise Undecodable(f"{untrusted!r:.80} where an object with {', '.join(names)} belongs")
    if untrusted.keys() != set(names):
        raise Undecodable(f"fields {sorted(untrusted.keys() ^ set(names))} are missing, or unknown here")
    return tuple(untrusted[name] for name in names)


def _one(wanted: str, holds: Callable[[Any], bool], untrusted: Any) -> Any:
    if not holds(untrusted):
        raise Undecodable(f"{untrusted!r:.80} where {wanted} belongs")
    return untrusted


def _array(untrusted: Any) -> list[Any]:
    found: list[Any] = _one("an array", lambda value: isinstance(value, list), untrusted)
    return found


def _text(untrusted: Any) -> str:
    return str(_one("a string", lambda value: isinstance(value, str), untrusted))


def _text_or_none(untrusted: Any) -> str | None:
    return None if untrusted is None else _text(untrusted)


def _integer(untrusted: Any) -> int:
    return int(_one("an integer", lambda value: type(value) is int, untrusted))


def _number(untrusted: Any) -> float:
    return float(_one("a number", lambda value: type(value) in (int, float), untrusted))


def _truth(untrusted: Any) -> bool:
    return bool(_one("true or false", lambda value: type(value) is bool, untrusted))


def _address(untrusted: Any) -> PciAddress:
    address = parse_address(_text(untrusted))
    if address is None:
        raise Undecodable(f"{untrusted!r:.80} where an address belongs")
    return address


def _word(words: type[_Word], untrusted: Any) -> _Word:
    try:
        return words(untrusted)
    except ValueError as error:
        raise Undecodable(str(error)) from error
