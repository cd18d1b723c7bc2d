# SPDX-License-Identifier: Apache-2.0
"""Expiry through a real ledger: what ends by itself, and everything that keeps it from that."""

import logging
from dataclasses import replace

import pytest

from pcipt_agent.core.claim import Claimed, Expired
from pcipt_agent.core.device import Device
from pcipt_agent.core.domain import Hypervisor
from pcipt_agent.core.inventory import DeviceStatus
from pcipt_agent.errors import ClaimEnded
from pcipt_agent.flows.claiming import allocate, claim
from pcipt_agent.flows.expiring import Expirer
from pcipt_agent.flows.ledger import Ledger
from pcipt_agent.views.wire import AllocatePayload, RequestPayload
from tests.support.ledgers import ledger_over, wanted
from tests.support.planned import at, domain, host, pci
from tests.support.ports import MemoryDisk, MemoryJournal, SteppingClock

ASKED = Hypervisor(reachable=True, problem=None, watched_since=0.0)
ADDRESS = at("01:00.0")


class Hour:
    """A claim of one device, and an hour to allocate it in."""

    def __init__(self, seen: Hypervisor = ASKED) -> None:
        self.clock = SteppingClock()
        self.disk = MemoryDisk()
        self.ledger: Ledger = ledger_over(MemoryJournal(self.disk), host(pci("01:00.0")), clock=self.clock)
        self.ledger.observe_hypervisor(seen)
        self.timeout = 3600.0
        self.open: str | None = None
        claim(self.ledger, wanted("c", RequestPayload(address=str(ADDRESS))))
        self.set_ahead = 0.0
        self.expirer = Expirer(self.ledger, timeout=lambda: self.timeout, held_open=self._held_open, stopwatch=self._stopwatch)

    def _stopwatch(self) -> float:
        return self.clock.seconds - self.set_ahead

    def _held_open(self, _: Device) -> str | None:
        return self.open

    def turn_after(self, seconds: float) -> bool:
        """Whether the claim is still held then."""
        self.clock.seconds += seconds
        self.expirer.turn()
        return "c" in self.ledger.inventory.book.claims


def test_a_claim_that_nobody_allocated_in_time_ends_and_its_device_is_free() -> None:
    hour = Hour()
    assert hour.turn_after(3500)
    assert not hour.turn_after(200)
    assert hour.ledger.inventory.status(ADDRESS) is DeviceStatus.FREE
    with pytest.raises(ClaimEnded):
        claim(hour.ledger, wanted("c", RequestPayload(address=str(ADDRESS))))


def test_a_clock_that_is_set_ahead_ends_nothing_before_its_time() -> None:
    hour = Hour()
    assert hour.turn_after(100)
    hour.set_ahead = 1e9
    assert hour.turn_after(1e9 + 10)
    assert "the clock was set ahead" in hour.expirer.staying["c"]
    assert hour.turn_after(3500)
    assert not hour.turn_after(100)


def test_a_clock_that_is_set_back_or_corrected_keeps_nothing_for_longer() -> None:
    hour = Hour()
    hour.set_ahead = 50.0
    assert hour.turn_after(50)
    hour.set_ahead -= 1000.0
    assert hour.turn_after(-1000)
    assert not hour.turn_after(4600)


def test_an_allocated_claim_never_does() -> None:
    hour = Hour()
    allocate(hour.ledger, AllocatePayload(claim_id="c"))
    assert hour.turn_after(10**9)


def test_nothing_expires_where_the_timeout_is_zero() -> None:
    hour = Hour()
    hour.timeout = 0
    assert hour.turn_after(10**9)


def test_it_stays_while_libvirt_cannot_be_asked_and_that_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    hour = Hour(Hypervisor(reachable=False, problem="connection refused"))
    with caplog.at_level(logging.WARNING):
        assert hour.turn_after(4000)
        assert hour.turn_after(60)
    (said,) = caplog.messages
    assert "is overdue and stays: libvirt can't be asked who has its devices: connection refused" in said
    hour.ledger.observe_hypervisor(ASKED)
    assert not hour.turn_after(60)


def test_it_stays_while_libvirt_has_told_of_something_that_was_not_looked_at() -> None:
    hour = Hour(replace(ASKED, watched_since=None))
    assert hour.turn_after(4000)
    hour.ledger.observe_hypervisor(ASKED)
    assert not hour.turn_after(1)


def test_it_stays_while_a_domain_names_its_device_running_or_not() -> None:
    hour = Hour()
    for running in (True, False):
        hour.ledger.observe_hypervisor(replace(ASKED, domains=(domain("g", "01:00.0", running=running),)))
        assert hour.turn_after(4000)
    hour.ledger.observe_hypervisor(ASKED)
    assert not hour.turn_after(60)


def test_it_stays_while_a_process_has_the_device_open_or_nobody_can_tell(caplog: pytest.LogCaptureFixture) -> None:
    hour = Hour()
    hour.open = "process 17 has /dev/vfio/1 open"
    with caplog.at_level(logging.WARNING):
        assert hour.turn_after(4000)
    assert caplog.messages[0].endswith("stays: 0000:01:00.0: process 17 has /dev/vfio/1 open")
    hour.open = None
    assert not hour.turn_after(60)


def test_another_reason_to_stay_is_said_anew(caplog: pytest.LogCaptureFixture) -> None:
    hour = Hour()
    with caplog.at_level(logging.WARNING):
        for hour.open in ("a", "a", "b"):
            assert hour.turn_after(4000)
    assert [message[-1] for message in caplog.messages] == ["a", "b"]
    assert hour.expirer.staying == {"c": "0000:01:00.0: b"}
    hour.ledger.observe_hypervisor(replace(ASKED, watched_since=None))
    with caplog.at_level(logging.WARNING):
        assert hour.turn_after(60)
    assert len(caplog.messages) == 2, "news of a domain come often, and are no other reason beside one that lasts"
    hour.ledger.observe_hypervisor(ASKED)
    hour.open = None
    assert not hour.turn_after(60)
    assert hour.expirer.staying == {}


def test_it_stays_while_the_journal_takes_nothing() -> None:
    hour = Hour()
    hour.disk.full = True
    assert hour.turn_after(4000)
    assert list(hour.expirer.staying) == ["c"]
    hour.disk.full = False
    assert not hour.turn_after(60)


def test_a_lost_device_is_open_nowhere() -> None:
    hour = Hour()
    hour.open = "it would be"
    hour.ledger.observe(host())
    assert not hour.turn_after(4000)


def test_the_expiry_is_a_decision_of_the_journal() -> None:
    hour = Hour()
    assert not hour.turn_after(4000)
    events = [type(event) for decision in hour.disk.decisions for event in decision.events]
    assert events == [Claimed, Expired]
