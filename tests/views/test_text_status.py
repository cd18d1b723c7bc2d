# SPDX-License-Identifier: Apache-2.0
"""`status` as a page, from what crosses the wire."""

from dataclasses import replace
from pathlib import Path
from typing import cast

from pcipt_agent.core.domain import Hypervisor
from pcipt_agent.core.inventory import Inventory, inventory_of
from pcipt_agent.core.upkeep import Disable
from pcipt_agent.views.agent_facts import AgentFacts, Failure, HintFacts
from pcipt_agent.views.status_answers import status_reply
from pcipt_agent.views.text import page, shown
from pcipt_agent.views.text_status import status_page
from pcipt_agent.views.wire_status import StatusReply
from tests.support.demo import demo_inventory
from tests.support.golden import Golden
from tests.support.planned import host, inventory, obey, pci
from tests.support.vitals import NOW, healthy, standing

GOLDEN = Path(__file__).parent / "golden"


def said(current: Inventory, facts: AgentFacts | None = None) -> str:
    reply = shown(status_reply(current, facts or healthy()).model_dump(mode="json"))
    return page(status_page(cast(StatusReply, reply)), colour=False)


def test_a_host_in_good_health_is_a_line_a_thing(golden: Golden) -> None:
    reached = Hypervisor(reachable=True, problem=None, version=(10, 0, 0), qemu_version=(8, 2, 1), watched_since=NOW - 7100)
    quiet = inventory(host(pci("3b:00.0")))
    golden.check(said(inventory_of(quiet.catalogue, quiet.book, "3.14", reached)), GOLDEN / "status-well.txt")


def test_what_needs_attention_comes_last_with_what_to_do(golden: Golden) -> None:
    facts = replace(
        healthy(),
        reload_failure=Failure(NOW - 60, "[pci] alias: no JSON"),
        scan_failure=Failure(NOW, "/sys/bus/pci/devices: Input/output error"),
        hints=HintFacts(working=False, problem="no udev runs here"),
        libvirt_lost_at=NOW - 300,
        transport=replace(healthy().transport, where="rabbit:// (3 hosts)", broker=True, notifications=False),
        journal=replace(healthy().journal, unwritable="the disk is full"),
        standing=standing(at=NOW, timeout=60.0),
    )
    demo = demo_inventory()
    seen = replace(demo.hypervisor, reachable=False, problem="connection refused")
    current = obey(
        inventory_of(demo.catalogue, demo.book, "0.14", seen), Disable(address=None, reason="firmware", at=NOW - 9, by="uid 0")
    )
    golden.check(said(current, facts), GOLDEN / "status-attention.txt")


def test_notifications_that_were_lost_are_counted() -> None:
    facts = replace(healthy(), transport=replace(healthy().transport, notifications_lost=3), scan=None)
    text = said(inventory(host()), facts)
    assert "  events        sent; 3 were lost\n" in text
    assert "  last scan     not yet\n" in text
    assert "  devices       none\n" in text
