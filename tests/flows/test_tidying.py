# SPDX-License-Identifier: Apache-2.0
"""`Ledger.tidy`: the journal is made short beside the decisions, and they go on."""

import logging
import threading

import pytest

from pcipt_agent.core.invariant import violations
from pcipt_agent.flows.claiming import claim, free
from pcipt_agent.views.wire import FreePayload
from tests.support.ledgers import ledger_over, memory_ledger, wanted
from tests.support.ports import MemoryDisk, MemoryJournal


def test_a_long_journal_is_made_one_record_and_old_ended_ids_are_forgotten() -> None:
    ledger, disk = memory_ledger()
    for number in range(5):
        free(ledger, FreePayload(claim_id=f"c{number}"))
    claim(ledger, wanted("held"))
    third = ledger.inventory.book.ended["c3"]
    assert not ledger.tidy(longest=7, forget_before=third)
    assert ledger.tidy(longest=6, forget_before=third)
    assert disk.records == 1
    assert set(ledger.inventory.book.ended) == set(disk.base.ended) == {"c3", "c4"}
    assert set(disk.base.claims) == {"held"}
    assert violations(ledger.inventory) == ()


def test_a_journal_that_cant_be_compacted_for_want_of_room_stays_as_it_is() -> None:
    ledger, disk = memory_ledger()
    free(ledger, FreePayload(claim_id="c1"))
    before, disk.full = ledger.inventory, True
    assert not ledger.tidy(longest=0, forget_before=9e9)
    assert ledger.inventory is before


def test_claims_do_not_wait_for_the_history_that_a_compaction_keeps() -> None:
    class Slow(MemoryJournal):
        def remember(self, at: float) -> None:
            thread = threading.Thread(target=lambda: free(ledger, FreePayload(claim_id="meanwhile")))
            thread.start()
            thread.join(5)
            went_on.append("meanwhile" in ledger.inventory.book.ended)
            super().remember(at)

    went_on, disk = list[bool](), MemoryDisk()
    ledger = ledger_over(Slow(disk))
    free(ledger, FreePayload(claim_id="c1"))
    assert ledger.tidy(longest=0, forget_before=0.0)
    assert went_on == [True]
    assert set(ledger.inventory.book.ended) == set(disk.base.ended) == {"c1", "meanwhile"}


def test_nothing_is_compacted_once_the_journal_was_closed_meanwhile() -> None:
    class Closing(MemoryJournal):
        def remember(self, at: float) -> None:
            ledger.close()
            super().remember(at)

    disk = MemoryDisk()
    ledger = ledger_over(Closing(disk))
    free(ledger, FreePayload(claim_id="c1"))
    records = disk.records
    assert not ledger.tidy(longest=0, forget_before=0.0)
    assert disk.records == records


def test_that_the_journal_is_not_compacted_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    ledger, disk = memory_ledger()
    free(ledger, FreePayload(claim_id="c1"))
    disk.full = True
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            ledger.tidy(longest=0, forget_before=9e9)
        disk.full = False
        ledger.tidy(longest=0, forget_before=9e9)
    assert [message[:29] for message in caplog.messages] == ["the journal is not compacted:", "the journal is compacted: 0 c"]
