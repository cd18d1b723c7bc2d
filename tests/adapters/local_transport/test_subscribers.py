# SPDX-License-Identifier: Apache-2.0
"""Who gets a notification: one of each pool, of those who asked for its topic, and never somebody who waits too long."""

import json
from typing import Any

import pytest

from pcipt_agent.adapters.local_transport.frames import NotAFrame
from pcipt_agent.adapters.local_transport.outbox import Outbox
from pcipt_agent.adapters.local_transport.subscribers import Subscribers

TOPIC = [None, "notifications.info"]


def told(outbox: Outbox) -> list[Any]:
    """What waits for the subscriber: kinds, and messages of notifications."""
    frames, _ = outbox.take()
    said = [json.loads(frame[16:]) for frame in frames]
    return [frame.get("message", frame["kind"]) for frame in said]


def publish(subscribers: Subscribers, message: int, topic: str = "notifications.info") -> None:
    subscribers.publish({"exchange": None, "topic": topic, "ctxt": {}, "message": message})


def test_those_of_one_pool_take_turns_and_each_pool_gets_all() -> None:
    subscribers = Subscribers(most=8)
    first, second, alone = (subscribers.join([TOPIC], pool) for pool in ("shared", "shared", "own"))
    for number in range(4):
        publish(subscribers, number)
    assert told(first) == ["subscribed", 0, 2]
    assert told(second) == ["subscribed", 1, 3]
    assert told(alone) == ["subscribed", 0, 1, 2, 3]


def test_only_the_topic_that_was_asked_for_comes_and_nothing_after_leaving() -> None:
    subscribers = Subscribers(most=8)
    one = subscribers.join([TOPIC], None)
    publish(subscribers, 1, "another")
    publish(subscribers, 2)
    subscribers.leave(one)
    subscribers.leave(Outbox())
    publish(subscribers, 3)
    assert told(one) == ["subscribed", 2]


def test_one_too_many_is_told_so_and_let_go() -> None:
    subscribers = Subscribers(most=1)
    subscribers.join([TOPIC], None)
    late = subscribers.join([TOPIC], None)
    assert not late.open
    assert told(late) == ["undeliverable"]


@pytest.mark.parametrize("topic", ["notifications.info", [1, "info"], [None], [None, 7]])
def test_a_topic_that_is_none_is_no_frame_of_ours(topic: object) -> None:
    with pytest.raises(NotAFrame):
        Subscribers(most=1).join([topic], None)
