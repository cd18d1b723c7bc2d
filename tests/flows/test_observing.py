# SPDX-License-Identifier: Apache-2.0
"""A look at the host, and what is said when it can't be had."""

import logging
from collections.abc import Collection
from dataclasses import replace

import pytest

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.device import Fault, FaultKind
from pcipt_agent.core.host import Host
from pcipt_agent.core.readiness import Unready, of_itself
from pcipt_agent.flows.claiming import free
from pcipt_agent.flows.ledger import Ledger
from pcipt_agent.flows.observing import Observer
from pcipt_agent.ports import RECORDS_KEPT, Hints
from pcipt_agent.views.wire import FreePayload
from tests.support.ledgers import memory_ledger, small_host
from tests.support.planned import at, host, pci, sriov
from tests.support.ports import GivenReader


def test_what_is_seen_is_the_ledgers_host() -> None:
    ledger, _ = memory_ledger()
    reader = GivenReader(small_host())
    observer = Observer(ledger, reader, ended_claims_kept_seconds=10)
    before = ledger.inventory
    assert observer.look() is None
    assert ledger.inventory is before
    reader.host = host(pci("01:00.0"))
    assert observer.look() is None
    assert ledger.inventory.catalogue.host is reader.host


def test_a_host_that_cant_be_read_is_as_it_was_and_that_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    ledger, _ = memory_ledger()
    reader = GivenReader(small_host())
    observer, before = Observer(ledger, reader, ended_claims_kept_seconds=10), ledger.inventory
    with caplog.at_level(logging.INFO):
        for problem in ("gone", "gone", "odd", "odd", None, None, "odd"):
            reader.problem = problem
            assert observer.look() == (None if problem is None else Hints(everything=True))
    assert ledger.inventory is before
    assert [(record.levelname, record.message.rpartition(": ")[2]) for record in caplog.records] == [
        ("ERROR", "gone"),
        ("ERROR", "odd"),
        ("INFO", "the host can be read again"),
        ("ERROR", "odd"),
    ]


def test_a_hint_is_looked_at_and_nothing_else_is() -> None:
    ledger, _ = memory_ledger()
    reader = GivenReader(host(pci("01:00.0")))
    observer = Observer(ledger, reader, ended_claims_kept_seconds=10)
    assert observer.look_at(Hints(frozenset([at("01:00.0"), at("02:00.0")]))) is None
    assert reader.asked == [(at("01:00.0"), at("02:00.0"))]
    assert ledger.inventory.catalogue.host is reader.host
    assert observer.look_at(Hints(everything=True)) is None
    assert len(reader.asked) == 1


def test_a_pf_whose_vfs_are_not_all_here_is_to_be_looked_at_again() -> None:
    pf, *vfs = sriov("02:00.0", vfs=3)
    odd = replace(vfs[1], faults=(Fault(FaultKind.MISSING_FILE, "vendor"),))
    ledger, _ = memory_ledger()
    reader = GivenReader(host(pf, vfs[0], odd))
    observer = Observer(ledger, reader, ended_claims_kept_seconds=10)
    again = observer.look()
    assert again == Hints(frozenset([pf.address, odd.address]))
    reader.host = host(pf, *vfs)
    assert observer.look_at(again) is None


class SlowReader(GivenReader):
    """A look waits for the device, as the kernel has it wait for a PF whose VFs are being removed."""

    def __init__(self, ledger: Ledger, host: Host) -> None:
        super().__init__(host)
        self._ledger = ledger
        self.meanwhile: list[Host] = []
        """What the ledger had seen when the look began."""

    def _seen(self) -> Host:
        self.meanwhile.append(self._ledger.inventory.catalogue.host)
        return super()._seen()

    def gone(self, addresses: Collection[PciAddress]) -> frozenset[PciAddress]:
        return frozenset(addresses) - self.host.devices.keys()


@pytest.mark.parametrize("everything", [False, True])
def test_a_vf_that_is_gone_departs_before_the_look_that_may_take_long(*, everything: bool) -> None:
    """And so the others of its PF are settling: it may be removing them."""
    pf, *vfs = sriov("02:00.0", vfs=3)
    ledger, _ = memory_ledger()
    ledger.observe(host(pf, *vfs))
    reader = SlowReader(ledger, host(pf, *vfs[1:]))
    observer = Observer(ledger, reader, ended_claims_kept_seconds=10)
    observer.look_at(Hints(frozenset([vfs[0].address]), everything=everything))
    (meanwhile,) = reader.meanwhile
    assert meanwhile == reader.host
    assert [why.reason for why in of_itself(vfs[1], meanwhile)] == [Unready.SETTLING]


def test_the_journal_is_tidied_by_the_way_and_ended_ids_are_kept_as_long_as_asked() -> None:
    ledger, disk = memory_ledger()
    for number in range(RECORDS_KEPT):
        free(ledger, FreePayload(claim_id=f"c{number}"))
    kept_seconds = ledger.now() - ledger.inventory.book.ended["c900"]
    observer = Observer(ledger, GivenReader(small_host()), ended_claims_kept_seconds=1e9)
    observer.keep_ended_claims(kept_seconds + 1)
    observer.look()
    assert disk.records == 1
    assert set(ledger.inventory.book.ended) == {f"c{number}" for number in range(900, RECORDS_KEPT)}


def test_a_host_that_cant_be_read_does_not_keep_the_journal_from_being_tidied() -> None:
    ledger, disk = memory_ledger()
    for number in range(RECORDS_KEPT):
        free(ledger, FreePayload(claim_id=f"c{number}"))
    Observer(ledger, GivenReader(small_host(), "gone"), ended_claims_kept_seconds=1e9).look()
    assert disk.records == 1
