# SPDX-License-Identifier: Apache-2.0
"""Outbox: frames that wait for one peer, and the wake-up of the thread that sends them.

Whoever puts a frame in never waits, so neither a handler nor the notifier can be held by a peer that does not read. A bounded
outbox that runs over is emptied: the peer gets one frame that says how many it missed, and is let go, so that it reads again.

Does not know: sockets, what the frames say.
"""

import os
import threading
from collections import deque

from pcipt_agent.adapters.local_transport.frames import encode


class Outbox:
    """Its file descriptor becomes readable when there is something to do."""

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._frames: deque[bytes] = deque()
        self._missed = 0
        self._finished = False
        self._closed = False
        self._lock = threading.Lock()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def fileno(self) -> int:
        return self._wake

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def open(self) -> bool:
        """Whether a frame that is put now may be sent."""
        return not self._finished

    def put(self, frame: bytes) -> None:
        """Without effect once it is finished."""
        with self._lock:
            if self._finished:
                return
            if self._limit is not None and len(self._frames) >= self._limit:
                missed = len(self._frames) + 1
                self._frames.clear()
                frame = encode({"kind": "dropped", "missed": missed})
                self._missed, self._finished = missed, True
            self._frames.append(frame)
            os.eventfd_write(self._wake, 1)

    def finish(self) -> None:
        """Nothing more will come: send what is there, then let the peer go."""
        with self._lock:
            if not self._closed:
                self._finished = True
                os.eventfd_write(self._wake, 1)

    def take(self) -> tuple[list[bytes], bool]:
        """What is to be sent now, and whether that is all."""
        with self._lock:
            try:
                os.eventfd_read(self._wake)
            except BlockingIOError:
                return [], False
            taken = list(self._frames)
            self._frames.clear()
            return taken, self._finished

    @property
    def missed(self) -> int:
        """Frames that were thrown away because the peer was too slow."""
        return self._missed

    def close(self) -> None:
        with self._lock:
            if not self._closed:
                self._finished = self._closed = True
                self._frames.clear()
                os.close(self._wake)
