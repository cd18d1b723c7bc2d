# SPDX-License-Identifier: Apache-2.0
"""Pools as a table."""

from pathlib import Path

from pcipt_agent.core.spec import Tags
from pcipt_agent.views.pool_answers import pools_reply
from pcipt_agent.views.text import page
from pcipt_agent.views.text_pools import pool_table
from tests.support.demo import demo_inventory
from tests.support.golden import Golden
from tests.support.planned import entry, host, inventory, pci, rules

GOLDEN = Path(__file__).parent / "golden"


def test_pools_are_a_table(golden: Golden) -> None:
    golden.check(page([pool_table(pools_reply(demo_inventory()).pools)], colour=False), GOLDEN / "pools.txt")


def test_what_sets_a_pool_apart_is_said() -> None:
    current = inventory(host(pci("3b:00.0", numa_node=None)), rules(entry(1, tags=Tags(live_migratable=True))))
    (row,) = page([pool_table(pools_reply(current).pools)], colour=False).splitlines()[1:]
    assert row.split()[:6] == ["1", "1", "1", "type-PCI", "8086:0001", "-"]
    assert row.split()[-1] == "live-migratable"
