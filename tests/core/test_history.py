# SPDX-License-Identifier: Apache-2.0
"""Who had a device, from when to when, by whose call."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from immutables import Map

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.claim import Allocated, Claim, Claimed, Cleaned, Decision, Disabled, Enabled, Event, Expired, Freed
from pcipt_agent.core.history import About, Ending, Past, Span, Upkeep, UpkeepKind, still_held, told
from tests.support.books import claim, consumer_id, decision

FIRST, SECOND = (held.address for held in claim(1, devices=2).held)


def past_of(*decisions: Decision) -> tuple[Past, ...]:
    held: Map[str, Claim] = Map()
    found: list[Past] = []
    for each in decisions:
        held, past = told(held, each)
        found += past
    return tuple(found)


def test_a_claim_that_ends_is_a_span_for_each_of_its_devices() -> None:
    found = past_of(
        decision(Claimed(claim(1, devices=2))),
        decision(Allocated("c1", 5.0)),
        decision(Freed("c1", 9.0, (SECOND,)), caller="uid 0"),
    )
    span = Span(
        address=FIRST,
        claim_id="c1",
        consumer=consumer_id(1),
        since=1.0,
        claimed_by="uid 64055",
        adopted_from=None,
        allocated_at=5.0,
        until=9.0,
        ended_by="uid 0",
        ending=Ending.FREED,
    )
    assert found == (span, replace(span, address=SECOND, dirty=True))


def test_a_claim_that_expires_is_ended_by_nobody() -> None:
    (span,) = past_of(decision(Claimed(claim(1))), decision(Expired("c1", 9.0)))
    assert isinstance(span, Span)
    assert (span.ending, span.ended_by, span.allocated_at, span.until) == (Ending.EXPIRED, None, None, 9.0)


def test_an_adopted_device_is_known_by_the_domain_that_had_it() -> None:
    (span,) = past_of(decision(Claimed(replace(claim(1), adopted_from="vm"))), decision(Freed("c1", 9.0)))
    assert isinstance(span, Span)
    assert span.adopted_from == "vm"


def test_the_end_of_an_id_that_nobody_held_is_no_history() -> None:
    assert past_of(decision(Freed("never", 9.0))) == ()


def test_a_claim_that_begins_and_ends_at_once_is_told() -> None:
    assert len(past_of(decision(Claimed(claim(1)), Freed("c1", 1.0)))) == 1


def test_what_an_operator_did_is_told_with_who_and_why() -> None:
    found = past_of(
        decision(Disabled(FIRST, "link flaps", 1.0, "uid 0"), caller="uid 0"),
        decision(Disabled(None, "firmware", 2.0, "uid 1"), caller="uid 1"),
        decision(Enabled(FIRST, 3.0), caller="uid 2"),
        decision(Cleaned(FIRST, 4.0), caller="uid 3"),
    )
    assert found == (
        Upkeep(address=FIRST, kind=UpkeepKind.DISABLED, at=1.0, by="uid 0", reason="link flaps"),
        Upkeep(address=None, kind=UpkeepKind.DISABLED, at=2.0, by="uid 1", reason="firmware"),
        Upkeep(address=FIRST, kind=UpkeepKind.ENABLED, at=3.0, by="uid 2"),
        Upkeep(address=FIRST, kind=UpkeepKind.CLEANED, at=4.0, by="uid 3"),
    )


def test_what_was_done_to_the_host_concerns_each_device_and_no_consumer() -> None:
    of_host, of_device = (Upkeep(address=where, kind=UpkeepKind.ENABLED, at=1.0, by=None) for where in (None, FIRST))
    assert [About(FIRST).concerns(each) for each in (of_host, of_device)] == [True, True]
    assert [About(SECOND).concerns(each) for each in (of_host, of_device)] == [True, False]
    assert [About(consumer_id(1)).concerns(each) for each in (of_host, of_device)] == [False, False]


def test_what_is_held_is_an_open_span_and_the_newest_comes_first() -> None:
    claims = [replace(claim(number, consumer=7), claimed_at=at) for number, at in ((1, 5.0), (2, 7.0), (3, 6.0))]
    held = Map({each.claim_id: each for each in (*claims, claim(9))})
    spans = still_held(held, About(consumer_id(7)))
    assert [(span.claim_id, span.until, span.ending) for span in spans] == [
        ("c2", None, None),
        ("c3", None, None),
        ("c1", None, None),
    ]
    assert [span.claim_id for span in still_held(held, About(claim(9).held[0].address))] == ["c9"]
    assert still_held(held, About(PciAddress(9, 9, 9, 0))) == ()


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["claim", "allocate", "free", "expire"])), max_size=20), st.data())
def test_every_device_of_every_claim_is_told_once_however_decisions_are_cut(
    steps: list[tuple[int, str]], data: st.DataObject
) -> None:
    """The model: a claim_id is held or not, and each time it stops being held its two devices are past."""
    events: list[Event] = []
    held: set[int] = set()
    ended: list[str] = []
    for number, verb in steps:
        if verb == "claim" and number not in held:
            events.append(Claimed(claim(number, devices=2)))
            held.add(number)
        elif verb == "allocate" and number in held:
            events.append(Allocated(f"c{number}", 2.0))
        elif verb in ("free", "expire") and number in held:
            events.append(Freed(f"c{number}", 3.0) if verb == "free" else Expired(f"c{number}", 3.0))
            held.remove(number)
            ended += [f"c{number}"] * 2
    cuts = sorted(data.draw(st.sets(st.integers(0, len(events)))))
    parts = [events[start:end] for start, end in zip([0, *cuts], [*cuts, len(events)], strict=True)]
    past = past_of(*(decision(*part) for part in parts))
    assert [each.claim_id for each in past if isinstance(each, Span)] == ended
