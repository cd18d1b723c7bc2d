# SPDX-License-Identifier: Apache-2.0
"""A fact gathered within a time limit, on a thread that is left behind where it hangs.

A device that does not answer, or a file system whose server is gone, holds a thread in the kernel for as long as it likes. What
goes wrong in one gathering, whatever it is, is that fact's own trouble.

Does not know: what is gathered.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Generic, TypeVar

from pcipt_agent.core.diagnosis import Unseen

Fact = TypeVar("Fact")


class Gathering(Generic[Fact]):
    """One fact on its way; it is begun at once."""

    def __init__(self, gather: Callable[[], Fact]) -> None:
        self._gather = gather
        self._answer: Future[Fact] = Future()
        self._begun = time.monotonic()
        Thread(target=self._run, name="gathering", daemon=True).start()

    def within(self, seconds: float) -> Fact | Unseen:
        """The fact, or why it was not had. The time counts from its beginning, so many that hang take no longer than one."""
        try:
            error = self._answer.exception(max(0.0, self._begun + seconds - time.monotonic()))
        except TimeoutError:
            return Unseen(f"no answer within {seconds:g} s")
        if error is not None:
            return Unseen(str(error) or type(error).__name__)
        return self._answer.result()

    def _run(self) -> None:
        try:
            self._answer.set_result(self._gather())
        except BaseException as error:
            self._answer.set_exception(error)
            if not isinstance(error, Exception):
                raise
