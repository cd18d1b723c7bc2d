# SPDX-License-Identifier: Apache-2.0
"""What is past reads back the same, says what it has always said, and is read strictly."""

import json
from pathlib import Path

import pytest
from hypothesis import given

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.history import Ending, Past, Span, Upkeep, UpkeepKind
from pcipt_agent.views.fields import Undecodable
from pcipt_agent.views.history_records import decode_past, encode_past
from tests.support.books import PASTS
from tests.support.golden import Golden

GOLDEN = Path(__file__).parent / "golden"
SPAN = Span(
    address=PciAddress(0, 0x3B, 2, 1),
    claim_id="c-1",
    consumer="4c0e1b6e-6f1f-4d3c-9a52-2a0f4f6a7b10",
    since=1_700_000_000.25,
    claimed_by="uid 64055",
    adopted_from="instance-0000001a",
    allocated_at=1_700_000_001.0,
    until=1_700_000_009.5,
    ended_by="uid 0",
    ending=Ending.EXPIRED,
    dirty=True,
)


@pytest.mark.parametrize(
    ("name", "past"),
    [
        ("span", SPAN),
        ("upkeep", Upkeep(address=SPAN.address, kind=UpkeepKind.DISABLED, at=1_700_000_010.0, by="uid 0", reason="link flaps")),
        ("upkeep-host", Upkeep(address=None, kind=UpkeepKind.ENABLED, at=1_700_000_011.0, by=None)),
    ],
)
def test_it_says_what_it_has_always_said(name: str, past: Past, golden: Golden) -> None:
    golden.check(encode_past(past).decode() + "\n", GOLDEN / f"past-1-{name}.json")
    assert decode_past((GOLDEN / f"past-1-{name}.json").read_bytes()) == past


@given(PASTS)
def test_everything_past_reads_back_the_same(past: Past) -> None:
    assert decode_past(encode_past(past)) == past


def changed(**change: object) -> bytes:
    return json.dumps({**json.loads(encode_past(SPAN)), **change}).encode()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "no JSON"),
        (b"[]", "neither a span nor upkeep"),
        (changed(kind="claim"), "neither a span nor upkeep"),
        (changed(colour="red"), "colour"),
        (changed(address=None), "None where a string belongs"),
        (changed(ending="stolen"), "'stolen' is not a valid Ending"),
        (changed(dirty=0), "0 where true or false belongs"),
        (b'{"kind":"upkeep","address":null,"what":"sold","at":1,"by":null,"reason":null}', "'sold' is not a valid UpkeepKind"),
        (b'{"kind":"upkeep","address":null,"what":"enabled","at":1}', "by.*reason.* are missing"),
    ],
)
def test_what_is_none_of_it_is_refused(body: bytes, problem: str) -> None:
    with pytest.raises(Undecodable, match=problem):
        decode_past(body)
