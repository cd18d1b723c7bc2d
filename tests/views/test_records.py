# SPDX-License-Identifier: Apache-2.0
"""What is written down reads back the same, says what it said when format 1 was made, and is read strictly."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from immutables import Map

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.alias import Alternative, GroupPolicy, NumaPolicy, Request
from pcipt_agent.core.claim import Allocated, Claim, ClaimBook, Claimed, ClaimState, Fingerprint, Freed, Held, Wish
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.guest import Guest
from pcipt_agent.views.records import Book, Entry, Happened, Started, Undecodable, decode, encode
from tests.support.books import EVENTS, claim
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
)

BOOK = ClaimBook(claims=Map({"c-1": FULL}), holders=Map({FULL.held[0].address: "c-1"}), ended=Map({"c-0": 3.0}))


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("claimed", Happened((Claimed(FULL),), "req-1")),
        ("allocated-and-freed", Happened((Allocated("c-1"), Freed("c-2", 1_700_000_001.5)), None)),
        ("start", Started(7)),
        (
            "book",
            Book(7, ClaimBook(claims=Map({"c-1": FULL}), holders=Map({FULL.held[0].address: "c-1"}), ended=Map({"c-0": 3.0}))),
        ),
    ],
)
def test_format_1_says_what_it_has_always_said(name: str, entry: Entry, golden: Golden) -> None:
    body = encode(entry)
    golden.check(body.decode() + "\n", GOLDEN / f"record-1-{name}.json")
    assert decode((GOLDEN / f"record-1-{name}.json").read_bytes()) == entry


@given(st.lists(EVENTS, max_size=3), st.none() | st.text())
def test_every_decision_reads_back_the_same(events: list[Claimed | Allocated | Freed], request_id: str | None) -> None:
    entry = Happened(tuple(events), request_id)
    assert decode(encode(entry)) == entry


@given(st.sets(st.integers(0, 500), max_size=5), st.dictionaries(st.text(), st.floats(0, 1e9), max_size=3), st.integers(1))
def test_every_book_reads_back_the_same(numbers: set[int], ended: dict[str, float], incarnation: int) -> None:
    claims = {f"c{number}": claim(number, devices=2) for number in numbers}
    holders = {held.address: each.claim_id for each in claims.values() for held in each.held}
    entry = Book(incarnation, ClaimBook(claims=Map(claims), holders=Map(holders), ended=Map(ended)))
    assert decode(encode(entry)) == entry


def test_the_same_is_always_the_same_bytes() -> None:
    one, other = claim(1), claim(2)
    books = [ClaimBook(claims=Map({each.claim_id: each for each in order})) for order in ((one, other), (other, one))]
    assert encode(Book(1, books[0])) == encode(Book(1, books[1]))


def changed(change: dict[str, object], *, drop: str | None = None) -> bytes:
    """The golden decision with some fields of its claim replaced, and one left out."""
    record = json.loads(encode(Happened((Claimed(FULL),), None)))
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
        (b'{"kind":"decision","events":[{"event":"expired"}],"request_id":null}', "unknown event 'expired'"),
        (b'{"kind":"decision","events":[7],"request_id":null}', "unknown event None"),
        (b'{"kind":"decision","events":{},"request_id":null}', "where an array belongs"),
        (b'{"kind":"decision","events":[],"request_id":7}', "7 where a string belongs"),
        (
            b'{"kind":"decision","events":[{"event":"freed","claim_id":"c","at":"now"}],"request_id":null}',
            "'now' where a number belongs",
        ),
        (b'{"kind":"book","incarnation":1,"claims":[],"ended":[]}', "ended is no object"),
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
    body = encode(Happened((Claimed(FULL),), None)).replace(b'"0000:3b:02.1"', b'"3b:02.1"')
    with pytest.raises(Undecodable, match="where an address belongs"):
        decode(body)


def test_a_book_that_holds_a_device_twice_is_refused() -> None:
    twin = replace(claim(1), claim_id="twin")
    with pytest.raises(Undecodable, match="a device or a claim_id twice"):
        decode(encode(Book(1, ClaimBook(claims=Map({"c1": claim(1), "twin": twin})))))
