# SPDX-License-Identifier: Apache-2.0
"""Reloading real files into a real ledger: what is taken, what is kept, and what is refused with the old rules still in force."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from oslo_config import cfg

from pcipt_agent.conf.loading import Loaded, load
from pcipt_agent.conf.settings import Settings
from pcipt_agent.conf.sources import Sources
from pcipt_agent.core.host import Host
from pcipt_agent.core.invariant import violations
from pcipt_agent.core.inventory import DeviceStatus
from pcipt_agent.errors import BadConfiguration, BadRequest
from pcipt_agent.flows.claiming import claim
from pcipt_agent.flows.ledger import Ledger
from pcipt_agent.flows.reloading import Reloader
from pcipt_agent.views.wire import RequestPayload
from pcipt_agent.views.wire_reload import ReloadPayload, ReloadReply, RulesPayload
from tests.support.ledgers import ledger_over, wanted
from tests.support.planned import at, host, pci, sriov
from tests.support.ports import MemoryDisk, MemoryJournal

HOST = host(pci("01:00.0"), pci("02:00.0"), *sriov("03:00.0", vfs=1))
PLAIN = 'device_spec = {"vendor_id": "8086", "product_id": "0001"}'
ALIAS = 'alias = {"name": "a1", "vendor_id": "8086", "product_id": "0001"}'


class Bench:
    """A ledger under the rules of a file that tests edit."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.taken: list[Settings] = []
        self.write(text)
        loaded = self.read(HOST)
        self.ledger: Ledger = ledger_over(MemoryJournal(MemoryDisk()), HOST, ruleset=loaded.rules)
        self.reloader = Reloader(self.ledger, loaded, read=self.read, take=self.taken.append)

    def write(self, text: str) -> None:
        self.path.write_text(f"[pci]\n{text}\n")

    def read(self, seen: Host) -> Loaded:
        sources = Sources(args=["--config-file", str(self.path)])
        return load(cfg.ConfigOpts(), sources, host_at=lambda _: seen)

    def reload(self, *, dry_run: bool = False) -> ReloadReply:
        return self.reloader.reload(ReloadPayload(dry_run=dry_run))

    def claim(self, address: str) -> None:
        claim(self.ledger, wanted("c", RequestPayload(address=address)))


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., Bench]:
    def made(*lines: str) -> Bench:
        return Bench(tmp_path / "agent.conf", "\n".join(lines))

    return made


def test_new_rules_are_taken_and_the_difference_is_said(bench: Callable[..., Bench], caplog: pytest.LogCaptureFixture) -> None:
    over = bench('device_spec = {"address": "0000:01:00.0"}', ALIAS)
    over.write('device_spec = {"address": "0000:02:00.0"}\nalias = {"name": "a2", "vendor_id": "8086", "product_id": "0001"}')
    with caplog.at_level(logging.INFO):
        reply = over.reload()
    assert [(each.address, each.entry) for each in reply.arriving] == [("0000:02:00.0", '{"address": "0000:02:00.0"}')]
    assert [each.address for each in reply.leaving] == ["0000:01:00.0"]
    assert (reply.aliases_new, reply.aliases_gone, reply.aliases_changed) == (["a2"], ["a1"], [])
    assert over.ledger.inventory.status(at("02:00.0")) is DeviceStatus.FREE
    assert over.ledger.inventory.status(at("01:00.0")) is DeviceStatus.NOT_ASSIGNABLE
    assert (len(over.taken), over.reloader.running.failure) == (1, None)
    assert '0000:02:00.0 arrives: {"address": "0000:02:00.0"}' in caplog.messages
    assert '0000:01:00.0 leaves: {"address": "0000:01:00.0"}' in caplog.messages
    assert "aliases gone: a1" in caplog.messages


def test_a_held_device_that_no_entry_lists_any_more_is_kept_with_its_consumer_named(bench: Callable[..., Bench]) -> None:
    over = bench(PLAIN, ALIAS)
    over.claim("0000:01:00.0")
    over.write('device_spec = {"address": "0000:02:00.0"}')
    reply = over.reload()
    (kept,) = reply.kept
    (holder,) = over.ledger.inventory.book.claims.values()
    assert (kept.address, kept.claim_id, kept.consumer) == ("0000:01:00.0", holder.claim_id, holder.wish.consumer)
    assert reply.leaving == []
    assert over.ledger.inventory.status(at("01:00.0")) is DeviceStatus.UNLISTED
    assert violations(over.ledger.inventory) == ()


