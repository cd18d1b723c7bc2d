# SPDX-License-Identifier: Apache-2.0
"""Following: one agent's notifications as they come, over its own socket or over a broker.

A follower takes nobody's messages: over the socket it is a pool of its own, over a broker it has a queue of its own that goes with
its connection. oslo.messaging's listener can't have such a queue (its queues stay, and fill, unless the whole deployment's exchange
is declared auto-delete; 18.3.1, Consumer), so the broker is read with kombu, which oslo.messaging reads it with too.

What is sent while the agent or the broker is away is lost; that it was away is said in the log, and as a notification of its own.

Does not know: what the notifications say, where they are shown.
"""

import json
import logging
import ssl
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import kombu
import oslo_messaging
from amqp import NotFound
from kombu.mixins import ConsumerMixin
from oslo_config import cfg

from pcipt_agent.errors import ConfigError, Mistake
from pcipt_agent.views.contract import NOTIFICATIONS_LOST

LOG = logging.getLogger(__name__)

_HEARTBEAT_SECONDS: Final = 30
_LEAVE_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Told:
    """One notification."""

    event_type: str
    publisher_id: str
    timestamp: str
    """As oslo.messaging writes it: UTC, ISO 8601 with a blank."""
    payload: Mapping[str, Any]


Tell = Callable[[Told], None]


@contextmanager
def following(conf: cfg.ConfigOpts, url: str, host: str, tell: Tell) -> Iterator[None]:
    """Within, `tell` is called on another thread with each notification of the agent of `host`. Raises ConfigError for the URL."""
    try:
        transport = oslo_messaging.get_notification_transport(conf, url=url)
    except (oslo_messaging.InvalidTransportURL, oslo_messaging.DriverLoadFailure) as error:
        remedy = "write unix:///run/pcipt-agent/agent.sock or rabbit://USER:PASSWORD@HOST:5672/"
        raise ConfigError([Mistake("[DEFAULT] transport_url", None, None, str(error), remedy)]) from error
    where = oslo_messaging.TransportURL.parse(conf, url)
    told = _Chosen(f"pcipt-agent.{host}", tell)
    try:
        with _by_socket(transport, conf, told) if where.transport == "unix" else _by_broker(conf, where, told):
            yield
    finally:
        transport.cleanup()


class _Chosen:
    """Passes on what one publisher told; nova's own notifications are on the same topics."""

    def __init__(self, publisher_id: str, tell: Tell) -> None:
        self._publisher_id = publisher_id
        self._tell = tell

    def info(
        self, _ctxt: object, publisher_id: str, event_type: str, payload: Mapping[str, Any], metadata: Mapping[str, Any]
    ) -> None:
        """An endpoint of oslo.messaging's."""
        if event_type == NOTIFICATIONS_LOST or publisher_id == self._publisher_id:
            self._tell(Told(event_type, publisher_id, str(metadata.get("timestamp")), payload))

    def lost(self, publisher_id: str) -> None:
        self.info({}, publisher_id, NOTIFICATIONS_LOST, {}, {"timestamp": datetime.now(UTC).isoformat(sep=" ")})


@contextmanager
def _by_socket(transport: oslo_messaging.Transport, conf: cfg.ConfigOpts, told: _Chosen) -> Iterator[None]:
    targets = [oslo_messaging.Target(topic=topic) for topic in conf.oslo_messaging_notifications.topics]
    pool = f"pcipt-events-{uuid.uuid4()}"
    listener = oslo_messaging.get_notification_listener(transport, targets, [told], pool=pool)
    listener.start()
    try:
        yield
    finally:
        listener.stop()
        listener.wait()


