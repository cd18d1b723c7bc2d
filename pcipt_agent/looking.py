# SPDX-License-Identifier: Apache-2.0
"""Looking: the thread that looks at the host when a hint says so, when time says so, and again soon while something settles.

    hint ─▶ gather until it is quiet for a moment ─▶ look at each address once ─▶ the ledger
    rescan_interval ─▶ look at everything            (the net: hints may be lost, doubled, late)
    a PF is settling, a look has failed ─▶ again after 0.5 s, 1 s, 2 s … up to the interval

A storm of hints can't starve anything. What is gathered is bounded (`ports.Hints`), each turn takes a bounded number of events, and
after a turn nobody listens for three times the processor time that it took, so that claims have three quarters of a processor at
least; what the kernel could not keep meanwhile costs one look at everything. The stop is a pipe that every wait waits for.

A turn can take long without using the processor: reading a PF waits for the kernel while its VFs are made or removed
(`adapters.sysfs`). No claim waits for it.

Does not know: what is hinted at, how the host is read, what a change means.
"""

import math
import os
import select
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import reduce
from operator import or_
from typing import Final

from pcipt_agent.flows.observing import Observer
from pcipt_agent.ports import Hints, HintSource

QUIET_SECONDS: Final = 0.075
"""So long nothing must come for a burst to be over: a VF tells of itself, its driver and its network interface within that."""
GATHER_SECONDS: Final = 0.5
"""The longest that a hint waits for others."""
AGAIN_SECONDS: Final = 0.5
"""The first wait for what is settling; each further one is twice as long."""
REST: Final = 3.0
"""Times the processor time of a turn, in which nobody listens."""
LONGEST_REST_SECONDS: Final = 10.0


class Looking:
    """From `start` to `stop`; the sources are its own, and closed at its end."""

    def __init__(self, observer: Observer, sources: Sequence[HintSource], *, interval_seconds: float) -> None:
        self._observer = observer
        self._sources = {source.fileno(): source for source in sources}
        self._interval_seconds = interval_seconds
        self._asked, self._asking = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._to_stop = self._stopped = self._ended = False
        self._thread = threading.Thread(target=self._run, name="looking", daemon=True)

    def start(self) -> None:
        """Begins with a look at everything: what happened before anybody listened is seen by it."""
        self._thread.start()

    def stop(self) -> None:
        """Asks it to end; what it waits for ends at once. A look that is under way is finished."""
        self._to_stop = True
        self._wake()

    def look_every(self, seconds: float) -> None:
        """The interval is another from now on, for the wait that is under way too."""
        self._interval_seconds = seconds
        self._wake()

    def _wake(self) -> None:
        if not self._ended:
            with suppress(BlockingIOError):  # it is full of such octets, so the wait ends all the same
                os.write(self._asking, b"\0")

    def join(self, seconds: float) -> bool:
        """Whether it has ended by then, after `stop`; it may be held by a device that does not answer."""
        self._thread.join(seconds)
        if not self._ended and not self._thread.is_alive():
            self._ended = True
            os.close(self._asked)
            os.close(self._asking)
        return self._ended

    def _run(self) -> None:
        turn = time.thread_time()
        unrest, waiting = self._observer.look(), AGAIN_SECONDS
        looked_at = time.monotonic()
        while True:
            self._rest(time.thread_time() - turn)
            turn = time.thread_time()
            again_at = math.inf if unrest is None else time.monotonic() + waiting
            hints = self._gathered(min(again_at, looked_at + self._interval_seconds))
            if self._stopped:
                break
            before = unrest
            if time.monotonic() >= looked_at + self._interval_seconds or (hints is not None and hints.everything):
                unrest = self._observer.look()
                looked_at = time.monotonic()
            else:
                unrest = self._observer.look_at((hints or Hints()) | (unrest or Hints()))
            waiting = AGAIN_SECONDS if hints or unrest != before else min(2 * waiting, self._interval_seconds)

        for source in self._sources.values():
            source.close()

    def _rest(self, used_seconds: float) -> None:
        self._wait(min(REST * used_seconds, LONGEST_REST_SECONDS), sources=())

    def _gathered(self, until: float) -> Hints | None:
        """What was hinted at, once it is quiet; None where the time came, or the stop, before any hint."""
        hints = self._wait(until - time.monotonic(), sources=self._sources)
        if hints is None:
            return None
        end = time.monotonic() + GATHER_SECONDS
        while not hints.everything and not self._stopped and time.monotonic() < end:
            more = self._wait(QUIET_SECONDS, sources=self._sources)
            if more is None:
                break
            hints |= more
        return hints

    def _wait(self, seconds: float, *, sources: Iterable[int]) -> Hints | None:
        """What these sources hint at, as soon as they do; None where none did in that time, or something else was asked of us."""
        poll = select.poll()
        poll.register(self._asked, select.POLLIN)
        for number in sources:
            poll.register(number, self._sources[number].poll_events)
        end = time.monotonic() + seconds
        while not self._stopped:
            left = max(0.0, end - time.monotonic())
            ready = [number for number, _ in poll.poll(left * 1000)]
            if self._asked in ready:
                os.read(self._asked, 4096)
                self._stopped = self._to_stop
                return None
            if ready:
                return reduce(or_, [self._sources[number].take() for number in ready])
            if time.monotonic() >= end:
                return None
        return None
