# SPDX-License-Identifier: Apache-2.0
"""Following an agent over its own socket, and what is made of a broker's URL."""

import logging
from collections.abc import Iterator
from queue import Queue

import oslo_messaging
import pytest
from oslo_config import cfg

from pcipt_agent.adapters.following import Told, broker_urls, following
from pcipt_agent.errors import ConfigError
from pcipt_agent.views.contract import NOTIFICATIONS_LOST
from tests.adapters.contract.following import FollowingContract, agent_telling, begin
from tests.support.bus import Echo, eventually, serving, socket_url


class TestFollowingBySocket(FollowingContract):
    @pytest.fixture
    def url(self) -> Iterator[str]:
        with socket_url() as url:
            yield url


def test_an_agent_that_goes_away_is_said_and_followed_again_when_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    told = Queue[Told]()
    with socket_url() as url, following(cfg.CONF, url, "compute1", told.put), agent_telling(url) as agent:
        with serving(url, Echo()):
            begin(agent, told)
        with caplog.at_level(logging.WARNING):
            assert eventually(lambda: "trying again" in caplog.text)
        with serving(url, Echo()):
            assert told.get(timeout=20).event_type == NOTIFICATIONS_LOST
            begin(agent, told)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("rabbit://u:p@h:5673/", "amqp://u:p@h:5673/%2F"),
        ("rabbit://u:p%40%2F@h/v%2Fw", "amqp://u:p%40%2F@h:5672/v%2Fw"),
        ("rabbit://a:b@one:1,c:d@two:2/v", "amqp://a:b@one:1/v;amqp://c:d@two:2/v"),
        ("rabbit://u:p@[::1]:5672/", "amqp://u:p@[::1]:5672/%2F"),
    ],
)
def test_a_broker_is_found_where_oslo_messaging_finds_it(url: str, expected: str) -> None:
    assert broker_urls(oslo_messaging.TransportURL.parse(cfg.CONF, url)) == expected


def test_a_url_that_is_none_is_a_mistake() -> None:
    with pytest.raises(ConfigError), following(cfg.CONF, "/run/agent.sock", "h", lambda _: None):
        pass
