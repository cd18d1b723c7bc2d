# SPDX-License-Identifier: Apache-2.0
"""Notifications: tells the message bus what has happened, from a thread of its own.

The ledger hands over and goes on; a broker that is down or slow holds this thread and nobody else. What does not fit into the queue
meanwhile is dropped, newest first, and the next notification that does fit says how many are missing before it.

Over a broker they are sent where the operator has said how (`[oslo_messaging_notifications] driver`), because a queue there that
nobody reads grows for ever; over our own socket, which stores nothing, always.

Does not know: what happened as such (`views.notices`), the RPC server.
"""

import logging
import threading
from collections.abc import Iterable
from queue import Full, Queue
from typing import Any

import oslo_messaging
from oslo_config import cfg

from pcipt_agent.core.claim import Decision
from pcipt_agent.core.host import Arrived, Changed, Departed
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.views.notices import Notice, notices_of_changes, notices_of_decision

_LOG = logging.getLogger(__name__)
_LIMIT = 10_000


class Notifications:
    """A `ports.Listener`. Sends from `start` until `close`."""

    def __init__(self, conf: cfg.ConfigOpts, url: str | None, *, host: str, limit: int = _LIMIT) -> None:
        """`url` None: where oslo.messaging's options say."""
        self._transport = oslo_messaging.get_notification_transport(conf, url=url)
        options = conf.oslo_messaging_notifications
        where = oslo_messaging.TransportURL.parse(conf, url or options.transport_url)
        self.sent = where.transport == "unix" or bool(set(options.driver) - {"noop"})
        """Whether anything is: over a broker only where the operator says how."""
        driver = "messagingv2" if where.transport == "unix" and not options.driver else None
        self._notifier = oslo_messaging.Notifier(self._transport, publisher_id=f"pcipt-agent.{host}", driver=driver)
        self._queue: Queue[tuple[str, dict[str, Any]] | None] = Queue(limit)
        self._lost = 0
        self._unsaid = 0
        """Lost since the log said that they are being lost, and not yet how many."""
        self._last: Inventory | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._send, name="notifications", daemon=True)

    @property
    def lost(self) -> int:
        """Notifications dropped since the last that the bus took."""
        return self._lost

    def start(self) -> None:
        self._thread.start()

    def happened(self, decision: Decision, inventory: Inventory) -> None:
        with self._lock:
            self._hand_over(notices_of_decision(decision, self._last, inventory))
            self._last = inventory

    def observed(self, changes: tuple[Arrived | Departed | Changed, ...], inventory: Inventory) -> None:
        with self._lock:
            self._hand_over(notices_of_changes(changes, inventory))
            self._last = inventory

    def close(self, grace: float = 3.0) -> None:
        """Sends what is queued, as far as that takes no longer than `grace` seconds."""
        try:
            self._queue.put(None, timeout=grace)
            self._thread.join(grace)
        except Full:
            pass
        left = self._queue.qsize() + self._unsaid
        if self._thread.is_alive():
            _LOG.warning("the message bus takes nothing: %d notifications were not sent", left)
            return
        self._transport.cleanup()

    def _hand_over(self, notices: Iterable[Notice]) -> None:
        for notice in notices:
            payload = {**notice.payload.model_dump(mode="json"), "lost": self._lost}
            try:
                self._queue.put_nowait((notice.event_type, payload))
            except Full:
                if self._unsaid == 0:
                    _LOG.warning("the message bus takes nothing: notifications are being lost")
                self._lost, self._unsaid = self._lost + 1, self._unsaid + 1
                continue
            self._lost = 0
            # A bus that is slow takes one, then none, then one: it takes them again once half of the queue has gone.
            if self._unsaid and self._queue.qsize() <= self._queue.maxsize // 2:
                _LOG.warning("the message bus takes notifications again; %d were lost", self._unsaid)
                self._unsaid = 0

    def _send(self) -> None:
        while (item := self._queue.get()) is not None:
            event_type, payload = item
            self._notifier.info({}, event_type, payload)
