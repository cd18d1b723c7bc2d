# SPDX-License-Identifier: Apache-2.0
"""A source of hints that a test speaks through.

Does not know: who listens.
"""

import os
import select
from collections.abc import Iterable

from pcipt_agent.core.address import PciAddress
from pcipt_agent.ports import Hints


class GivenHints:
    """A `ports.HintSource`; with `endless`, a storm: there is always another."""

    poll_events = select.POLLIN

    def __init__(self, endless: Hints | None = None) -> None:
        self._reading, self._writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._waiting: list[Hints] = []
        self._endless = endless
        self.taken = 0
        self.closed = False
        if endless is not None:
            os.write(self._writing, b"\0")

    def hint(self, addresses: Iterable[PciAddress] = (), *, everything: bool = False) -> None:
        self._waiting.append(Hints(frozenset(addresses), everything))
        os.write(self._writing, b"\0")

    def fileno(self) -> int:
        return self._reading

    def take(self) -> Hints:
        self.taken += 1
        if self._endless is not None:
            return self._endless
        os.read(self._reading, 1 << 16)
        found = Hints()
        while self._waiting:
            found |= self._waiting.pop(0)
        return found

    def close(self) -> None:
        if not self.closed:
            os.close(self._reading)
            os.close(self._writing)
        self.closed = True
