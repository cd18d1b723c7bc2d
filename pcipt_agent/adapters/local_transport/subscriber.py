# SPDX-License-Identifier: Apache-2.0
"""The subscriber's side: follows the agent's notifications, across the agent's restarts.

Nothing is kept for a subscriber that is away, or too slow. It is told so, by a notification of this transport's own
(`pcipt.notifications.lost`) as soon as it is subscribed again: what it knew may be old, read it anew.

Does not know: what the notifications say.
"""

import logging
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from oslo_messaging._drivers import base

from pcipt_agent.adapters.local_transport.caller import NotReachable, connect
from pcipt_agent.adapters.local_transport.frames import Ended, NotAFrame, Patience, encode, receive, send
from pcipt_agent.adapters.local_transport.incoming import Callback, Notification
from pcipt_agent.views.contract import NOTIFICATIONS_LOST

_LOG = logging.getLogger(__name__)
_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_STALL = 30.0


class Subscription(base.Listener):
    """Given to oslo.messaging's notification listener, which starts, stops and cleans it up."""

    def __init__(self, path: Path, topics: Sequence[tuple[str | None, str]], pool: str | None, priority: str) -> None:
        super().__init__(batch_size=1, batch_timeout=None)
        self._path = path
        self._frame = encode({"kind": "subscribe", "topics": topics, "pool": pool})
        self._priority = priority
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._sock: socket.socket | None = None
        self._thread = threading.Thread(target=self._follow, name="unix-subscription", daemon=True)

    def start(self, on_incoming_callback: Callback) -> None:
        super().start(on_incoming_callback)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        with self._lock:
            if self._sock is not None:
                with suppress(OSError):  # the agent may have ended it already
                    self._sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        super().stop()

    def cleanup(self) -> None:
        """The thread has closed what it opened."""

    def _follow(self) -> None:
        pause, lost = _PAUSE, False
        while not self._stopping.is_set():
            try:
                with self._connected() as sock:
                    self._subscribe(sock)
                    if lost:
                        self.on_incoming_callback([self._lost()])
                    pause, lost = _PAUSE, True
                    self._pass_on(sock)
            except (NotReachable, Ended, NotAFrame, OSError) as error:
                if not self._stopping.is_set() and pause == _PAUSE:
                    _LOG.warning("no notifications from %s, trying again: %s", self._path, error)
            self._stopping.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        """A connection that `stop` can end."""
        with connect(self._path, time.monotonic() + _STALL) as sock:
            with self._lock:
                self._sock = sock
            try:
                yield sock
            finally:
                with self._lock:
                    self._sock = None

    def _subscribe(self, sock: socket.socket) -> None:
        send(sock, self._frame, Patience(_STALL))
        answer = receive(sock, Patience(_STALL), Patience(_STALL))
        if answer.get("kind") != "subscribed":
            raise NotReachable(str(answer.get("problem")))

    def _pass_on(self, sock: socket.socket) -> None:
        """Until the agent lets us go, which is an Ended, or says that we were too slow."""
        while not self._stopping.is_set():
            match receive(sock, Patience(None), Patience(_STALL)):
                case {"kind": "notification", "ctxt": dict(ctxt), "message": dict(message)}:
                    self.on_incoming_callback([Notification(ctxt, message)])
                case {"kind": "dropped", "missed": missed}:
                    _LOG.warning("too slow for the notifications from %s: %s were lost", self._path, missed)
                    return
                case other:
                    raise NotAFrame(f"a frame of kind {other.get('kind')!r}")

    def _lost(self) -> Notification:
        """What tells the subscriber that it was away."""
        message = {
            "message_id": str(uuid.uuid4()),
            "publisher_id": str(self._path),
            "event_type": NOTIFICATIONS_LOST,
            "priority": self._priority.upper(),
            "payload": {},
            "timestamp": datetime.now(UTC).isoformat(),
        }
        return Notification({}, message)
