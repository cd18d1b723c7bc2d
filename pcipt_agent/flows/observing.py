# SPDX-License-Identifier: Apache-2.0
"""Observing: look at the host, and let the ledger see what is there now.

A sighting that can't be made keeps the last one: the host is taken to be as it was. It is said once, until it is another failure
or the host can be read again, because a line a minute hides every other line. The same round tidies the journal, which is nobody's
reply.

Does not know: when to look (the daemon's timer says), what a change means for a claim.
"""

import logging

from pcipt_agent.core.host import Host
from pcipt_agent.errors import HostError
from pcipt_agent.flows.ledger import Ledger
from pcipt_agent.ports import RECORDS_KEPT, HostReader

LOG = logging.getLogger(__name__)


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
        host = self._sighting()
        if isinstance(host, HostError):
            if str(host) != self._said:
                LOG.error("the host can't be read, so it is taken to be as it was: %s", host)
            self._said = str(host)
            return False
        if self._said is not None:
            LOG.info("the host can be read again")
        self._said = None
        self._ledger.observe(host)
        return True

    def _sighting(self) -> Host | HostError:
        """The error as a value: a line that is logged while one is handled says it twice (oslo.log's error_summary)."""
        try:
            return self._reader.read()
        except HostError as error:
            return error
