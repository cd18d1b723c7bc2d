# SPDX-License-Identifier: Apache-2.0
"""Ledgers over a host that is there from the start, with a journal in memory or on a disk."""

from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID

from oslo_config import cfg

from pcipt_agent.adapters.journal import SqliteJournal
from pcipt_agent.conf.loading import Loaded, load
from pcipt_agent.conf.sources import Sources
from pcipt_agent.core.alias import Alias, Alternative, NumaPolicy, RuleSet
from pcipt_agent.core.claim import ClaimBook
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.host import Host
from pcipt_agent.flows.ledger import Ledger, first_inventory
from pcipt_agent.flows.reloading import Reloader
from pcipt_agent.ports import Journal, Listener
from pcipt_agent.views.wire import ClaimPayload, RequestPayload
from tests.support.planned import PLAIN, VF, host, pci, rules, sriov
from tests.support.ports import MemoryDisk, MemoryJournal, SteppingClock

CONSUMER = UUID("4c0e1b6e-6f1f-4d3c-9a52-2a0f4f6a7b10")
ALIASES = (
    Alias(name="a1", device_type=DeviceType.PCI, numa_policy=None, alternatives=(Alternative(vendor_id="8086", product_id=PLAIN),)),
    Alias(
        name="vf",
        device_type=DeviceType.VF,
        numa_policy=NumaPolicy.PREFERRED,
        alternatives=(Alternative(vendor_id="8086", product_id=VF), Alternative(vendor_id="15b3", product_id="101e")),
    ),
)
RULES = rules(aliases=ALIASES)


def small_host() -> Host:
    """Four plain functions on both NUMA nodes, and a PF with four VFs."""
    plain = [pci(f"3b:0{slot}.0", numa_node=slot % 2) for slot in range(4)]
    return host(*plain, *sriov("5e:00.0", vfs=4))


def ledger_over(
    journal: Journal,
    seen: Host | None = None,
    *,
    ruleset: RuleSet = RULES,
    listeners: Sequence[Listener] = (),
    checkpoint: Callable[[str], None] = lambda _: None,
    clock: SteppingClock | None = None,
) -> Ledger:
    """A ledger that continues what the journal holds."""
    clock, machine = clock or SteppingClock(), seen or small_host()
    recovered = journal.recover(machine.boot_id, clock.now(), 0.0)
    inventory = first_inventory(machine, ruleset, recovered, clock.now())
    return Ledger(inventory, journal, clock=clock, listeners=listeners, checkpoint=checkpoint)


def memory_ledger(seen: Host | None = None) -> tuple[Ledger, MemoryDisk]:
    disk = MemoryDisk()
    return ledger_over(MemoryJournal(disk), seen), disk


def reloader_of(ledger: Ledger, path: Path) -> Reloader:
    """Over a real file at `path` that says what `RULES` does."""
    path.write_text(
        "[pci]\n"
        'device_spec = {"vendor_id": "8086"}\n'
        'alias = {"name": "a1", "vendor_id": "8086", "product_id": "0001"}\n'
        'alias = {"name": "vf", "vendor_id": "8086", "product_id": "00f1", "device_type": "type-VF", "numa_policy": "preferred"}\n'
    )

    def read(seen: Host) -> Loaded:
        sources = Sources(args=["--config-file", str(path)])
        return load(cfg.ConfigOpts(), sources, host_at=lambda _: seen)

    return Reloader(ledger, read(ledger.inventory.catalogue.host), read=read, take=lambda _: None)


def book_on(directory: Path) -> ClaimBook:
    """What a start would begin with."""
    journal = SqliteJournal(directory)
    try:
        return journal.recover("boot-1", 1.0, 0.0).book
    finally:
        journal.close()


def wanted(claim_id: str, *requests: RequestPayload, dry_run: bool = False, if_generation: str | None = None) -> ClaimPayload:
    """A claim of one plain function unless told otherwise."""
    asked = list(requests) or [RequestPayload(alias="a1")]
    return ClaimPayload(claim_id=claim_id, consumer=CONSUMER, requests=asked, dry_run=dry_run, if_generation=if_generation)
