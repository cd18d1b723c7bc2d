# SPDX-License-Identifier: Apache-2.0
"""Expiring: claims that nobody allocated in time end by themselves, where nobody has their devices.

Asked right after libvirt was looked at, so that its word is fresh. Absence of evidence frees nothing: where libvirt can't be asked,
or nobody can tell whether a process has a device open, the claim stays, and that is said once. Nor does a clock that is set ahead:
everybody then has the whole timeout once more.

Does not know: when to ask (the thread that looks at libvirt says), how a process that has a device open is found.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Final

from pcipt_agent.core.claim import Claim
from pcipt_agent.core.decide import Expire
from pcipt_agent.core.device import Device
from pcipt_agent.core.expiry import kept_by_libvirt, kept_by_news, overdue
from pcipt_agent.errors import Refusal
from pcipt_agent.flows.ledger import Ledger

LOG = logging.getLogger(__name__)

SET_AHEAD_SECONDS: Final = 60.0
"""By which a clock goes ahead between two turns that was set, and is not only being corrected."""


class Expirer:
    """One thread's: `turn` is called by one caller at a time."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        timeout: Callable[[], float],
        held_open: Callable[[Device], str | None],
        stopwatch: Callable[[], float],
    ) -> None:
        """`timeout` says after how many seconds; `held_open` why a device may be open in some process, None where it is not;
        `stopwatch` counts seconds and nobody sets it."""
        self._ledger = ledger
        self._timeout = timeout
        self._held_open = held_open
        self._stopwatch = stopwatch
        self._ahead = ledger.now() - stopwatch()
        self._set_ahead_at: float | None = None
        """By the stopwatch."""
        self._staying: Mapping[str, str] = {}

    @property
    def staying(self) -> Mapping[str, str]:
        """Overdue claims: claim_id → why it did not expire at the last turn. For any thread."""
        return self._staying

    def turn(self) -> None:
        """Every overdue claim has expired, or it is known why it stays."""
        inventory, staying, set_ahead = self._ledger.inventory, dict[str, str](), self._was_set_ahead()
        for claim in overdue(inventory, self._ledger.now(), self._timeout()):
            why = (
                set_ahead
                or kept_by_libvirt(inventory, claim)
                or self._open(claim)
                or kept_by_news(inventory)
                or self._refused_end(claim)
            )
            if why is None:
                continue
            staying[claim.claim_id] = why
            if why != self._staying.get(claim.claim_id):
                LOG.warning("claim %s of consumer %s is overdue and stays: %s", claim.claim_id, claim.wish.consumer, why)
        self._staying = staying

    def _was_set_ahead(self) -> str | None:
        """Why nobody can tell yet which claims are overdue; None where the clock was not set ahead of late."""
        at = self._stopwatch()
        ahead = self._ledger.now() - at
        if ahead - self._ahead > SET_AHEAD_SECONDS:
            self._set_ahead_at = at
        self._ahead = ahead
        if self._set_ahead_at is None or at - self._set_ahead_at >= self._timeout():
            return None
        return "the clock was set ahead since, so it has the whole time once more"

    def _open(self, claim: Claim) -> str | None:
        """Why one of the claim's devices may be open; a device that is not on the host is not."""
        devices = self._ledger.inventory.catalogue.host.devices
        for held in claim.held:
            device = devices.get(held.address)
            why = None if device is None else self._held_open(device)
            if why is not None:
                return f"{held.address}: {why}"
        return None

    def _refused_end(self, claim: Claim) -> str | None:
        """Why it did not end: it was freed or allocated meanwhile, or the journal takes nothing; None: it has ended."""
        try:
            self._ledger.obey(Expire(claim_id=claim.claim_id, at=self._ledger.now()), render=lambda _before, _after: None)
        except Refusal as refusal:
            return str(refusal)
        return None
