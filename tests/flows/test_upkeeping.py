# SPDX-License-Identifier: Apache-2.0
"""An operator's word is obeyed, durably, by whose call it was."""

import pytest

from pcipt_agent.core.claim import Disabled
from pcipt_agent.core.history import Upkeep, UpkeepKind
from pcipt_agent.errors import BadRequest, DeviceUnknown
from pcipt_agent.flows.upkeeping import clean, disable, enable
from pcipt_agent.views.wire import parse
from pcipt_agent.views.wire_upkeep import CleanPayload, DisablePayload, EnablePayload
from tests.support.ledgers import ledger_over, memory_ledger
from tests.support.planned import at
from tests.support.ports import MemoryDisk, MemoryJournal

LOUD = DisablePayload(address="0000:3b:00.0", reason=" fan is loud ")


def test_a_disabled_device_stays_so_over_a_restart_with_reason_and_caller() -> None:
    disk = MemoryDisk()
    journal = MemoryJournal(disk)
    reply = disable(ledger_over(journal), LOUD, "req-1", caller="uid 7")
    journal.close()
    assert (reply.changed, reply.disabled.reason, reply.disabled.by) == (True, "fan is loud", "uid 7")
    again = ledger_over(MemoryJournal(disk))
    told = again.inventory.book.disabled[at("3b:00.0")]
    assert isinstance(told, Disabled)
    assert (told.reason, told.by) == ("fan is loud", "uid 7")
    assert disable(again, LOUD).changed is False
    assert enable(again, EnablePayload(address="0000:3b:00.0")).changed is True
    assert not again.inventory.book.disabled


def test_the_host_is_disabled_by_name_and_by_nothing_left_away() -> None:
    ledger, _ = memory_ledger()
    assert disable(ledger, DisablePayload(host=True, reason="upgrade")).disabled.address is None
    assert ledger.inventory.free == 0
    assert enable(ledger, EnablePayload(host=True)).address is None
    for untrusted in ({"reason": "x"}, {"reason": "x", "host": False}, {"reason": "x", "host": True, "address": "0000:3b:00.0"}):
        with pytest.raises(BadRequest, match="either the address of a device, or host: true"):
            parse(DisablePayload, untrusted)


@pytest.mark.parametrize("reason", ["", "   ", "two\nlines", "x" * 1001, "\x1b[31m"])
def test_a_reason_is_one_line_that_says_something(reason: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse(DisablePayload, {"host": True, "reason": reason})
    assert refused.value.problems[0][0] == "reason"


def test_a_device_that_nobody_knows_is_refused_and_a_text_that_is_no_address_too() -> None:
    ledger, _ = memory_ledger()
    with pytest.raises(DeviceUnknown):
        disable(ledger, DisablePayload(address="0000:ee:00.0", reason="x"))
    with pytest.raises(DeviceUnknown):
        clean(ledger, CleanPayload(address="0000:ee:00.0"))
    with pytest.raises(BadRequest):
        enable(ledger, EnablePayload(address="3b:00.0"))


def test_what_an_operator_said_is_history() -> None:
    ledger, disk = memory_ledger()
    disable(ledger, LOUD, caller="uid 7")
    (told,) = MemoryJournal(disk).history(address=at("3b:00.0"))
    assert isinstance(told, Upkeep)
    assert (told.kind, told.reason, told.by) == (UpkeepKind.DISABLED, "fan is loud", "uid 7")


def test_cleaning_what_is_not_dirty_changes_nothing() -> None:
    ledger, _ = memory_ledger()
    assert clean(ledger, CleanPayload(address="0000:3b:00.0")).changed is False
