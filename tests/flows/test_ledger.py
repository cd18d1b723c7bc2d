# SPDX-License-Identifier: Apache-2.0
"""The ledger changes its mind whole or not at all, and tells of it afterwards."""

import logging
import threading
from dataclasses import replace
from typing import Any

import pytest

from pcipt_agent.core.claim import Allocated, Claimed, Decision, Freed
from pcipt_agent.core.decide import Allocate, Free
from pcipt_agent.core.device import Link
from pcipt_agent.core.domain import Hypervisor
from pcipt_agent.core.host import Arrived, Changed, Departed, Host
from pcipt_agent.core.invariant import violations
from pcipt_agent.core.inventory import DeviceStatus, Inventory
from pcipt_agent.core.rules_difference import rules_difference
from pcipt_agent.errors import GenerationMoved, JournalError, JournalUnwritable
from pcipt_agent.flows.claiming import allocate, claim, free
from pcipt_agent.flows.ledger import Ledger, Terms
from pcipt_agent.views.wire import AllocatePayload, FreePayload, RequestPayload
from tests.support.ledgers import ledger_over, memory_ledger, small_host, wanted
from tests.support.planned import PLAIN, at, entry, host, pci, rules
from tests.support.ports import MemoryDisk, MemoryJournal, Notebook, SteppingClock


def generations(before: Inventory, after: Inventory) -> tuple[str, str]:
    return before.generation, after.generation


class RenderingFault(Exception):
    pass


def broken(before: Inventory, after: Inventory) -> None:
    raise RenderingFault(before.generation, after.generation)


def test_a_decision_is_durable_before_it_is_published_and_told() -> None:
    disk, order = MemoryDisk(), list[str]()

    class Asking(MemoryJournal):
        def append(self, decision: Decision) -> None:
            order.append("append")
            super().append(decision)

    class Telling(Notebook):
        def happened(self, decision: Decision, inventory: Inventory) -> None:
            super().happened(decision, inventory)
            order.append(f"told {inventory.generation == ledger.inventory.generation}")

    ledger = ledger_over(Asking(disk), listeners=(Telling(),), checkpoint=order.append)
    claim(ledger, wanted("c1"))
    assert order == ["decided", "rendered", "append", "appended", "published", "told True"]


def test_a_reply_that_cant_be_rendered_leaves_no_claim_behind() -> None:
    ledger, disk = memory_ledger()
    claim(ledger, wanted("c1"))
    before = ledger.inventory
    with pytest.raises(RenderingFault):
        ledger.obey(Free(claim_id="c1", at=5.0), render=broken)
    assert ledger.inventory is before
    assert len(disk.decisions) == 1


def test_what_cant_be_made_durable_did_not_happen_and_can_later() -> None:
    ledger, disk = memory_ledger()
    before, disk.full = ledger.inventory, True
    with pytest.raises(JournalUnwritable):
        claim(ledger, wanted("c1"))
    assert ledger.inventory is before
    assert ledger.unwritable is not None
    disk.full = False
    assert claim(ledger, wanted("c1")).changed
    assert ledger.unwritable is None


def test_where_nobody_knows_whether_it_happened_nothing_is_published() -> None:
    class Failing(MemoryJournal):
        def append(self, decision: Decision) -> None:
            raise self.distrust(f"{decision.events} may or may not be there")

    ledger = ledger_over(Failing(MemoryDisk()))
    before = ledger.inventory
    with pytest.raises(JournalError):
        claim(ledger, wanted("c1"))
    assert ledger.inventory is before


def test_what_holds_already_changes_nothing() -> None:
    ledger, disk = memory_ledger()
    first = claim(ledger, wanted("c1"))
    before = ledger.inventory
    again = claim(ledger, wanted("c1"))
    assert ledger.inventory is before
    assert len(disk.decisions) == 1
    assert (first.changed, again.changed) == (True, False)
    assert again.model_copy(update={"changed": True}) == first


def test_a_dry_run_answers_of_the_inventory_as_it_is_and_writes_nothing() -> None:
    ledger, disk = memory_ledger()
    before = ledger.inventory
    dry = claim(ledger, wanted("c1", dry_run=True))
    assert (dry.changed, dry.dry_run, dry.generation) == (True, True, before.generation)
    assert ledger.inventory is before
    assert disk.decisions == []
    real = claim(ledger, wanted("c1", if_generation=dry.generation))
    assert real.devices[0].address == dry.devices[0].address


def test_a_claim_on_a_generation_that_is_past_is_refused_and_its_own_retry_is_not() -> None:
    ledger, _ = memory_ledger()
    seen = ledger.inventory.generation
    assert claim(ledger, wanted("c1", if_generation=seen)).changed
    assert not claim(ledger, wanted("c1", if_generation=seen)).changed
    with pytest.raises(GenerationMoved) as caught:
        claim(ledger, wanted("c2", if_generation=seen))
    assert (caught.value.asked, caught.value.current) == (seen, ledger.inventory.generation)


