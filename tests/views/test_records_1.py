# SPDX-License-Identifier: Apache-2.0
"""What format 1 wrote is read as it was meant, and is read as strictly as format 1 was."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pcipt_agent.core.claim import Allocated, ClaimBook, Claimed, Freed, with_claim
from pcipt_agent.views.fields import Undecodable
from pcipt_agent.views.records import Book, Entry, Happened, Started, decode
from tests.views.test_records import FULL

GOLDEN = Path(__file__).parent / "golden"
OLD = replace(FULL, claimed_by=None, allocated_at=None)
"""FULL, as far as format 1 could say it."""


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("claimed", Happened((Claimed(OLD),), "req-1", None)),
        ("allocated-and-freed", Happened((Allocated("c-1"), Freed("c-2", 1_700_000_001.5)), None, None)),
        ("start", Started(7)),
        ("book", Book(7, replace(with_claim(ClaimBook(), OLD), ended=ClaimBook().ended.set("c-0", 3.0)))),
    ],
)
def test_format_1_is_read_as_it_was_written(name: str, entry: Entry) -> None:
    assert decode((GOLDEN / f"record-1-{name}.json").read_bytes(), 1) == entry


def test_a_consumers_claims_stand_oldest_first_whatever_their_ids() -> None:
    record = json.loads((GOLDEN / "record-1-book.json").read_bytes())
    (claim,) = record["claims"]
    record["claims"] = [
        {**claim, "claim_id": name, "claimed_at": at, "held": []} for name, at in (("a", 3.0), ("b", 1.0), ("c", 2.0))
    ]
    entry = decode(json.dumps(record).encode(), 1)
    assert isinstance(entry, Book)
    assert [each.claim_id for each in entry.book.claims_of(OLD.wish.consumer)] == ["b", "c", "a"]


def changed(name: str, *path: str | int, **change: object) -> bytes:
    """The golden record with these fields more, or other ones, at a place in it."""
    record = json.loads((GOLDEN / f"record-1-{name}.json").read_bytes())
    place = record
    for step in path:
        place = place[step]
    place.update(change)
    return json.dumps(record).encode()


CLAIM, HELD = ("events", 0, "claim"), ("events", 0, "claim", "held", 0)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (changed("claimed", caller=None), "'caller'. are unknown in format 1"),
        (changed("claimed", *CLAIM, claimed_by="x"), "'claimed_by'. are unknown in format 1"),
        (changed("claimed", *CLAIM, allocated_at=1, adopted_from="x"), "'adopted_from', 'allocated_at'. are unknown in format 1"),
        (changed("claimed", *HELD, one_time_use=True), "'one_time_use'. are unknown in format 1"),
        (changed("claimed", *HELD, entry=None), "None where a string belongs"),
        (changed("claimed", *HELD, colour="red"), "colour"),
        (changed("claimed", "events", 0, claim=7), "7 where a claim belongs"),
        (changed("claimed", *CLAIM, held=[7]), "7 where an object with request"),
        (changed("allocated-and-freed", "events", 0, at=1.0), "'at'. are unknown in format 1"),
        (changed("allocated-and-freed", "events", 1, dirty=[]), "'dirty'. are unknown in format 1"),
        (changed("allocated-and-freed", "events", 1, event="expired"), "unknown event 'expired'"),
        (changed("allocated-and-freed", events=[7]), "unknown event None"),
        (changed("allocated-and-freed", events=7), "7 where an array belongs"),
        (changed("book", dirty=[]), "'dirty'. are unknown in format 1"),
        (changed("book", disabled=[]), "'disabled'. are unknown in format 1"),
        (changed("book", "claims", 0, claimed_at="now"), "'now' where a number belongs"),
        (changed("start", kind="wish"), "unknown kind 'wish'"),
        (b"7", "unknown kind None"),
    ],
)
def test_what_format_1_did_not_have_is_refused_in_it(body: bytes, problem: str) -> None:
    with pytest.raises(Undecodable, match=problem):
        decode(body, 1)
