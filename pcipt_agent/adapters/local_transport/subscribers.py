# SPDX-License-Identifier: Apache-2.0
"""Subscribers: who gets which notification.

Subscribers of one pool share what is sent, each notification going to one of them in turn; without a name they are one pool too.
That is oslo.messaging's rule; whoever wants every notification names a pool of its own.

Does not know: connections; a subscriber is its outbox.
"""

import threading
from dataclasses import dataclass
from typing import Any

from pcipt_agent.adapters.local_transport.frames import NotAFrame, encode
from pcipt_agent.adapters.local_transport.outbox import Outbox

_LIMIT = 1000
"""Notifications that may wait for one subscriber."""


@dataclass(frozen=True, slots=True)
class _Subscriber:
    topics: frozenset[tuple[str | None, str]]
    """(exchange, topic) of each."""
    pool: str | None
    outbox: Outbox


class Subscribers:
    """All of one hub."""

    def __init__(self, most: int, limit: int = _LIMIT) -> None:
        self._most = most
        self._limit = limit
        self._subscribers: list[_Subscriber] = []
        self._lock = threading.Lock()

    def join(self, untrusted_topics: list[Any], untrusted_pool: object) -> Outbox:
        """The outbox of the new subscriber, which already holds the word that it is one (or that there are too many)."""
        topics = set()
        for each in untrusted_topics:
            match each:
                case [str() | None as exchange, str(topic)]:
                    topics.add((exchange, topic))
                case _:
                    raise NotAFrame("a topic that is none")
        pool = None if untrusted_pool is None else str(untrusted_pool)
        with self._lock:
            if len(self._subscribers) >= self._most:
                outbox = Outbox()
                outbox.put(encode({"kind": "undeliverable", "problem": f"there are {self._most} subscribers already"}))
                outbox.finish()
                return outbox
            outbox = Outbox(limit=self._limit)
            outbox.put(encode({"kind": "subscribed"}))
            self._subscribers.append(_Subscriber(frozenset(topics), pool, outbox))
            return outbox

    def leave(self, outbox: Outbox) -> None:
        """Also of an outbox that is no subscriber's."""
        with self._lock:
            self._subscribers = [each for each in self._subscribers if each.outbox is not outbox]

    def publish(self, frame: dict[str, Any]) -> None:
        """To one subscriber of each pool; never waits."""
        topic = (frame.get("exchange"), frame["topic"])
        encoded = encode({"kind": "notification", "ctxt": frame["ctxt"], "message": frame["message"]})
        with self._lock:
            served: set[str | None] = set()
            for each in list(self._subscribers):
                if topic in each.topics and each.pool not in served and each.outbox.open:
                    each.outbox.put(encoded)
                    served.add(each.pool)
                    self._subscribers.remove(each)
                    self._subscribers.append(each)

    def finish(self) -> None:
        with self._lock:
            for each in self._subscribers:
                each.outbox.finish()
