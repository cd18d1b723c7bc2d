# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the agent in a host, and waiting for the one that systemd starts after it.

Does not know: what is asked of either.
"""

import time

from pcipt_agent.adapters.rpc_client import Unreachable
from tests.lab.calling import call
from tests.lab.host import LabHost


def kill(host: LabHost) -> None:
    """It has no time to do anything."""
    host.run("systemctl", "kill", "--signal=KILL", "pcipt-agent.service")


def started_at(host: LabHost) -> float | None:
    """When the agent that answers began, in seconds since the epoch; None where none answers."""
    try:
        return float(call(host, "status")["started_at"])
    except Unreachable:
        return None


def kill_and_await_next(host: LabHost, *, seconds: float = 90.0) -> None:
    """Returns when another answers than the one that was killed."""
    before, until = started_at(host), time.monotonic() + seconds
    kill(host)
    while (now := started_at(host)) in (None, before):
        assert time.monotonic() < until, f"no agent answers {seconds:g} s after the kill, but for the one of {now}"
        time.sleep(0.3)