def test_what_a_new_entry_says_of_a_held_device_waits_until_it_is_freed(bench: Callable[..., Bench]) -> None:
    over = bench(PLAIN)
    over.claim("0000:01:00.0")
    over.write('device_spec = {"vendor_id": "8086", "product_id": "0001", "managed": "no"}')
    reply = over.reload()
    waiting = {each.address: each.waiting for each in reply.altered}
    (holder,) = over.ledger.inventory.book.claims.values()
    assert waiting == {"0000:01:00.0": holder.wish.consumer, "0000:02:00.0": None}
    assert holder.held[0].managed is True


@pytest.mark.parametrize(
    "text",
    ['device_spec = {"vendor_idd": "8086"}', 'device_spec = {"vendor_id": "80', "[half", 'dev_spec = {"vendor_id": "8086"}'],
    ids=["unknown key", "half an entry", "half a section", "unknown option"],
)
def test_on_any_mistake_the_old_rules_stay_and_it_is_remembered(
    bench: Callable[..., Bench], caplog: pytest.LogCaptureFixture, text: str
) -> None:
    over = bench(PLAIN, ALIAS)
    before = over.ledger.inventory
    over.write(text)
    with caplog.at_level(logging.ERROR), pytest.raises(BadConfiguration) as raised:
        over.reload()
    assert len(raised.value.mistakes) >= 1
    assert over.ledger.inventory is before
    failure = over.reloader.running.failure
    assert failure is not None
    assert failure.mistakes == raised.value.mistakes
    assert caplog.messages[0].startswith("the new configuration is not taken, and the old rules stay: ")
    assert over.taken == []
    over.write(PLAIN)
    over.reload()
    assert over.reloader.running.failure is None


def test_a_file_that_is_gone_keeps_the_old_rules(bench: Callable[..., Bench]) -> None:
    over = bench(PLAIN)
    before = over.ledger.inventory
    over.path.unlink()
    with pytest.raises(BadConfiguration):
        over.reload()
    assert over.ledger.inventory is before


def test_rules_that_give_a_held_devices_vf_instead_of_it_are_refused_like_at_a_start(bench: Callable[..., Bench]) -> None:
    over = bench('device_spec = {"address": "0000:03:00.0"}')
    over.claim("0000:03:00.0")
    over.write('device_spec = {"vendor_id": "8086", "product_id": "00f1"}')
    before = over.ledger.inventory
    with pytest.raises(BadConfiguration) as raised:
        over.reload()
    assert "which no entry lists any more" in raised.value.mistakes[0].problem
    assert over.ledger.inventory is before
    with pytest.raises(BadConfiguration):
        over.reload(dry_run=True)


def test_a_dry_run_says_the_same_and_takes_nothing(bench: Callable[..., Bench]) -> None:
    over = bench('device_spec = {"address": "0000:01:00.0"}')
    before = over.ledger.inventory
    over.write('device_spec = {"address": "0000:02:00.0"}')
    dry = over.reload(dry_run=True)
    assert over.ledger.inventory is before
    done = over.reload()
    assert dry.model_copy(update={"dry_run": False, "generation": done.generation}) == done


def test_given_rules_are_compared_and_never_taken(bench: Callable[..., Bench]) -> None:
    over = bench('device_spec = {"address": "0000:01:00.0"}')
    rules = RulesPayload(device_spec=['{"address": "0000:02:00.0"}'])
    reply = over.reloader.reload(ReloadPayload(dry_run=True, rules=rules))
    assert [each.address for each in reply.arriving] == ["0000:02:00.0"]
    with pytest.raises(BadRequest):
        over.reloader.reload(ReloadPayload(rules=rules))
    with pytest.raises(BadConfiguration):
        over.reloader.reload(ReloadPayload(dry_run=True, rules=RulesPayload(device_spec=["{"])))
    assert over.reloader.running.failure is None


def test_options_are_taken_or_named_as_needing_a_restart(bench: Callable[..., Bench], caplog: pytest.LogCaptureFixture) -> None:
    over = bench(PLAIN)
    over.write(f"{PLAIN}\n[agent]\nclaim_timeout = 7\nstate_path = /elsewhere\n[oslo_messaging_rabbit]\nheartbeat_rate = 3")
    with caplog.at_level(logging.INFO):
        reply = over.reload()
    assert reply.options == ["[agent] claim_timeout"]
    assert reply.needs_restart == ["[agent] state_path", "[oslo_messaging_rabbit] heartbeat_rate"]
    settings = over.reloader.running.settings
    assert settings.claim_timeout == 7
    assert over.taken == [settings]
    assert settings.state_path != Path("/elsewhere")
    assert "[agent] state_path changed, and counts only after a restart" in caplog.messages
    again = over.reload()
    assert (again.options, again.needs_restart) == ([], reply.needs_restart)
    over.write(PLAIN)
    assert over.reload().needs_restart == []