@contextmanager
def _by_broker(conf: cfg.ConfigOpts, where: oslo_messaging.TransportURL, told: _Chosen) -> Iterator[None]:
    options = conf.oslo_messaging_rabbit
    connection = kombu.Connection(
        broker_urls(where),
        heartbeat=_HEARTBEAT_SECONDS,
        ssl=_tls(options) if options.ssl else False,
    )
    durable = options.amqp_durable_queues or options.rabbit_quorum_queue
    exchange = kombu.Exchange(conf.control_exchange, type="topic", durable=durable, auto_delete=options.amqp_auto_delete)
    keys = [f"{topic}.info" for topic in conf.oslo_messaging_notifications.topics]
    reader = _BrokerReader(connection, exchange, keys, told)
    thread = threading.Thread(target=reader.run, name="following", daemon=True)
    thread.start()
    try:
        yield
    finally:
        reader.should_stop = True
        thread.join(_LEAVE_SECONDS)
        connection.release()


def broker_urls(where: oslo_messaging.TransportURL) -> str:
    """As kombu writes them: each broker whole, semicolons between."""
    place = quote(where.virtual_host or "/", safe="")
    urls = []
    for host in where.hosts:
        user = f"{quote(host.username or 'guest', safe='')}:{quote(host.password or 'guest', safe='')}"
        name = f"[{host.hostname}]" if ":" in (host.hostname or "") else host.hostname
        urls.append(f"amqp://{user}@{name}:{host.port or 5672}/{place}")
    return ";".join(urls)


def _tls(options: Any) -> dict[str, object]:
    """What oslo.messaging's rabbit driver makes of the same options: without a CA nothing is verified."""
    given = {"ca_certs": options.ssl_ca_file, "certfile": options.ssl_cert_file, "keyfile": options.ssl_key_file}
    found: dict[str, object] = {name: value for name, value in given.items() if value}
    found["cert_reqs"] = ssl.CERT_REQUIRED if options.ssl_ca_file else ssl.CERT_NONE
    return found


class _BrokerReader(ConsumerMixin):
    """Reads until `should_stop`, over any number of connections."""

    def __init__(self, connection: kombu.Connection, exchange: kombu.Exchange, keys: Sequence[str], told: _Chosen) -> None:
        self.connection = connection
        self._exchange = exchange
        self._keys = keys
        self._told = told
        self._followed = False
        self._said = False

    def get_consumers(self, consumer: Callable[..., kombu.Consumer], channel: Any) -> list[kombu.Consumer]:
        """On each connection anew: the queues went with the last one."""
        self._ensure_exchange(channel.connection)
        there = kombu.Exchange(self._exchange.name, type="topic", no_declare=True)
        name = f"pcipt-events-{uuid.uuid4()}"
        queues = [
            kombu.Queue(f"{name}-{key}", exchange=there, routing_key=key, exclusive=True, auto_delete=True, durable=False)
            for key in self._keys
        ]
        return [consumer(queues, callbacks=[self._take], no_ack=True, accept=None)]

    def on_connection_error(self, exc: Exception, _interval: float) -> None:
        if not self._said:
            LOG.warning("no notifications from the broker, trying again: %s", exc)
        self._said = True

    def on_consume_ready(self, *_where: object, **_options: object) -> None:
        """Called for each connection; for every one but the first something may be missing."""
        if self._followed:
            self._told.lost("broker")
        self._followed, self._said = True, False

    def _ensure_exchange(self, connection: Any) -> None:
        """Taken as it is, whoever has made it and how; made as this configuration says where nobody has sent anything yet."""
        try:
            with connection.channel() as channel:
                kombu.Exchange(self._exchange.name, type="topic", passive=True)(channel).declare()
        except NotFound:
            with connection.channel() as channel:
                self._exchange(channel).declare()

    def _take(self, _body: object, message: kombu.Message) -> None:
        """What is no notification of oslo.messaging's is not for us."""
        try:
            content = json.loads(message.body)
            content = json.loads(content["oslo.message"]) if "oslo.message" in content else content
            parts = content["publisher_id"], content["event_type"], content["payload"]
        except (ValueError, KeyError, TypeError) as error:
            LOG.debug("not a notification: %s", error)
            return
        self._told.info({}, *parts, content)