def test_every_change_is_a_generation_that_was_never_there_before() -> None:
    """Also where a start can't be noted, and where the journal is restored from a backup, or lost."""
    disk, seen, clock = MemoryDisk(), list[str](), SteppingClock()
    backup = replace(disk, decisions=[], past=[])
    for start in range(5):
        disk = {3: backup, 4: MemoryDisk()}.get(start, disk)
        journal = MemoryJournal(disk)
        disk.full = start == 1
        ledger = ledger_over(journal, clock=clock)
        seen.append(ledger.inventory.generation)
        if not disk.full:
            claim(ledger, wanted(f"c{start}"))
            seen.append(ledger.inventory.generation)
        ledger.observe(host(pci("3b:00.0")))
        seen.append(ledger.inventory.generation)
        journal.close()
    assert len(set(seen)) == len(seen) == 14


def test_the_record_has_the_callers_request_id_the_time_and_the_boot_id() -> None:
    ledger, disk = memory_ledger()
    claim(ledger, wanted("c1"), "req-7")
    ledger.obey(Allocate(claim_id="c1", at=5.0), render=generations, terms=Terms(request_id="req-8"))
    assert [each.request_id for each in disk.decisions] == ["req-7", "req-8"]
    assert [each.boot_id for each in disk.decisions] == ["boot-1", "boot-1"]
    assert disk.decisions[0].at < disk.decisions[1].at


def test_listeners_are_told_in_order_of_what_happened() -> None:
    notes = Notebook()
    ledger = ledger_over(MemoryJournal(MemoryDisk()), listeners=(notes,))
    claim(ledger, wanted("c1"))
    allocate(ledger, AllocatePayload(claim_id="c1"))
    free(ledger, FreePayload(claim_id="c1"))
    assert [type(decision.events[0]) for decision, _ in notes.decisions] == [Claimed, Allocated, Freed]
    assert notes.decisions[-1][1] is ledger.inventory


def test_a_host_that_is_as_it_was_changes_nothing() -> None:
    ledger, _ = memory_ledger()
    before = ledger.inventory
    assert ledger.observe(before.catalogue.host) == ()
    assert ledger.observe(small_host()) == ()
    assert ledger.inventory is before


def test_a_host_that_changed_is_published_told_and_logged_in_its_words(caplog: pytest.LogCaptureFixture) -> None:
    notes = Notebook()
    ledger = ledger_over(MemoryJournal(MemoryDisk()), listeners=(notes,))
    seen = small_host()
    devices = dict(seen.devices)
    gone = devices.pop(at("3b:01.0"))
    came = pci("4b:00.0", product="abcd")
    bound = replace(devices[at("3b:02.0")], driver="vfio-pci")
    devices |= {came.address: came, bound.address: bound}
    with caplog.at_level(logging.INFO):
        changes = ledger.observe(replace(seen, devices=dict(sorted(devices.items()))))
    assert set(changes) == {Arrived(came), Departed(gone), Changed(seen.devices[bound.address], bound)}
    assert notes.changes == [(changes, ledger.inventory)]
    assert caplog.messages == [
        "0000:3b:01.0 departed: type-PCI 8086:0001",
        "0000:3b:02.0 changed: driver none → vfio-pci",
        "0000:4b:00.0 arrived: type-PCI 8086:abcd",
    ]


def test_a_link_that_slows_down_is_shown_and_nobody_is_told(caplog: pytest.LogCaptureFixture) -> None:
    gpu, notes = replace(pci("3b:00.0"), link=Link(16.0, 16, 16.0, 16)), Notebook()
    idle = replace(gpu, link=Link(2.5, 16, 16.0, 16))
    ledger = ledger_over(MemoryJournal(MemoryDisk()), listeners=(notes,))
    ledger.observe(host(gpu))
    told, generation = list(notes.changes), ledger.inventory.generation
    with caplog.at_level(logging.INFO):
        assert ledger.observe(host(idle)) == ()
    assert ledger.inventory.catalogue.devices == (idle,)
    assert (notes.changes, ledger.inventory.generation, caplog.messages) == (told, generation, [])


def test_a_claim_stays_while_its_device_is_away() -> None:
    ledger, _ = memory_ledger()
    address = at(claim(ledger, wanted("c1")).devices[0].address)
    seen = small_host()
    ledger.observe(replace(seen, devices={each: device for each, device in seen.devices.items() if each != address}))
    assert ledger.inventory.status(address) is DeviceStatus.LOST
    assert free(ledger, FreePayload(claim_id="c1")).freed == [str(address)]
    ledger.observe(seen)
    assert ledger.inventory.status(address) is DeviceStatus.FREE


