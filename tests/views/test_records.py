# SPDX-License-Identifier: Apache-2.0
"""What is written down reads back the same, says what it said when its format was made, and is read strictly."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from immutables import Map

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.alias import Alternative, GroupPolicy, NumaPolicy, Request
from pcipt_agent.core.claim import (
    Allocated,
    Claim,
    ClaimBook,
    Claimed,
    ClaimState,
    Cleaned,
    Dirty,
    Disabled,
    Enabled,
    Event,
    Expired,
    Fingerprint,
    Freed,
    Held,
    Wish,
    with_claim,
)
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.guest import Guest
from pcipt_agent.views.fields import Undecodable
from pcipt_agent.views.records import Book, Entry, Happened, Started, decode, encode
from tests.support.books import EVENTS, books, claim
from tests.support.golden import Golden

GOLDEN = Path(__file__).parent / "golden"

FULL = Claim(
    claim_id="c-1",
    wish=Wish(
        consumer="4c0e1b6e-6f1f-4d3c-9a52-2a0f4f6a7b10",
        requests=(
            Request(
                count=1,
                numa_policy=NumaPolicy.SOCKET,
                numa_policy_asked=True,
                alias="gpu",
                device_type=DeviceType.VF,
                alternatives=(
                    Alternative(vendor_id="10de", product_id="20b5", live_migratable=True),
                    Alternative(resource_class="CUSTOM_GPU", traits=frozenset({"CUSTOM_B", "CUSTOM_A"})),
                ),
            ),
            Request(count=1, address=PciAddress(0x10000, 0xE1, 0x1F, 7)),
        ),
        guest=Guest(frozenset({1, 0})),
        group_policy=GroupPolicy.ISOLATE,
        move_id="move-1",
    ),
    held=(
        Held(
            request=0,
            address=PciAddress(0, 0x3B, 2, 1),
            device_type=DeviceType.VF,
            managed=False,
            entry='{"vendor_id": "10de", "managed": "no"}',
            fingerprint=Fingerprint(
                vendor_id="10de",
                product_id="20b5",
                subsystem_vendor_id="10de",
                subsystem_product_id="1533",
                parent=PciAddress(0, 0x3B, 0, 0),
                vf_number=17,
                serial="Zürich-1",
            ),
        ),
    ),
    state=ClaimState.ALLOCATED,
    claimed_at=1_700_000_000.25,
    claimed_by="uid 64055",
    allocated_at=1_700_000_001.0,
)
ADOPTED = Claim(
    claim_id="adopted-1",
    wish=Wish(consumer="4c0e1b6e-6f1f-4d3c-9a52-2a0f4f6a7b10", requests=(Request(count=1, address=FULL.held[0].address),)),
    held=(replace(FULL.held[0], entry=None, one_time_use=True),),
    state=ClaimState.ALLOCATED,
    claimed_at=1_700_000_000.25,
    claimed_by="uid 0",
    allocated_at=1_700_000_000.25,
    adopted_from="instance-0000001a",
)

DIRTY = PciAddress(0, 0x3B, 2, 2)
DISABLED = Disabled(PciAddress(0, 0x3B, 0, 0), "link flaps", 1_700_000_002.0, "uid 0")
HOST_DISABLED = Disabled(None, "firmware", 1_700_000_003.5, None)
BOOK = replace(
    with_claim(ClaimBook(), FULL),
    ended=Map({"c-0": 3.0}),
    dirty=Map({DIRTY: Dirty("c-0", "4c0e1b6e-6f1f-4d3c-9a52-2a0f4f6a7b10", 3.0)}),
    disabled=Map({PciAddress(0, 0x3B, 0, 0): DISABLED}),
    host_disabled=HOST_DISABLED,
)


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("claimed", Happened((Claimed(FULL),), "req-1", "uid 64055")),
        ("adopted", Happened((Claimed(ADOPTED),), None, "uid 0")),
        (
            "ended",
            Happened(
                (
                    Allocated("c-1", 1_700_000_001.0),
                    Freed("c-2", 1_700_000_001.5, (DIRTY,)),
                    Expired("c-3", 1_700_000_002.5, (DIRTY,)),
                    Freed("c-4", 1_700_000_003.5),
                ),
                None,
                None,
            ),
        ),
        (
            "upkeep",
            Happened((Cleaned(DIRTY, 4.0), DISABLED, HOST_DISABLED, Enabled(DIRTY, 5.0), Enabled(None, 6.0)), "req-2", "uid 0"),
        ),
        ("start", Started(7)),
        ("book", Book(7, BOOK)),
    ],
)
def test_format_2_says_what_it_has_always_said(name: str, entry: Entry, golden: Golden) -> None:
    golden.check(encode(entry).decode() + "\n", GOLDEN / f"record-2-{name}.json")
    assert decode((GOLDEN / f"record-2-{name}.json").read_bytes()) == entry


@given(st.lists(EVENTS, max_size=3), st.none() | st.text(), st.none() | st.text())
def test_every_decision_reads_back_the_same(events: list[Event], request_id: str | None, caller: str | None) -> None:
    entry = Happened(tuple(events), request_id, caller)
    assert decode(encode(entry)) == entry


@given(books(), st.integers(1))
def test_every_book_reads_back_the_same(book: ClaimBook, incarnation: int) -> None:
    assert decode(encode(Book(incarnation, book))) == Book(incarnation, book)


def test_a_book_that_lost_the_way_to_a_claim_is_not_written() -> None:
    with pytest.raises(AssertionError, match="would be lost"):
        encode(Book(1, ClaimBook(claims=Map({"c1": claim(1)}))))


def test_the_same_is_always_the_same_bytes() -> None:
    one, other = claim(1), claim(2)
    first, second = (with_claim(with_claim(ClaimBook(), order[0]), order[1]) for order in ((one, other), (other, one)))
    assert encode(Book(1, first)) == encode(Book(1, second))


def changed(change: dict[str, object], *, drop: str | None = None) -> bytes:
    """The golden decision with some fields of its claim replaced, and one left out."""
    record = json.loads(encode(Happened((Claimed(FULL),), None, None)))
    record["events"][0]["claim"].update(change)
    if drop is not None:
        del record["events"][0]["claim"][drop]
    return json.dumps(record).encode()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[]", "unknown kind None"),
        (b'{"kind":"wish"}', "unknown kind 'wish'"),
        (b'{"kind":"start"}', "fields .'incarnation'. are missing"),
        (b'{"kind":"start","incarnation":true}', "True where an integer belongs"),
        (b'{"kind":"start","incarnation":1,"x":1}', "fields .'x'. are missing, or unknown"),
        (b'{"kind":"decision","events":[{"event":"stolen"}],"request_id":null,"caller":null}', "unknown event 'stolen'"),
        (b'{"kind":"decision","events":[7],"request_id":null,"caller":null}', "unknown event None"),
        (b'{"kind":"decision","events":{},"request_id":null,"caller":null}', "where an array belongs"),
        (b'{"kind":"decision","events":[],"request_id":7,"caller":null}', "7 where a string belongs"),
        (
            b'{"kind":"decision","events":[{"event":"freed","claim_id":"c","at":"now","dirty":[]}],"request_id":null,"caller":null}',
            "'now' where a number belongs",
        ),
        (
            b'{"kind":"decision","events":[{"event":"freed","claim_id":"c","at":1}],"request_id":null,"caller":null}',
            "dirty.* missing",
        ),
        (
            b'{"kind":"decision","events":[{"event":"cleaned","address":null,"at":1}],"request_id":null,"caller":null}',
            "None where a str",
        ),
        (b'{"kind":"decision","events":[],"request_id":null}', "fields .'caller'. are missing"),
        (b'{"kind":"book","incarnation":1,"claims":[],"ended":[],"dirty":[],"disabled":[]}', "ended is no object"),
        (changed({"state": "reserved"}), "'reserved' is not a valid ClaimState"),
        (changed({"group_policy": "legacy"}), "'legacy' is not a valid GroupPolicy"),
        (changed({"colour": "red"}), "colour"),
        (changed({}, drop="move_id"), "move_id"),
        (changed({"requests": []}), "for a request that it does not have"),
        (changed({"requests": [1]}), "where an object with count, "),
        (changed({"numa_nodes": [None]}), "None where an integer belongs"),
    ],
)
def test_what_this_format_does_not_have_is_refused(body: bytes, problem: str) -> None:
    with pytest.raises(Undecodable, match=problem):
        decode(body)


def test_an_address_that_is_none_is_refused() -> None:
    body = encode(Happened((Claimed(FULL),), None, None)).replace(b'"0000:3b:02.1"', b'"3b:02.1"')
    with pytest.raises(Undecodable, match="where an address belongs"):
        decode(body)


def test_a_book_that_holds_a_device_twice_is_refused() -> None:
    twin = replace(claim(1), claim_id="twin")
    with pytest.raises(Undecodable, match="a device or a claim_id twice"):
        decode(encode(Book(1, with_claim(with_claim(ClaimBook(), claim(1)), twin))))


@pytest.mark.parametrize("field", ["dirty", "disabled"])
def test_a_book_that_has_a_device_dirty_or_disabled_twice_is_refused(field: str) -> None:
    record = json.loads(encode(Book(7, BOOK)))
    record[field] *= 2
    with pytest.raises(Undecodable, match="dirty or disabled twice"):
        decode(json.dumps(record).encode())


def test_a_format_that_there_is_not_is_refused() -> None:
    with pytest.raises(Undecodable, match="there is no format 0"):
        decode(encode(Started(1)), 0)
