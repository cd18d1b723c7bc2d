# SPDX-License-Identifier: Apache-2.0
"""Pools for people: a table, the free ones counted, and on how many PFs they are (what `isolate` can give to one guest).

Does not know: how devices are pooled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from pcipt_agent.views.text import table, unknown
from pcipt_agent.views.text_upkeep import said

if TYPE_CHECKING:
    from pcipt_agent.views.wire_devices import PoolPart, PoolsReply


def pools_page(reply: PoolsReply) -> Iterator[RenderableType]:
    """The pools, and above them that nothing of them is to be had."""
    if reply.disabled is not None:
        yield Text(f"the host is disabled: {said(reply.disabled)}", style="bold red")
    yield pool_table(reply.pools) if reply.pools else "no pool: no device is assignable"


def pool_table(pools: Sequence[PoolPart]) -> Text:
    """One line a pool."""
    return table(("free", "of", "on PFs", "type", "ids", "NUMA node", "resource class", "traits", "about"), map(_row, pools))


def _row(pool: PoolPart) -> tuple[str, ...]:
    about = ["live-migratable"] * pool.live_migratable + ["remote-managed"] * pool.remote_managed
    return (
        str(pool.free),
        str(pool.total),
        str(pool.free_apart),
        pool.device_type,
        f"{pool.vendor_id}:{pool.product_id}",
        unknown(pool.numa_node),
        pool.resource_class,
        " ".join(pool.traits),
        ", ".join(about),
    )
