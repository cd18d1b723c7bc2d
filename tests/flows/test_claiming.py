# SPDX-License-Identifier: Apache-2.0
"""claim, allocate, free as a caller sees them."""

import logging
from collections.abc import Collection

import pytest
from lxml import etree

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.claim import ClaimState
from pcipt_agent.core.domain import Hypervisor
from pcipt_agent.core.funnel import Unsatisfied
from pcipt_agent.core.spec import Tags
from pcipt_agent.errors import ClaimDiffers, ClaimEnded, ClaimUnknown, HostError, UnknownAlias
from pcipt_agent.flows.claiming import Gone, allocate, claim, free
from pcipt_agent.flows.describing import render
from pcipt_agent.views.wire import AllocatePayload, FreePayload, RenderPayload, RequestPayload
from tests.support.ledgers import ALIASES, CONSUMER, ledger_over, memory_ledger, wanted
from tests.support.planned import at, entry, rules
from tests.support.ports import MemoryDisk, MemoryJournal

VFS = RequestPayload(alias="vf", count=2)


def test_the_whole_life_of_a_claim() -> None:
    ledger, _ = memory_ledger()
    made = claim(ledger, wanted("c1", VFS))
    assert (made.changed, made.state, made.consumer) == (True, ClaimState.CLAIMED, str(CONSUMER))
    assert [device.address for device in made.devices] == ["0000:5e:00.1", "0000:5e:00.2"]
    given = allocate(ledger, AllocatePayload(claim_id="c1"))
    assert (given.changed, given.state, given.devices[0].status) == (True, ClaimState.ALLOCATED, "allocated")
    assert not allocate(ledger, AllocatePayload(claim_id="c1")).changed
    ended = free(ledger, FreePayload(claim_id="c1"))
    assert (ended.changed, ended.freed) == (True, ["0000:5e:00.1", "0000:5e:00.2"])
    again = free(ledger, FreePayload(claim_id="c1"))
    assert (again.changed, again.ended_at) == (False, ended.ended_at)


def gone_by_now(*addresses: str) -> Gone:
    return lambda asked: frozenset(map(at, addresses)) & frozenset(asked)


def test_a_device_that_is_gone_by_now_departs_and_another_is_promised() -> None:
    ledger, _ = memory_ledger()
    made = claim(ledger, wanted("c1"), gone=gone_by_now("3b:00.0", "3b:02.0"))
    assert [device.address for device in made.devices] == ["0000:3b:01.0"]
    assert at("3b:00.0") not in ledger.inventory.catalogue.host.devices
    assert not claim(ledger, wanted("c1"), gone=gone_by_now("3b:01.0")).changed


def test_where_a_pfs_first_vf_is_gone_by_now_none_of_the_others_is_promised() -> None:
    ledger, _ = memory_ledger()
    last = RequestPayload(address="0000:5e:00.4")
    with pytest.raises(Unsatisfied) as caught:
        claim(ledger, wanted("c1", last), gone=gone_by_now("5e:00.1"))
    assert "3 of 4 VFs are here" in str(caught.value.funnel)
    assert not ledger.inventory.book.claims


def test_a_host_that_cant_be_asked_is_as_it_was_last_seen() -> None:
    def unreadable(_: Collection[PciAddress]) -> frozenset[PciAddress]:
        raise HostError("/sys/bus/pci/devices", "Input/output error")

    ledger, _ = memory_ledger()
    assert claim(ledger, wanted("c1"), gone=unreadable).changed


def test_unused_is_believed_only_where_libvirt_was_watched() -> None:
    once = rules(entry(1, tags=Tags(one_time_use=True)), aliases=ALIASES)
    for watched_since, dirty in ((1.0, []), (None, ["0000:5e:00.1"])):
        ledger = ledger_over(MemoryJournal(MemoryDisk()), ruleset=once)
        ledger.observe_hypervisor(Hypervisor(reachable=True, problem=None, watched_since=watched_since))
        claim(ledger, wanted("c1", RequestPayload(alias="vf")))
        ended = free(ledger, FreePayload(claim_id="c1", unused=True))
        assert (ended.dirty, ended.unused_doubted is None) == (dirty, not dirty)
        again = free(ledger, FreePayload(claim_id="c1"))
        assert (again.changed, again.dirty) == (False, dirty)


