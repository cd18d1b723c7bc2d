# SPDX-License-Identifier: Apache-2.0
"""A start finds what was promised, says what has changed meanwhile, and does not start where it can't be right."""

import logging
from dataclasses import replace

import pytest

from pcipt_agent.core.alias import RuleSet
from pcipt_agent.core.claim import Claimed
from pcipt_agent.core.host import Host
from pcipt_agent.core.inventory import DeviceStatus
from pcipt_agent.errors import ConfigError, HostError, JournalError
from pcipt_agent.flows.claiming import claim, free
from pcipt_agent.flows.ledger import Ledger
from pcipt_agent.flows.recovery import Findings, World, recover
from pcipt_agent.views.wire import FreePayload, RequestPayload
from tests.support.books import claim as claim_of
from tests.support.books import decision
from tests.support.ledgers import ALIASES, CONSUMER, RULES, ledger_over, small_host, wanted
from tests.support.planned import PF, PLAIN, VF, at, entry, rules
from tests.support.ports import GivenReader, MemoryDisk, MemoryJournal, SteppingClock

PF_ONLY = rules(entry(1, product=PLAIN), entry(2, product=PF), aliases=ALIASES)
VFS_ONLY = rules(entry(1, product=PLAIN), entry(2, product=VF), aliases=ALIASES)


def after(*requests: RequestPayload) -> MemoryDisk:
    """What an agent leaves that claimed each of the requests, c0 first, and ended."""
    disk = MemoryDisk()
    journal = MemoryJournal(disk)
    ledger = ledger_over(journal)
    for number, request in enumerate(requests):
        claim(ledger, wanted(f"c{number}", request))
    journal.close()
    return disk


def restart(disk: MemoryDisk, seen: Host | None = None, ruleset: RuleSet = RULES) -> tuple[Ledger, Findings]:
    world = World(reader=GivenReader(seen or small_host()), journal=MemoryJournal(disk), clock=SteppingClock())
    return recover(world, ruleset, ended_claims_kept_seconds=1e9)


def test_what_was_promised_is_promised_still(caplog: pytest.LogCaptureFixture) -> None:
    disk = after(RequestPayload(alias="vf", count=2), RequestPayload(alias="a1"))
    with caplog.at_level(logging.WARNING):
        ledger, found = restart(disk)
    assert found == Findings(rebooted=False, drifted=(), lost=(), unlisted=(), unwritable=None)
    assert caplog.messages == []
    assert set(ledger.inventory.book.claims) == {"c0", "c1"}
    assert not claim(ledger, wanted("c0", RequestPayload(alias="vf", count=2))).changed


def test_a_reboot_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        _, found = restart(after(RequestPayload(alias="a1")), replace(small_host(), boot_id="boot-2"))
    assert found.rebooted
    assert caplog.messages == ["the machine has been started anew since the last record (boot id was boot-1)"]


def test_another_device_at_a_held_address_is_said_by_its_parts_and_held_still(caplog: pytest.LogCaptureFixture) -> None:
    disk, seen = after(RequestPayload(alias="a1")), small_host()
    address = at("3b:00.0")
    other = replace(seen.devices[address], product_id="abcd", serial="S2")
    with caplog.at_level(logging.WARNING):
        ledger, found = restart(disk, replace(seen, devices={**seen.devices, address: other}))
    assert [(each.held.address, each.parts) for each in found.drifted] == [(address, ("product_id",))]
    assert caplog.messages == [
        f"0000:3b:00.0, held by claim c0 of consumer {CONSUMER}, is another device than the one that was claimed: product_id"
    ]
    assert ledger.inventory.status(address) is DeviceStatus.CLAIMED


