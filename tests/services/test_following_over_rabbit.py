# SPDX-License-Identifier: Apache-2.0
"""Following an agent over a real RabbitMQ: as over its own socket, and nothing stays behind there."""

import logging
import socket
from collections.abc import Iterator
from contextlib import suppress
from queue import Queue
from threading import Thread

import kombu
import oslo_messaging
import pytest
from oslo_config import cfg

from pcipt_agent.adapters.following import Told, broker_urls, following
from pcipt_agent.views.contract import NOTIFICATIONS_LOST
from tests.adapters.contract.following import FollowingContract, agent_telling, begin
from tests.support.broker import broker
from tests.support.bus import eventually


@pytest.fixture(scope="module")
def rabbit() -> Iterator[str]:
    """One of its own: what is no notification stays in the queue that oslo.messaging declares, and stops who reads that."""
    with broker() as url:
        yield url


class TestFollowingOverRabbit(FollowingContract):
    @pytest.fixture
    def url(self, rabbit: str) -> str:
        return rabbit


def test_nothing_stays_behind_at_the_broker(rabbit: str) -> None:
    """Seen by a topic that nobody else reads: the broker gives back what no queue takes."""
    cfg.CONF.set_override("topics", ["pcipt-alone"], group="oslo_messaging_notifications")
    try:
        with following(cfg.CONF, rabbit, "compute1", lambda _: None):
            assert eventually(lambda: taken(rabbit))
        assert eventually(lambda: not taken(rabbit))
    finally:
        cfg.CONF.clear_override("topics", group="oslo_messaging_notifications")


def taken(rabbit: str) -> bool:
    """Whether a queue takes what is told on the topic."""
    returned: list[object] = []
    with kombu.Connection(broker_urls(oslo_messaging.TransportURL.parse(cfg.CONF, rabbit))) as connection:
        producer = connection.Producer(on_return=lambda *message: returned.append(message))
        producer.publish(b"{}", exchange="openstack", routing_key="pcipt-alone.info", mandatory=True, content_type="text/plain")
        with suppress(TimeoutError):
            connection.drain_events(timeout=0.5)
    return not returned


def test_what_is_no_notification_is_passed_over(rabbit: str) -> None:
    told = Queue[Told]()
    with following(cfg.CONF, rabbit, "compute1", told.put), agent_telling(rabbit) as agent:
        begin(agent, told)
        with kombu.Connection(broker_urls(oslo_messaging.TransportURL.parse(cfg.CONF, rabbit))) as connection:
            producer = connection.Producer()
            for body in (b"\xff", b"[]", b"{}", b'{"oslo.message": 1}', b'{"oslo.message": "1"}', b'{"publisher_id": 1}'):
                producer.publish(
                    body,
                    exchange="openstack",
                    routing_key="notifications.info",
                    content_type="text/plain",
                    content_encoding="binary",
                )
        agent.info({}, "pcipt.last", {})
        assert told.get(timeout=10).event_type == "pcipt.last"


class Cut:
    """A way to a broker that can be cut: connections through it end, and new ones are refused until it is mended."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: list[socket.socket] = []
        self.whole = True
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self.whole = False
        for each in self._open:
            each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._open.clear()

    def _accept(self) -> None:
        while True:
            near, _ = self._listening.accept()
            if not self.whole:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._port))
            self._open += [near, far]
            for one, other in ((near, far), (far, near)):
                Thread(target=_pass_on, args=(one, other), daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    try:
        while octets := one.recv(65536):
            other.sendall(octets)
    except OSError:
        return


def test_a_broker_that_goes_away_is_said_and_followed_again_when_it_is_back(rabbit: str, caplog: pytest.LogCaptureFixture) -> None:
    where = oslo_messaging.TransportURL.parse(cfg.CONF, rabbit).hosts[0]
    way = Cut(where.port)
    told = Queue[Told]()
    url = rabbit.replace(str(where.port), str(way.port))
    with following(cfg.CONF, url, "compute1", told.put), agent_telling(rabbit) as agent, caplog.at_level(logging.WARNING):
        begin(agent, told, lambda each: each.event_type == "pcipt.begin" or pytest.fail(f"{each} came first"))
        way.cut()
        assert eventually(lambda: "no notifications from the broker, trying again" in caplog.text)
        way.whole = True
        assert told.get(timeout=30).event_type == NOTIFICATIONS_LOST
        begin(agent, told)
