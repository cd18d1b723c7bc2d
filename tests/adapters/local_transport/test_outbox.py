# SPDX-License-Identifier: Apache-2.0
"""What waits for one peer: taken in order, counted where it is too much, nothing after the end."""

import json
import select
from collections.abc import Iterator

import pytest

from pcipt_agent.adapters.local_transport.outbox import Outbox


@pytest.fixture
def outbox() -> Iterator[Outbox]:
    box = Outbox(limit=3)
    yield box
    box.close()


def readable(box: Outbox) -> bool:
    return bool(select.select([box], [], [], 0)[0])


def test_frames_are_taken_in_order_and_the_descriptor_says_when(outbox: Outbox) -> None:
    assert not readable(outbox)
    outbox.put(b"1")
    outbox.put(b"2")
    assert readable(outbox)
    assert outbox.take() == ([b"1", b"2"], False)
    assert not readable(outbox)
    assert outbox.take() == ([], False)


def test_one_that_runs_over_says_how_many_it_dropped_and_takes_no_more(outbox: Outbox) -> None:
    for number in range(5):
        outbox.put(b"%d" % number)
    (frame,), last = outbox.take()
    assert json.loads(frame[16:]) == {"kind": "dropped", "missed": 4}
    assert last
    assert outbox.missed == 4
    assert not outbox.open


def test_what_is_there_at_the_end_is_still_sent(outbox: Outbox) -> None:
    outbox.put(b"1")
    outbox.finish()
    outbox.put(b"too late")
    assert outbox.take() == ([b"1"], True)


def test_a_closed_one_bears_whatever_comes(outbox: Outbox) -> None:
    outbox.close()
    outbox.close()
    outbox.put(b"1")
    outbox.finish()
    assert len(outbox) == 0