def test_lost_and_unlisted_devices_are_said_and_can_be_freed(caplog: pytest.LogCaptureFixture) -> None:
    disk, seen = after(RequestPayload(alias="a1", count=2), RequestPayload(alias="vf")), small_host()
    without = replace(seen, devices={address: device for address, device in seen.devices.items() if address != at("3b:00.0")})
    with caplog.at_level(logging.WARNING):
        ledger, found = restart(disk, without, rules(entry(1, product="0bad"), aliases=ALIASES))
    assert [str(each.held.address) for each in found.lost] == ["0000:3b:00.0"]
    assert [str(each.held.address) for each in found.unlisted] == ["0000:3b:01.0", "0000:5e:00.1"]
    assert caplog.messages == [
        f"0000:3b:00.0, held by claim c0 of consumer {CONSUMER}, is lost: it is not on the host",
        f"0000:3b:01.0, held by claim c0 of consumer {CONSUMER}, is unlisted: no device_spec matches it now",
        f"0000:5e:00.1, held by claim c1 of consumer {CONSUMER}, is unlisted: no device_spec matches it now",
    ]
    assert free(ledger, FreePayload(claim_id="c0")).changed


def test_rules_that_list_the_pf_instead_of_a_held_vf_stop_the_start() -> None:
    disk = after(RequestPayload(alias="vf", count=2))
    with pytest.raises(ConfigError) as caught:
        restart(disk, ruleset=PF_ONLY)
    assert [(mistake.option, mistake.entry) for mistake in caught.value.mistakes] == [("[pci] device_spec", 2)] * 2
    first = caught.value.mistakes[0]
    assert first.problem == (
        f"lists 0000:5e:00.0, the PF of 0000:5e:00.1, which no entry lists any more and which claim c0 of consumer {CONSUMER} holds"
    )
    then = next(spec.source for spec in RULES.specs if spec.entry == 1)
    assert first.remedy == f"{then} instead of this entry until the claim is freed (it listed 0000:5e:00.1)"


def test_rules_that_list_the_vfs_instead_of_a_held_pf_stop_the_start() -> None:
    disk = after(RequestPayload(address="0000:5e:00.0"))
    with pytest.raises(ConfigError) as caught:
        restart(disk, ruleset=VFS_ONLY)
    (mistake,) = caught.value.mistakes
    assert mistake.entry == 2
    assert mistake.problem.startswith(
        "lists 0000:5e:00.1, 0000:5e:00.2, 0000:5e:00.3, 0000:5e:00.4, of the VFs of 0000:5e:00.0, which no entry lists any more"
    )


def test_rules_that_list_neither_or_both_do_not_stop_it() -> None:
    for ruleset in (rules(entry(1, product=PLAIN), aliases=ALIASES), RULES):
        ledger, _ = restart(after(RequestPayload(alias="vf")), ruleset=ruleset)
        assert set(ledger.inventory.book.claims) == {"c0"}


def test_a_book_that_breaks_our_own_laws_stops_the_start() -> None:
    disk = after()
    disk.decisions.append(decision(Claimed(replace(claim_of(1), held=()))))
    with pytest.raises(JournalError, match=r"breaks 1 of our own laws: claim c1 asked for .* and holds \{\}"):
        restart(disk)


def test_a_host_that_cant_be_read_stops_the_start_before_the_journal_is_touched() -> None:
    disk = after()
    world = World(reader=GivenReader(small_host(), "gone"), journal=MemoryJournal(disk), clock=SteppingClock())
    with pytest.raises(HostError):
        recover(world, RULES, ended_claims_kept_seconds=1.0)
    assert (disk.incarnation, disk.holder) == (1, None)


def test_a_journal_that_cant_be_written_does_not_stop_it(caplog: pytest.LogCaptureFixture) -> None:
    disk = after(RequestPayload(alias="a1"))
    disk.full = True
    with caplog.at_level(logging.WARNING):
        ledger, found = restart(disk)
    assert found.unwritable == "memory is full"
    assert "nothing can be claimed, allocated or freed until the journal can be written: memory is full" in caplog.messages
    assert ledger.inventory.status(at("3b:00.0")) is DeviceStatus.CLAIMED
