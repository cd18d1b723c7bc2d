# SPDX-License-Identifier: Apache-2.0
"""Adopting through a real ledger: what becomes a claim, what is left and why, and what a lost journal takes."""

from collections.abc import Sequence
from itertools import count

import pytest

from pcipt_agent.core.domain import Domain, Hypervisor
from pcipt_agent.core.invariant import violations
from pcipt_agent.core.inventory import DeviceStatus
from pcipt_agent.errors import DomainUnknown, LibvirtUnreachable
from pcipt_agent.flows.adopting import adopt
from pcipt_agent.flows.ledger import Ledger
from pcipt_agent.flows.recovery import given_instead
from pcipt_agent.views.wire_adoption import AdoptPayload, AdoptReply
from tests.support.ledgers import ledger_over
from tests.support.planned import PF, PLAIN, at, domain, entry, host, pci, rules, sriov
from tests.support.ports import MemoryDisk, MemoryJournal

HOST = host(pci("01:00.0"), pci("02:00.0"), *sriov("03:00.0", vfs=2))
GUEST, OFF = domain("guest", "01:00.0", "03:00.1"), domain("off", "02:00.0", running=False)


def ledger(domains: Sequence[Domain], product: str = PLAIN) -> Ledger:
    """One entry lists the devices of that product."""
    made = ledger_over(MemoryJournal(MemoryDisk()), HOST, ruleset=rules(entry(1, product=product)))
    made.observe_hypervisor(Hypervisor(reachable=True, problem=None, domains=tuple(domains)))
    return made


def adopting(over: Ledger, domain: str | None = None, *, dry_run: bool = False) -> AdoptReply:
    numbers = count(1)
    payload = AdoptPayload(domain=domain, dry_run=dry_run)
    return adopt(over, payload, caller="root", new_id=lambda: f"adopted-{next(numbers)}")


def test_every_domain_with_a_device_gets_one_claim() -> None:
    over = ledger([OFF, GUEST])
    reply = adopting(over)
    assert [(each.domain, each.consumer, each.claim_id, each.addresses, each.unlisted) for each in reply.adopted] == [
        ("guest", GUEST.uuid, "adopted-1", ["0000:01:00.0", "0000:03:00.1"], ["0000:03:00.1"]),
        ("off", OFF.uuid, "adopted-2", ["0000:02:00.0"], []),
    ]
    assert reply.left == []
    assert over.inventory.status(at("01:00.0")) is DeviceStatus.ALLOCATED
    assert over.inventory.status(at("03:00.1")) is DeviceStatus.UNLISTED
    assert over.inventory.book.claims["adopted-1"].claimed_by == "root"
    assert violations(over.inventory) == ()


def test_a_second_time_finds_nothing_to_adopt() -> None:
    over = ledger([GUEST])
    adopting(over)
    generation = over.inventory.generation
    reply = adopting(over)
    assert (reply.adopted, reply.left, over.inventory.generation) == ([], [], generation)


def test_a_dry_run_answers_the_same_and_adopts_nothing() -> None:
    over = ledger([GUEST])
    dry = adopting(over, dry_run=True)
    assert [(each.addresses, each.claim_id) for each in dry.adopted] == [(["0000:01:00.0", "0000:03:00.1"], None)]
    assert over.inventory.status(at("01:00.0")) is DeviceStatus.OCCUPIED


@pytest.mark.parametrize("wanted", ["guest", GUEST.uuid])
def test_one_domain_is_named_by_name_or_uuid(wanted: str) -> None:
    reply = adopting(ledger([OFF, GUEST]), wanted)
    assert [each.domain for each in reply.adopted] == ["guest"]


def test_a_domain_that_is_not_there_is_refused_naming_those_that_could_be_meant() -> None:
    with pytest.raises(DomainUnknown) as raised:
        adopting(ledger([OFF, GUEST]), "gest")
    assert raised.value.known == ("guest", "off")


def test_a_device_that_is_claimed_by_another_is_left_and_the_rest_is_adopted() -> None:
    over = ledger([domain("first", "01:00.0")])
    adopting(over)
    second = domain("second", "01:00.0", "02:00.0")
    over.observe_hypervisor(Hypervisor(reachable=True, problem=None, domains=(second,)))
    reply = adopt(over, AdoptPayload(), new_id=lambda: "other")
    holder = over.inventory.book.claims["adopted-1"].wish.consumer
    assert [each.addresses for each in reply.adopted] == [["0000:02:00.0"]]
    assert [(each.address, each.why) for each in reply.left] == [("0000:01:00.0", f"claim adopted-1 of consumer {holder} holds it")]


def test_the_running_domain_has_what_two_of_them_name() -> None:
    reply = adopting(ledger([domain("off", "01:00.0", running=False), domain("on", "01:00.0")]))
    assert [each.domain for each in reply.adopted] == ["on"]
    assert [(each.domain, each.why) for each in reply.left] == [("off", "domain on has it too")]


def test_a_pf_and_its_vf_are_not_both_adopted() -> None:
    reply = adopting(ledger([domain("a", "03:00.0"), domain("b", "03:00.1")]))
    assert [each.domain for each in reply.adopted] == ["a"]
    assert [(each.domain, each.why) for each in reply.left] == [("b", "domain a has its relative 0000:03:00.0 too")]


def test_of_a_pf_and_its_vf_that_one_domain_names_the_first_is_adopted() -> None:
    """Its live document has the VF, and its persistent one the PF: both are named, and no guest can have both."""
    over = ledger([domain("a", "03:00.1", "03:00.0", "01:00.0")])
    reply = adopting(over)
    assert [each.addresses for each in reply.adopted] == [["0000:03:00.1", "0000:01:00.0"]]
    assert [(each.address, each.why) for each in reply.left] == [
        ("0000:03:00.0", "domain a has its relative 0000:03:00.1 too"),
    ]
    assert over.inventory.status(at("03:00.0")) is DeviceStatus.OCCUPIED
    assert violations(over.inventory) == ()


def test_odd_domains_are_left_with_the_reason() -> None:
    odd = Domain(uuid="u", name="odd", running=True, problem="no <devices>")
    gone = domain("gone", "09:00.0")
    reply = adopting(ledger([odd, gone]))
    assert reply.adopted == []
    assert [(each.domain, each.address, each.why) for each in reply.left] == [
        ("odd", None, "its XML is not understood: no <devices>"),
        ("gone", "0000:09:00.0", "it is not on this host"),
    ]


def test_nothing_is_adopted_where_libvirt_cannot_be_asked() -> None:
    over = ledger([GUEST])
    over.observe_hypervisor(Hypervisor(reachable=False, problem="connection refused", domains=(GUEST,)))
    with pytest.raises(LibvirtUnreachable) as raised:
        adopting(over)
    assert raised.value.problem == "connection refused"


def test_a_start_and_a_reload_take_rules_that_list_the_relatives_of_what_was_adopted_unlisted() -> None:
    """The rules were not changed under the claim, so nothing is to be put back; that the relative is blocked is safety enough."""
    over = ledger([domain("guest", "03:00.1")], product=PF)
    adopting(over)
    assert over.inventory.status(at("03:00.0")) is DeviceStatus.BLOCKED
    assert list(given_instead(over.inventory)) == []
