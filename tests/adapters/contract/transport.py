# SPDX-License-Identifier: Apache-2.0
"""What every transport must do, as far as the agent leans on it; run on `unix://` here and on a real RabbitMQ under tests/services.

Does not know: which transport it is; the subclass gives `url`.
"""

import threading
from concurrent.futures import ThreadPoolExecutor

import oslo_messaging
import pytest

from tests.support.bus import Echo, Subscriber, calling, notifying, serving, subscribed


class TransportContract:
    """The suite; a subclass has a fixture `url`."""

    def test_a_call_brings_the_reply(self, url: str) -> None:
        data = {"text": "ä☃", "list": [1, None, True, 1.5], "nested": {"a": {}}}
        with serving(url, Echo()), calling(url) as client:
            assert client.call({}, "echo", data=data) == data

    def test_the_callers_context_arrives(self, url: str) -> None:
        with serving(url, Echo()), calling(url) as client:
            assert client.call({"request_id": "req-1"}, "context")["request_id"] == "req-1"

    def test_a_cast_is_obeyed(self, url: str) -> None:
        echo = Echo()
        with serving(url, echo), calling(url) as client:
            client.cast({}, "note", data="noted")
            assert echo.cast.get(timeout=10) == "noted"

    def test_a_call_to_any_server_of_the_topic_is_answered(self, url: str) -> None:
        with serving(url, Echo()), calling(url, server=None) as client:
            assert client.call({}, "echo", data="any") == "any"

    def test_a_fanout_cast_is_obeyed(self, url: str) -> None:
        echo = Echo()
        with serving(url, echo), calling(url, server=None, fanout=True) as client:
            client.cast({}, "note", data="all")
            assert echo.cast.get(timeout=10) == "all"

    def test_sixteen_callers_at_once_each_get_their_own_reply(self, url: str) -> None:
        together = threading.Barrier(16)
        with serving(url, Echo()), calling(url) as client, ThreadPoolExecutor(16) as pool:

            def one(number: int) -> bool:
                together.wait(10)
                return all(client.call({}, "echo", data=[number, turn]) == [number, turn] for turn in range(5))

            assert all(pool.map(one, range(16)))

    def test_five_megabytes_go_there_and_back(self, url: str) -> None:
        data = "0123456789abcdef" * (5 * 2**16)
        with serving(url, Echo()), calling(url) as client:
            assert client.call({}, "echo", data=data) == data

    def test_an_exception_of_the_server_is_raised_at_the_caller_with_its_text(self, url: str) -> None:
        with serving(url, Echo()), calling(url) as client, pytest.raises(ValueError, match="what went wrong"):
            client.call({}, "fail", text="what went wrong")

    def test_a_method_that_is_none_is_an_error(self, url: str) -> None:
        with serving(url, Echo()), calling(url) as client, pytest.raises(oslo_messaging.NoSuchMethod):
            client.call({}, "nonsense")

    def test_a_version_that_the_server_has_not_is_an_error(self, url: str) -> None:
        with serving(url, Echo()), calling(url, version="1.1") as client, pytest.raises(oslo_messaging.UnsupportedVersion):
            client.call({}, "echo", data="x")

    def test_a_server_that_hangs_is_a_timeout(self, url: str) -> None:
        echo = Echo()
        with serving(url, echo), calling(url, timeout=0.5) as client:
            with pytest.raises(oslo_messaging.MessagingTimeout):
                client.call({}, "hang")
            assert echo.entered.is_set()
            echo.leave.set()

    def test_a_server_that_is_slow_and_says_so_is_waited_for(self, url: str) -> None:
        """The monitor's heartbeats come every second here, and the call takes longer than the monitor's timeout."""
        echo = Echo()
        release = threading.Timer(3.5, echo.leave.set)
        with serving(url, echo), calling(url, timeout=20, call_monitor_timeout=2) as client:
            release.start()
            assert client.call({}, "hang") == "let go"
        release.join()

    def test_stopping_lets_a_call_in_flight_finish(self, url: str) -> None:
        echo = Echo()
        with calling(url) as client, ThreadPoolExecutor(1) as pool:
            with serving(url, echo):
                answer = pool.submit(client.call, {}, "hang")
                assert echo.entered.wait(10)
                threading.Timer(0.3, echo.leave.set).start()
            assert answer.result(10) == "let go"

    def test_a_client_outlives_a_restart_of_the_server(self, url: str) -> None:
        with calling(url) as client:
            for turn in range(2):
                with serving(url, Echo()):
                    assert client.call({}, "echo", data=turn) == turn

    def test_a_notification_reaches_a_subscriber(self, url: str) -> None:
        subscriber = Subscriber()
        with serving(url, Echo()), subscribed(url, subscriber), notifying(url) as notifier:
            first_notification(notifier, subscriber)
            notifier.info({}, "pcipt.test", {"number": 1})
            assert next_other(subscriber) == ("pcipt.test", {"number": 1})

    def test_subscribers_of_two_pools_both_get_it(self, url: str) -> None:
        one, two = Subscriber(), Subscriber()
        with serving(url, Echo()), subscribed(url, one, "one"), subscribed(url, two, "two"), notifying(url) as notifier:
            for subscriber in (one, two):
                first_notification(notifier, subscriber)
            notifier.info({}, "pcipt.test", {})
            assert next_other(one) == next_other(two) == ("pcipt.test", {})


def first_notification(notifier: oslo_messaging.Notifier, subscriber: Subscriber) -> None:
    """A listener does not say when it is subscribed: send until one arrives."""
    for _ in range(100):
        notifier.info({}, "first", {})
        if subscriber.got.qsize() or _within(subscriber, 0.1):
            return
    raise AssertionError("no notification arrived")


def _within(subscriber: Subscriber, seconds: float) -> bool:
    with subscriber.got.not_empty:
        return bool(subscriber.got.queue) or subscriber.got.not_empty.wait(seconds)


def next_other(subscriber: Subscriber) -> tuple[str, dict[str, object]]:
    """The next that is not one of `first_notification`'s."""
    while (got := subscriber.got.get(timeout=10))[0] == "first":
        pass
    return got
