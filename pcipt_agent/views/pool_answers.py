# SPDX-License-Identifier: Apache-2.0
"""Pools as an answer: devices that no request tells apart, with how many of them are free.

Counted from the catalogue's sets, so the cost is that of the pools and not of the devices. Whether two devices are of one pool is
exactly what the filters look at: kind, type, NUMA node, remote-managed; the PF only matters to `isolate`, hence `free_apart`.

Does not know: which device of a pool a claim would get (`core.selection`).
"""

from collections.abc import Iterator

from pcipt_agent.core.catalogue import Catalogue, Kind
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.deviceset import DeviceSet, indexes
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.views.facts import socket_of
from pcipt_agent.views.upkeep_answers import disabled_part
from pcipt_agent.views.wire_devices import PoolPart, PoolsReply

_Pool = tuple[Kind, DeviceType, int | None, bool, DeviceSet]


def pools_reply(inventory: Inventory) -> PoolsReply:
    """Every pool with a device in it, free or not; by device type, ids, class, then NUMA node. Of a host that is disabled, the
    reason too: a scheduler that only counts finds nothing free, and one that reads knows why."""
    catalogue, free, host_disabled = inventory.catalogue, inventory.free, inventory.book.host_disabled
    parts = [
        PoolPart(
            device_type=device_type,
            vendor_id=kind.vendor_id,
            product_id=kind.product_id,
            resource_class=kind.resource_class,
            traits=sorted(kind.traits),
            live_migratable=kind.live_migratable,
            remote_managed=remote_managed,
            numa_node=numa_node,
            socket=socket_of(numa_node, catalogue.host),
            free=(devices & free).bit_count(),
            free_apart=len({catalogue.kinship.unit_of(index) for index in indexes(devices & free)}),
            total=devices.bit_count(),
        )
        for kind, device_type, numa_node, remote_managed, devices in _pools(catalogue)
    ]
    return PoolsReply(
        generation=inventory.generation,
        disabled=None if host_disabled is None else disabled_part(host_disabled),
        pools=sorted(parts, key=_order),
    )


def _pools(catalogue: Catalogue) -> Iterator[_Pool]:
    for kind, of_kind in catalogue.by_kind.items():
        for device_type, of_type in catalogue.by_type.items():
            for numa_node, of_node in catalogue.by_numa_node.items():
                both = of_kind & of_type & of_node
                for remote_managed, devices in (
                    (False, both & ~catalogue.remote_managed),
                    (True, both & catalogue.remote_managed),
                ):
                    if devices:
                        yield kind, device_type, numa_node, remote_managed, devices


def _order(pool: PoolPart) -> tuple[str, str, str, str, int, str]:
    numa_node = -1 if pool.numa_node is None else pool.numa_node
    return pool.device_type, pool.vendor_id, pool.product_id, pool.resource_class, numa_node, pool.model_dump_json()
