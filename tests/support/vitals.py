# SPDX-License-Identifier: Apache-2.0
"""What an agent in good health knows of itself, for whatever answers by it."""

from collections.abc import Mapping
from typing import Final

from pcipt_agent.views.agent_facts import AgentFacts, HintFacts, JournalFacts, Scan, Standing, TransportFacts

NOW: Final = 1_795_230_000.0
"""An hour after the demo's claims were made."""


def standing(*, at: float = 2.0, timeout: float = 0.0, staying: Mapping[str, str] | None = None) -> Standing:
    """Claims never expire, unless told otherwise."""
    return Standing(at=at, claim_timeout_seconds=timeout, staying=staying or {})


def healthy() -> AgentFacts:
    return AgentFacts(
        version="0.1.0",
        host="compute1",
        started_at=NOW - 7200,
        rules_loaded_at=NOW - 7200,
        reload_failure=None,
        scan=Scan(NOW - 12, 0.021),
        scan_failure=None,
        hints=HintFacts(working=True, problem=None),
        libvirt_lost_at=None,
        transport=TransportFacts(
            where="unix:///run/pcipt-agent/agent.sock", broker=False, notifications=True, notifications_lost=0
        ),
        journal=JournalFacts(records=12, size_bytes=40_960, unwritable=None),
        standing=standing(at=NOW),
    )
