# SPDX-License-Identifier: Apache-2.0
"""What following an agent must do, over its own socket and over a broker alike.

Does not know: which of them it is; the subclass gives `url`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, Queue

import oslo_messaging
from oslo_config import cfg

from pcipt_agent.adapters.following import Told, following
from tests.support.bus import Echo, Subscriber, serving, subscribed


@contextmanager
def agent_telling(url: str, host: str = "compute1") -> Iterator[oslo_messaging.Notifier]:
    """A notifier that tells as the agent of `host` does."""
    transport = oslo_messaging.get_notification_transport(cfg.CONF, url=url)
    try:
        yield oslo_messaging.Notifier(transport, f"pcipt-agent.{host}", driver="messagingv2", topics=["notifications"], retry=0)
    finally:
        transport.cleanup()


def begin(agent: oslo_messaging.Notifier, told: "Queue[Told]", until: Callable[[Told], bool] = lambda _: True) -> None:
    """A follower does not say when it follows: told to until it has heard, and has heard the last of it."""
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        agent.info({}, "pcipt.begin", {})
        try:
            if until(told.get(timeout=0.2)):
                break
        except Empty:
            continue
    agent.info({}, "pcipt.begun", {})
    while told.get(timeout=10).event_type != "pcipt.begun":
        pass


class FollowingContract:
    """The suite; a subclass has a fixture `url`."""

    def test_what_the_agent_tells_is_told_in_order_with_its_payload(self, url: str) -> None:
        told = Queue[Told]()
        with serving(url, Echo()), following(cfg.CONF, url, "compute1", told.put), agent_telling(url) as agent:
            begin(agent, told)
            for number in range(5):
                agent.info({}, "pcipt.claim.freed", {"claim_id": f"c{number}"})
            got = [told.get(timeout=10) for _ in range(5)]
        assert [(each.event_type, each.payload) for each in got] == [
            ("pcipt.claim.freed", {"claim_id": f"c{number}"}) for number in range(5)
        ]
        assert got[0].publisher_id == "pcipt-agent.compute1"
        assert got[0].timestamp[:2] == "20"

    def test_what_others_tell_is_not(self, url: str) -> None:
        told = Queue[Told]()
        with (
            serving(url, Echo()),
            following(cfg.CONF, url, "compute1", told.put),
            agent_telling(url) as agent,
            agent_telling(url, "compute2") as other,
        ):
            begin(agent, told)
            other.info({}, "pcipt.other", {})
            agent.info({}, "pcipt.own", {})
            assert told.get(timeout=10).event_type == "pcipt.own"

    def test_a_follower_takes_nobody_s_messages(self, url: str) -> None:
        told, also, subscriber = Queue[Told](), Queue[Told](), Subscriber()
        with (
            serving(url, Echo()),
            subscribed(url, subscriber),
            following(cfg.CONF, url, "compute1", told.put),
            following(cfg.CONF, url, "compute1", also.put),
            agent_telling(url) as agent,
        ):
            begin(agent, told)
            begin(agent, also)
            agent.info({}, "pcipt.last", {})
            for queue in (told, also):
                while queue.get(timeout=10).event_type != "pcipt.last":
                    pass
            while subscriber.got.get(timeout=10)[0] != "pcipt.last":
                pass
