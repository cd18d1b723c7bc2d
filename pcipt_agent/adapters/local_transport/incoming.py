# SPDX-License-Identifier: Apache-2.0
"""What arrives, as oslo.messaging's server classes want it.

Does not know: sockets; an answer goes into the connection's outbox and is sent by the connection's own thread.
"""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

import oslo_messaging
from oslo_messaging._drivers import base, common

from pcipt_agent.adapters.local_transport.frames import encode
from pcipt_agent.adapters.local_transport.outbox import Outbox

Failure = tuple[type[BaseException], BaseException, TracebackType | None]
Callback = Callable[[list[base.IncomingMessage]], None]


class Call(base.RpcIncomingMessage):
    """A call, or a cast where there is no outbox to answer into."""

    def __init__(self, ctxt: dict[str, Any], message: dict[str, Any], outbox: Outbox | None, monitor: float | None) -> None:
        super().__init__(ctxt, message)
        self._outbox = outbox
        self.client_timeout = monitor

    def reply(self, reply: object = None, failure: Failure | None = None) -> None:
        if self._outbox is None:
            return
        if failure is None:
            self._outbox.put(encode({"kind": "reply", "reply": reply}))
        else:
            self._outbox.put(encode({"kind": "failure", "failure": common.serialize_remote_exception(failure)}))
        self._outbox.finish()

    def heartbeat(self) -> None:
        """Raises where nobody waits any more: that is what ends oslo.messaging's watchdog of a method that is none."""
        if self._outbox is None or not self._outbox.open:
            raise oslo_messaging.MessageDeliveryFailure("the caller has gone")
        self._outbox.put(encode({"kind": "heartbeat"}))

    def requeue(self) -> None:
        raise NotImplementedError("there is no store to put it back into")


class Notification(base.IncomingMessage):
    """A notification, at a subscriber."""

    def requeue(self) -> None:
        raise NotImplementedError("there is no store to put it back into")


class Station(base.Listener):
    """Where the calls for one target go; given to oslo.messaging's server, which starts, stops and cleans it up."""

    def __init__(
        self, target: oslo_messaging.Target, on_start: Callable[["Station"], None], on_stop: Callable[["Station"], None]
    ) -> None:
        super().__init__(batch_size=1, batch_timeout=None)
        self.exchange: str | None = target.exchange
        self.topic: str = target.topic
        self.server: str | None = target.server
        self._on_start = on_start
        self._on_stop = on_stop
        self._lock = threading.Lock()

    def start(self, on_incoming_callback: Callback) -> None:
        super().start(on_incoming_callback)
        self._on_start(self)

    def deliver(self, call: Call) -> bool:
        """Whether it was taken; not after `stop`, which therefore needs the lock."""
        with self._lock:
            if self.on_incoming_callback is None:
                return False
            self.on_incoming_callback([call])
            return True

    def stop(self) -> None:
        self._on_stop(self)
        with self._lock:
            super().stop()

    def cleanup(self) -> None:
        """Nothing is held: connections that still wait for their answer belong to the hub."""
