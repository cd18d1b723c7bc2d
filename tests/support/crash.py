# SPDX-License-Identifier: Apache-2.0
"""An agent's inside in a process of its own, killed at a named point between decide and reply.

    python -m tests.support.crash STATE POINT NTH     claims, allocates and frees; prints each reply; kill -9 at the NTH POINT

Prints one line a reply, once it is had: what a caller was told. With NTH 0 it lives to the end.
"""

import os
import signal
import sys
from pathlib import Path

from pcipt_agent.adapters.journal import SqliteJournal
from pcipt_agent.flows.claiming import allocate, claim, free
from pcipt_agent.flows.ledger import Ledger
from pcipt_agent.views.wire import AllocatePayload, FreePayload, RequestPayload
from tests.support.ledgers import ledger_over, wanted

CALLS = ("claim c1", "claim c2", "allocate c1", "free c2", "claim c3", "free c1", "free never")
"""What the process does, in this order; c2 takes two VFs."""


def call(ledger: Ledger, line: str) -> str:
    """What the caller of `line` is told: the devices, if any, in the order of the reply."""
    verb, claim_id = line.split()
    match verb:
        case "claim":
            request = RequestPayload(alias="vf", count=2) if claim_id == "c2" else RequestPayload(alias="a1")
            return " ".join(device.address for device in claim(ledger, wanted(claim_id, request)).devices)
        case "allocate":
            return str(allocate(ledger, AllocatePayload(claim_id=claim_id)).state)
        case _:
            return str(free(ledger, FreePayload(claim_id=claim_id)).state)


class Killer:
    """Ends this process at the nth time that it comes by the point."""

    def __init__(self, point: str, nth: int) -> None:
        self._point = point
        self._left = nth

    def __call__(self, point: str) -> None:
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def main(state: str, point: str, nth: str) -> None:
    ledger = ledger_over(SqliteJournal(Path(state)), checkpoint=Killer(point, int(nth)))
    for line in CALLS:
        print(f"{line}: {call(ledger, line)}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
