# SPDX-License-Identifier: Apache-2.0
"""What a claim would get, and where its elements go."""

import pytest

from pcipt_agent.errors import BadRequest, UnknownAlias
from pcipt_agent.flows.claiming import claim, free
from pcipt_agent.flows.describing import explain_request, history, render
from pcipt_agent.views.wire import ExplainRequestPayload, FreePayload, RenderPayload, RequestPayload, parse
from pcipt_agent.views.wire_history import HistoryPayload, SpanPart
from tests.support.ledgers import CONSUMER, memory_ledger, wanted
from tests.support.ports import MemoryJournal

DOMAIN = "<domain type='kvm'><name>g</name><devices></devices></domain>"


def test_what_is_explained_is_what_is_claimed() -> None:
    ledger, disk = memory_ledger()
    payload = ExplainRequestPayload(flavor={"pci_passthrough:alias": "a1:2,vf"}, numa_nodes=[1])
    told = explain_request(ledger.inventory, payload)
    assert told.satisfied
    assert disk.decisions == []
    made = claim(ledger, wanted("c1").model_copy(update={"requests": [], "flavor": payload.flavor, "numa_nodes": [1]}))
    assert [address for each in told.chosen for address in each] == [device.address for device in made.devices]


def test_why_not_is_told_and_not_refused() -> None:
    ledger, _ = memory_ledger()
    told = explain_request(ledger.inventory, ExplainRequestPayload(requests=[RequestPayload(alias="a1", count=5)]))
    assert not told.satisfied
    assert told.funnel.requests[0].emptied_by is not None


def test_what_cant_be_understood_is_refused() -> None:
    ledger, _ = memory_ledger()
    with pytest.raises(UnknownAlias):
        explain_request(ledger.inventory, ExplainRequestPayload(requests=[RequestPayload(alias="a2")]))


def test_elements_are_placed_into_the_callers_document() -> None:
    ledger, _ = memory_ledger()
    claim(ledger, wanted("c1", RequestPayload(alias="vf", count=2)))
    alone = render(ledger.inventory, RenderPayload(claim_id="c1"))
    placed = render(ledger.inventory, RenderPayload(claim_id="c1", domain=DOMAIN))
    assert alone.domain is None
    assert placed.domain is not None
    assert placed.domain.count("<hostdev") == len(alone.elements) == 2
    assert render(ledger.inventory, RenderPayload(claim_id="c1", domain=placed.domain)).domain == placed.domain


def test_history_is_told_of_a_device_or_of_a_consumer() -> None:
    ledger, disk = memory_ledger()
    claim(ledger, wanted("c1"), caller="uid 7")
    free(ledger, FreePayload(claim_id="c1"), caller="uid 8")
    claim(ledger, wanted("c2"))
    journal = MemoryJournal(disk)
    of_device = history(ledger.inventory, journal, HistoryPayload(address="0000:3b:00.0"))
    of_consumer = history(ledger.inventory, journal, HistoryPayload(consumer=CONSUMER, limit=1))
    now, before = of_device.entries
    assert isinstance(now, SpanPart)
    assert isinstance(before, SpanPart)
    assert (now.claim_id, now.until, before.claim_id, before.claimed_by, before.ended_by) == ("c2", None, "c1", "uid 7", "uid 8")
    assert (of_consumer.entries, of_consumer.more, of_device.more) == ([now], True, False)


def test_history_of_nobody_in_particular_is_refused() -> None:
    ledger, disk = memory_ledger()
    with pytest.raises(BadRequest, match="no PCI address"):
        history(ledger.inventory, MemoryJournal(disk), HistoryPayload(address="3b:00.0"))
    for untrusted in ({}, {"address": "0000:3b:00.0", "consumer": str(CONSUMER)}):
        with pytest.raises(BadRequest, match="either the address of a device, or a consumer"):
            parse(HistoryPayload, untrusted)
