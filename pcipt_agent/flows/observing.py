# SPDX-License-Identifier: Apache-2.0
"""Observing: look at the host, and let the ledger see what is there now.

A sighting that can't be made keeps the last one: the host is taken to be as it was. It is said once, until it is another failure
or the host can be read again, because a line a minute hides every other line. The same round tidies the journal, which is nobody's
reply.

Does not know: when to look (the daemon's timer says), what a change means for a claim.
"""

import logging
from typing import Final

from pcipt_agent.errors import HostError
from pcipt_agent.flows.ledger import Ledger
from pcipt_agent.ports import HostReader

LOG = logging.getLogger(__name__)

RECORDS_KEPT: Final = 1000
"""So many that compaction is rare and the last decisions stay readable; so few that a start replays them in a tenth of a second."""


class Observer:
    """One thread's: `look` is called by one caller at a time."""

    def __init__(self, ledger: Ledger, reader: HostReader, *, ended_claims_kept_seconds: float) -> None:
        self._ledger = ledger
        self._reader = reader
        self._kept_seconds = ended_claims_kept_seconds
        self._said: str | None = None

    def look(self) -> bool:
        """Whether the host could be read; the ledger has what was seen."""
        self._ledger.tidy(longest=RECORDS_KEPT, forget_before=self._ledger.now() - self._kept_seconds)
        try:
            host = self._reader.read()
        except HostError as error:
            if str(error) != self._said:
                LOG.error("the host can't be read, so it is taken to be as it was: %s", error)
            self._said = str(error)
            return False
        if self._said is not None:
            LOG.info("the host can be read again")
        self._said = None
        self._ledger.observe(host)
        return True
