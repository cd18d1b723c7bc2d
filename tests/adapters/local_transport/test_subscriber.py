# SPDX-License-Identifier: Apache-2.0
"""Subscribers that are slow, away, or share."""

import socket
from collections.abc import Iterator

from pcipt_agent.adapters.local_transport.frames import Patience, encode, receive
from pcipt_agent.views.contract import NOTIFICATIONS_LOST
from tests.adapters.contract.transport import first_notification
from tests.support.bus import Echo, Subscriber, eventually, notifying, path_of, serving, subscribed


def test_a_subscriber_that_does_not_read_costs_the_notifier_nothing_and_is_let_go_with_a_word(url: str) -> None:
    with serving(url, Echo()), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stuck:
        stuck.connect(str(path_of(url)))
        stuck.sendall(encode({"kind": "subscribe", "topics": [["openstack", "notifications.info"]], "pool": "stuck"}))
        assert receive(stuck, Patience(10), Patience(10)) == {"kind": "subscribed"}
        other = Subscriber()
        with subscribed(url, other, "other"), notifying(url) as notifier:
            first_notification(notifier, other)
            for number in range(2000):
                notifier.info({}, "pcipt.test", {"number": number, "text": "x" * 1000})
            numbers = [payload["number"] for event_type, payload in _all_of(other, 2000) if event_type == "pcipt.test"]
            assert sorted(numbers) == list(range(2000))
        frames = [receive(stuck, Patience(10), Patience(10))]
        while frames[-1]["kind"] == "notification":
            frames.append(receive(stuck, Patience(10), Patience(10)))
        assert frames[-1] == {"kind": "dropped", "missed": 1001}
        told = [frame["message"]["payload"].get("number", -1) for frame in frames[:-1]]
        assert told == sorted(told)
        assert stuck.recv(1) == b""


def _all_of(subscriber: Subscriber, count: int) -> Iterator[tuple[str, dict[str, int]]]:
    while count:
        got = subscriber.got.get(timeout=10)
        count -= got[0] == "pcipt.test"
        yield got


def test_a_subscriber_is_told_that_it_was_away_when_the_agent_is_back(url: str) -> None:
    subscriber = Subscriber()
    with subscribed(url, subscriber), notifying(url) as notifier:
        with serving(url, Echo()):
            first_notification(notifier, subscriber)
        with serving(url, Echo()):
            while (got := subscriber.got.get(timeout=10))[0] == "first":
                pass
            assert got == (NOTIFICATIONS_LOST, {})


def test_subscribers_of_one_pool_share(url: str) -> None:
    one, two = Subscriber(), Subscriber()
    with serving(url, Echo()), subscribed(url, one), subscribed(url, two), notifying(url) as notifier:
        first_notification(notifier, one)
        first_notification(notifier, two)
        for number in range(10):
            notifier.info({}, "pcipt.test", {"number": number})

        def counts() -> list[int]:
            return [sum(event_type == "pcipt.test" for event_type, _ in list(each.got.queue)) for each in (one, two)]

        assert eventually(lambda: sum(counts()) == 10)
        assert counts() == [5, 5]
