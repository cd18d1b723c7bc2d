# SPDX-License-Identifier: Apache-2.0
"""Observing: look at the host, and let the ledger see what is there now.

A sighting that can't be made keeps the last one: the host is taken to be as it was. It is said once, until it is another failure
or the host can be read again, because a line a minute hides every other line. The same round tidies the journal, which is nobody's
reply.

A look at a few functions is for what changes now; the look at everything is the net under it. After each it is told whether
something is still on its way: VFs that appear or go may be done without a further hint, and a look that failed was for something.

Does not know: when to look (`looking` says), what a change means for a claim.
"""

import logging
from collections.abc import Callable

from pcipt_agent.core.catalogue import Catalogue
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.deviceset import EMPTY, indexes
from pcipt_agent.core.host import Host
from pcipt_agent.core.readiness import unsettled
from pcipt_agent.errors import HostError
from pcipt_agent.flows.ledger import Ledger
from pcipt_agent.ports import RECORDS_KEPT, Hints, HostReader

LOG = logging.getLogger(__name__)


class Observer:
    """One thread's: its looks are asked for by one caller at a time."""

    def __init__(self, ledger: Ledger, reader: HostReader, *, ended_claims_kept_seconds: float) -> None:
        self._ledger = ledger
        self._reader = reader
        self._kept_seconds = ended_claims_kept_seconds
        self._said: str | None = None

    def keep_ended_claims(self, seconds: float) -> None:
        """From the next look on. For any thread."""
        self._kept_seconds = seconds

    def look(self) -> Hints | None:
        """At everything, and tidies the journal. Returns where to look again soon; None where everything is at rest."""
        self._ledger.tidy(longest=RECORDS_KEPT, forget_before=self._ledger.now() - self._kept_seconds)
        return self._seen(self._reader.read)

    def look_at(self, hints: Hints) -> Hints | None:
        """As `look`, at what the hints are of; but what is gone is so at once, before a look that may take long."""
        self._let_go(hints)
        if hints.everything:
            return self._seen(self._reader.read)
        return self._seen(lambda: self._reader.read_at(hints.addresses))

    def _let_go(self, hints: Hints) -> None:
        """With the first VF that departs its PF settles. The look may wait until the last has, and claims would be given them."""
        host = self._ledger.inventory.catalogue.host
        hinted = host.devices.keys() if hints.everything else hints.addresses & host.devices.keys()
        try:
            gone = self._reader.gone(hinted)
        except HostError:
            return  # the look meets the same, and says so
        self._ledger.depart(gone)

    def _seen(self, read: Callable[[], Host]) -> Hints | None:
        host = _sighting(read)
        if isinstance(host, HostError):
            if str(host) != self._said:
                LOG.error("the host can't be read, so it is taken to be as it was: %s", host)
            self._said = str(host)
            return Hints(everything=True)
        if self._said is not None:
            LOG.info("the host can be read again")
        self._said = None
        self._ledger.observe(host)
        return _unrest(self._ledger.inventory.catalogue)


def _sighting(read: Callable[[], Host]) -> Host | HostError:
    """The error as a value: a line that is logged while one is handled says it twice (oslo.log's error_summary)."""
    try:
        return read()
    except HostError as error:
        return error


def _unrest(catalogue: Catalogue) -> Hints | None:
    """The PFs that are settling, and such VFs of them as don't read well."""
    host = catalogue.host
    every = (catalogue.devices[index] for index in indexes(catalogue.by_type.get(DeviceType.PF, EMPTY)))
    pfs = [pf for pf in every if unsettled(pf, len(host.vfs_of(pf.address))) is not None]
    if not pfs:
        return None
    odd = [vf.address for pf in pfs for vf in host.vfs_of(pf.address) if vf.faults]
    return Hints(frozenset([*(pf.address for pf in pfs), *odd]))
