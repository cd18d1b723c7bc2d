# SPDX-License-Identifier: Apache-2.0
"""Stopping: whether and why the process is to end; asked for by signals and by faults, waited for by the main thread.

Asking is one byte into a pipe. Python runs a signal's handler in the main thread only, and only once that thread wakes; where the
kernel gives the signal to another thread, a main thread that waits for a lock sleeps on (seen: one stop in sixty hung). The
interpreter's own handler, in C, writes the byte in whatever thread it runs (signal.set_wakeup_fd), so reading the pipe wakes
always. And nothing here takes a lock that the interrupted thread may hold, nor logs from a handler.

Before there is anything to finish, a signal ends the start at once: a broker that is down may hold it for ever. SIGHUP asks for
something else, a reload; one that comes during the start is answered after it.

Does not know: what stopping means (`daemon`).
"""

import logging
import os
import signal
import threading
from contextlib import suppress
from types import FrameType
from typing import Final

LOG = logging.getLogger(__name__)

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

RELOAD: Final = signal.SIGHUP

DRAIN_SECONDS: Final = 20.0
"""How long calls in flight may take to end before the process does; systemd's own patience (TimeoutStopSec) is longer."""


class StoppedEarly(SystemExit):
    """Stopped before it was ready; no `Exception`, so that no library's retry takes it for a failure of its own."""

    def __init__(self, number: int) -> None:
        super().__init__(0)
        self.signal = signal.Signals(number)


class Stopping:
    """One of a process, made and waited for by the main thread."""

    def __init__(self) -> None:
        self._asked, self._ask = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._ask, False)  # what set_wakeup_fd wants; one byte is enough, more may be lost
        self._signalled = False
        self.fault: BaseException | None = None
        self.serving = False
        """Whether there may be calls in flight, so that a signal has to wait for them."""

    def listen(self) -> None:
        """From now on signals ask for it, and exceptions that a thread does not catch."""
        signal.set_wakeup_fd(self._ask, warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, self._on_signal)
        signal.signal(RELOAD, lambda _number, _frame: None)  # the interpreter has written it into the pipe already
        threading.excepthook = self._on_thread_fault

    def on_fault(self, fault: BaseException) -> None:
        """Nobody expected it: it is logged, and the process ends, within `DRAIN_SECONDS` whatever hangs. For any thread."""
        LOG.critical("a fault that nobody expected ends the agent", exc_info=fault)
        self.fault = self.fault or fault
        with suppress(BlockingIOError):  # the pipe is full of such bytes
            os.write(self._ask, b"\0")
        end_anyway()

    def wait(self) -> bool:
        """Until it is asked for (True), or a reload is (False; several at once are one); for the main thread alone."""
        asked = os.read(self._asked, 4096)
        # The byte of a stop finds no room where a storm of hangups has filled the pipe; its handler has run all the same.
        return self._signalled or self.fault is not None or bool(set(asked) - {RELOAD})

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if not self.serving:
            raise StoppedEarly(number)
        self._signalled = True

    def _on_thread_fault(self, arguments: threading.ExceptHookArgs) -> None:
        self.on_fault(arguments.exc_value or SystemExit())


def end_anyway() -> None:
    """The process ends within `DRAIN_SECONDS`, with exit code 1 where it has not ended otherwise."""
    last_resort = threading.Timer(DRAIN_SECONDS, _end)
    last_resort.daemon = True
    last_resort.start()


def _end() -> None:
    """Without the logging module, whose lock may be what hangs."""
    os.write(2, b"pcipt-agent: something in flight does not end; ending without it. What was acknowledged is in the journal.\n")
    os._exit(1)