def test_a_happening_is_one_line_with_address_consumer_and_request_id(caplog: pytest.LogCaptureFixture) -> None:
    ledger, _ = memory_ledger()
    with caplog.at_level(logging.INFO):
        claim(ledger, wanted("c1", RequestPayload(alias="a1", count=2)), "req-1")
        allocate(ledger, AllocatePayload(claim_id="c1"), "req-2")
        free(ledger, FreePayload(claim_id="c1"), "req-3")
        free(ledger, FreePayload(claim_id="c9"), "req-4")
    whose = "consumer 4c0e1b6e-6f1f-4d3c-9a52-2a0f4f6a7b10 (claim c1)"
    assert caplog.messages == [
        f"claimed 0000:3b:00.0, 0000:3b:01.0 for {whose} (request req-1)",
        f"allocated 0000:3b:00.0, 0000:3b:01.0 to {whose} (request req-2)",
        f"freed 0000:3b:00.0, 0000:3b:01.0 of {whose} (request req-3)",
        "ended claim c9, which held nothing (request req-4)",
    ]


def test_many_callers_at_once_never_get_the_same_device() -> None:
    ledger, disk = memory_ledger(host(*(pci(f"3b:{slot:02x}.0") for slot in range(24))))
    got, start = list[str](), threading.Barrier(8)

    def caller(number: int) -> None:
        start.wait()
        for turn in range(3):
            got.append(claim(ledger, wanted(f"c{number}-{turn}")).devices[0].address)

    threads = [threading.Thread(target=caller, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(got)) == len(got) == 24 == len(disk.decisions)
    assert violations(ledger.inventory) == ()


def test_a_reader_keeps_the_snapshot_that_it_has() -> None:
    ledger, _ = memory_ledger()
    snapshot = ledger.inventory
    claim(ledger, wanted("c1"))
    assert snapshot.book.claims.get("c1") is None
    assert isinstance(ledger, Ledger)


class Overtaken(Ledger):
    """Another thread sees this host right after the next swap, before whoever swapped goes on."""

    overtaking: Host | None = None

    def _swapped(self, *args: Any, **kwargs: Any) -> Any:
        done, host = super()._swapped(*args, **kwargs), self.overtaking
        if host is not None:
            self.overtaking = None
            self.observe(host)
        return done


def test_other_rules_are_compared_over_one_host_though_another_is_seen_at_that_moment() -> None:
    ledger = Overtaken(memory_ledger()[0].inventory, MemoryJournal(MemoryDisk()), clock=SteppingClock())
    ledger.overtaking = host(pci("01:00.0"))
    before, after = ledger.follow(rules(entry(1, product=PLAIN)), check=lambda _: None)
    assert before.catalogue.host is after.catalogue.host
    assert ledger.inventory.catalogue.host is not after.catalogue.host
    assert len(rules_difference(before, after).leaving) == 5


def test_libvirts_word_between_keeps_no_rules_from_being_followed_and_is_kept() -> None:
    ledger, _ = memory_ledger()
    calls, asked = list[Inventory](), Hypervisor(reachable=True, problem=None)

    def check(inventory: Inventory) -> None:
        calls.append(inventory)
        if len(calls) == 1:  # outside the lock, while the catalogue is being made
            ledger.observe_hypervisor(asked)

    ledger.follow(ledger.inventory.catalogue.rules, check=check)
    assert len(calls) == 2, "once outside and once under the lock"
    assert ledger.inventory.hypervisor is asked


def test_another_version_of_libvirt_between_is_what_the_catalogue_is_made_for() -> None:
    ledger, _ = memory_ledger()
    calls, asked = list[Inventory](), Hypervisor(reachable=True, problem=None, version=(9, 0, 0))

    def check(inventory: Inventory) -> None:
        calls.append(inventory)
        if len(calls) == 1:
            ledger.observe_hypervisor(asked)

    ledger.follow(ledger.inventory.catalogue.rules, check=check)
    assert len(calls) == 3
    assert (ledger.inventory.hypervisor, ledger.inventory.catalogue) == (asked, calls[-1].catalogue)


def test_the_same_word_of_libvirts_again_is_no_other_inventory() -> None:
    ledger, _ = memory_ledger()
    for _ in range(2):
        ledger.observe_hypervisor(Hypervisor(reachable=True, problem=None, watched_since=1.0))
        seen = ledger.inventory
    ledger.observe_hypervisor(Hypervisor(reachable=True, problem=None, watched_since=1.0))
    assert ledger.inventory is seen


def test_after_its_end_nothing_is_decided_and_nobody_takes_the_journal_again() -> None:
    ledger, disk = memory_ledger()
    claim(ledger, wanted("c1"))
    ledger.close()
    with pytest.raises(JournalUnwritable, match="the agent is stopping"):
        free(ledger, FreePayload(claim_id="c1"))
    assert not ledger.tidy(longest=0, forget_before=0.0)
    assert len(disk.decisions) == 1
    MemoryJournal(disk).recover("boot-2", 0.0, 0.0)