def test_each_device_comes_with_its_own_element() -> None:
    ledger, _ = memory_ledger()
    made = claim(ledger, wanted("c1", VFS))
    for device in made.devices:
        address = etree.fromstring(device.xml).find("source/address")
        assert address is not None
        bus, slot, function = (int(address.get(name, ""), 16) for name in ("bus", "slot", "function"))
        assert device.address == f"0000:{bus:02x}:{slot:02x}.{function:x}"
    assert render(ledger.inventory, RenderPayload(claim_id="c1")).elements == [device.xml for device in made.devices]


def test_the_same_claim_again_is_the_same_answer_also_when_it_is_allocated() -> None:
    ledger, _ = memory_ledger()
    made = claim(ledger, wanted("c1", VFS))
    allocate(ledger, AllocatePayload(claim_id="c1"))
    again = claim(ledger, wanted("c1", VFS))
    assert (again.changed, again.state, again.claimed_at) == (False, ClaimState.ALLOCATED, made.claimed_at)
    assert [device.address for device in again.devices] == [device.address for device in made.devices]


def test_the_same_claim_id_with_other_content_is_refused_with_what_differs() -> None:
    ledger, _ = memory_ledger()
    claim(ledger, wanted("c1", VFS))
    with pytest.raises(ClaimDiffers) as caught:
        claim(ledger, wanted("c1", RequestPayload(alias="vf", count=1)))
    assert [each.field for each in caught.value.differences] != []


def test_a_late_claim_with_an_ended_id_is_refused_whatever_it_asks() -> None:
    ledger, _ = memory_ledger()
    assert free(ledger, FreePayload(claim_id="never-held")).changed
    for request in (RequestPayload(alias="a1"), RequestPayload(alias="nobody-configured-it")):
        with pytest.raises(ClaimEnded):
            claim(ledger, wanted("never-held", request))
    with pytest.raises(ClaimEnded):
        allocate(ledger, AllocatePayload(claim_id="never-held"))
    with pytest.raises(ClaimEnded):
        render(ledger.inventory, RenderPayload(claim_id="never-held"))


def test_what_is_not_claimed_is_not_allocated_or_rendered() -> None:
    ledger, _ = memory_ledger()
    with pytest.raises(ClaimUnknown):
        allocate(ledger, AllocatePayload(claim_id="c1"))
    with pytest.raises(ClaimUnknown):
        render(ledger.inventory, RenderPayload(claim_id="c1"))


def test_a_wish_that_cant_be_met_or_understood_changes_nothing() -> None:
    ledger, disk = memory_ledger()
    with pytest.raises(Unsatisfied):
        claim(ledger, wanted("c1", RequestPayload(alias="vf", count=5)))
    with pytest.raises(UnknownAlias):
        claim(ledger, wanted("c1", RequestPayload(alias="a2")))
    assert disk.decisions == []
    assert claim(ledger, wanted("c1", RequestPayload(alias="vf", count=4))).changed


def test_an_address_can_be_claimed() -> None:
    ledger, _ = memory_ledger()
    made = claim(ledger, wanted("c1", RequestPayload(address="0000:5e:00.3")))
    assert [device.address for device in made.devices] == ["0000:5e:00.3"]


def test_the_log_says_who_was_obeyed_and_under_which_request_id(caplog: pytest.LogCaptureFixture) -> None:
    ledger, _ = memory_ledger()
    with caplog.at_level(logging.INFO):
        claim(ledger, wanted("c1"), "req-1", caller="uid 7 (pid 8)")
        allocate(ledger, AllocatePayload(claim_id="c1"), "req-2", caller="uid 7 (pid 8)")
        free(ledger, FreePayload(claim_id="c1"), "req-3")
    said = [message.partition(" (request ")[2] for message in caplog.messages]
    assert said == ["req-1, by uid 7 (pid 8))", "req-2, by uid 7 (pid 8))", "req-3)"]
