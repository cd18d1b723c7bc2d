# SPDX-License-Identifier: Apache-2.0
"""Servers, callers and subscribers over one transport URL, for tests of whatever carries them.

oslo.messaging 18.3 reads some options from the global `cfg.CONF` whatever it is given, so that is what everyone here has.

Does not know: which transport it is.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from threading import Event
from typing import Any

import oslo_messaging
from oslo_config import cfg

TOPIC = "echo"
ALLOWED = ["oslo_messaging.rpc.dispatcher"]


@contextmanager
def socket_url() -> Iterator[str]:
    """A socket in a directory of its own with a short name: pytest's would not fit into the 108 bytes of a socket's path."""
    with tempfile.TemporaryDirectory(prefix="pcipt-") as directory:
        yield f"unix://{directory}/agent.sock"


def path_of(url: str) -> Path:
    return Path(url.removeprefix("unix://"))


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether it holds within ten seconds."""
    until = time.monotonic() + 10
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


class Echo:
    """What the servers here do."""

    target = oslo_messaging.Target(version="1.0")

    def __init__(self) -> None:
        self.cast = Queue[Any]()
        self.entered = Event()
        self.leave = Event()

    def echo(self, _ctxt: dict[str, Any], data: object) -> object:
        return data

    def context(self, ctxt: dict[str, Any]) -> dict[str, Any]:
        return ctxt

    def fail(self, _ctxt: dict[str, Any], text: str) -> None:
        raise ValueError(text)

    def note(self, _ctxt: dict[str, Any], data: object) -> None:
        self.cast.put(data)

    def hang(self, _ctxt: dict[str, Any]) -> str:
        """Until the test lets it go."""
        self.entered.set()
        self.leave.wait(30)
        return "let go"


@dataclass
class Subscriber:
    """A notification endpoint that keeps what it gets."""

    got: "Queue[tuple[str, dict[str, Any]]]" = field(default_factory=Queue)

    def info(self, _ctxt: dict[str, Any], _publisher: str, event_type: str, payload: Any, _metadata: dict[str, Any]) -> None:
        self.got.put((event_type, payload))


@contextmanager
def serving(url: str, endpoint: object, server: str = "host1") -> Iterator[None]:
    """A server of `endpoint`."""
    transport = oslo_messaging.get_rpc_transport(cfg.CONF, url=url)
    rpc = oslo_messaging.get_rpc_server(transport, oslo_messaging.Target(topic=TOPIC, server=server), [endpoint])
    rpc.start()
    try:
        yield
    finally:
        rpc.stop()
        rpc.wait()
        transport.cleanup()


@contextmanager
def calling(url: str, timeout: float = 20, **prepared: Any) -> Iterator[oslo_messaging.RPCClient]:
    """A client; `prepared` as for RPCClient.prepare, such as server=None or call_monitor_timeout."""
    transport = oslo_messaging.get_rpc_transport(cfg.CONF, url=url, allowed_remote_exmods=ALLOWED)
    target = oslo_messaging.Target(topic=TOPIC, server="host1", version="1.0")
    try:
        yield oslo_messaging.get_rpc_client(transport, target, timeout=timeout).prepare(**prepared)
    finally:
        transport.cleanup()


@contextmanager
def subscribed(url: str, endpoint: object, pool: str | None = None) -> Iterator[None]:
    """A subscriber to the topic `notifications`."""
    transport = oslo_messaging.get_notification_transport(cfg.CONF, url=url)
    targets = [oslo_messaging.Target(topic="notifications")]
    listener = oslo_messaging.get_notification_listener(transport, targets, [endpoint], pool=pool)
    listener.start()
    try:
        yield
    finally:
        listener.stop()
        listener.wait()
        transport.cleanup()


@contextmanager
def notifying(url: str) -> Iterator[oslo_messaging.Notifier]:
    transport = oslo_messaging.get_notification_transport(cfg.CONF, url=url)
    try:
        yield oslo_messaging.Notifier(transport, "test", driver="messagingv2", topics=["notifications"], retry=0)
    finally:
        transport.cleanup()
