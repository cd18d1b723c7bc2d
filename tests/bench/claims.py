# SPDX-License-Identifier: Apache-2.0
"""What a claim costs without journal, by the size of the host; and what the hardest selections cost.

A claim and a free are decided and evolved, nothing else: no journal, no XML, no RPC. Some VFs are held before, as on a host at
work. Sizes take turns, so that what else the machine does falls on all of them.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pcipt_agent.core.alias import Alias, Alternative, GroupPolicy, NumaPolicy, Request, RuleSet
from pcipt_agent.core.catalogue import catalogue_of
from pcipt_agent.core.claim import ClaimBook, Wish
from pcipt_agent.core.decide import ClaimDevices, Free, decide
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.funnel import Unsatisfied
from pcipt_agent.core.guest import Guest
from pcipt_agent.core.host import Host
from pcipt_agent.core.inventory import Inventory, after, inventory_of
from pcipt_agent.core.selection import select
from pcipt_agent.core.spec import DeviceSpec
from tests.support.machines import VFS_PER_PF, sriov_host

SIZES = (64, 512, 4096, 16384)
RATIO_LIMIT, CLAIM_LIMIT_US, SELECTION_LIMIT_MS = 2.0, 100.0, 50.0

_VF = Alternative(vendor_id="15b3", product_id="101e")
_ALIAS = Alias(name="vf", device_type=DeviceType.VF, numa_policy=None, alternatives=(_VF,))
_REQUEST = Request(count=1, numa_policy=NumaPolicy.PREFERRED, alias="vf", device_type=DeviceType.VF, alternatives=(_VF,))
_RULES = RuleSet(specs=(DeviceSpec(entry=1, source="", vendor_id="15b3"),), aliases={"vf": _ALIAS})


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """One size of host; medians."""

    functions: int
    claim_and_free_us: float
    ratio: float
    """To the smallest host of the same run; the median of the rounds' ratios."""


@dataclass(frozen=True, slots=True)
class SelectionRow:
    """One case of 16 requests of 8 aliases."""

    case: str
    functions: int
    found: bool
    median_ms: float


def claim_rows(sizes: Sequence[int] = SIZES, rounds: int = 300) -> tuple[ClaimRow, ...]:
    """One row a size, smallest first."""
    inventories = [_at_work(functions) for functions in sizes]
    timed = [[_claim_and_free(inventory) for inventory in inventories] for _ in range(rounds)]
    rows = []
    for place, functions in enumerate(sizes):
        ratio = statistics.median(row[place] / row[0] for row in timed)
        rows.append(ClaimRow(functions, statistics.median(row[place] for row in timed) * 1e6, ratio))
    return tuple(rows)


def selection_rows(functions: int = 4096, rounds: int = 5) -> tuple[SelectionRow, ...]:
    """The cases that matching exists for, over a host of so many functions."""
    host = sriov_host(functions)
    return tuple(_selection_row(case, host, rounds) for case in CASES)


def _at_work(functions: int) -> Inventory:
    inventory = inventory_of(catalogue_of(sriov_host(functions), _RULES), ClaimBook(), "0")
    taken = max(1, functions // 4 // (VFS_PER_PF + 1)) * 8
    for number in range(taken):
        inventory = _claim(inventory, f"before-{number}")
    return inventory


def _claim(inventory: Inventory, claim_id: str) -> Inventory:
    wish = Wish(consumer="bench", requests=(_REQUEST,), guest=Guest(frozenset({1})))
    for event in decide(inventory, ClaimDevices(claim_id=claim_id, wish=wish, at=0.0)):
        inventory = after(inventory, event, "1")
    return inventory


def _claim_and_free(inventory: Inventory) -> float:
    start = time.perf_counter()
    claimed = _claim(inventory, "timed")
    for event in decide(claimed, Free(claim_id="timed", at=1.0)):
        after(claimed, event, "2")
    return time.perf_counter() - start


@dataclass(frozen=True, slots=True)
class _Case:
    name: str
    product_of: Callable[[int], int]
    """Number of a PF → which of ten products its VFs are."""
    requests: tuple[Request, ...]
    group_policy: GroupPolicy


def _product(number: int) -> str:
    return f"{0xA00 + number:04x}"


def _either(products: Sequence[int]) -> Request:
    alternatives = tuple(Alternative(vendor_id="15b3", product_id=_product(number)) for number in products)
    return Request(count=1, device_type=DeviceType.VF, alternatives=alternatives)


def _each(requests: Sequence[Request], count: int) -> tuple[Request, ...]:
    return tuple(replace(request, count=count) for request in requests)


_CHAIN = tuple(_either((number // 2, number // 2 + 1)) for number in range(16))
"""Eight aliases of two products each, every product shared by two aliases, each alias twice."""
_NESTED = tuple(_either(range(number // 2, 8)) for number in reversed(range(16)))
"""Eight aliases, each content with all that the next is and one product more; the least choosy asks last."""
_GREEDY = tuple(_either(range(8 - number // 2)) for number in range(16))
"""The same with the least choosy first, who takes what the others have nothing else for."""
_SHORT = tuple(replace(request, count=100 + number) for number, request in enumerate(_GREEDY))
"""More than there are PFs; every request another, so that each is told apart why."""
_UNTRAITED = tuple(
    replace(request, alternatives=(Alternative(vendor_id="15b3", traits=frozenset({f"CUSTOM_{number // 2}"})),))
    for number, request in enumerate(_SHORT)
)
"""Each of eight aliases asks for a trait that no device has."""
_PFS = Request(count=8, device_type=DeviceType.PF, alternatives=(Alternative(product_id="101d"),))

CASES = (
    _Case("chain, isolate", lambda pf: pf % 9, _CHAIN, GroupPolicy.ISOLATE),
    _Case("chain, isolate, one PF short", lambda pf: min(pf, 8) if pf < 15 else 9, _CHAIN, GroupPolicy.ISOLATE),
    _Case("nested, isolate, two PFs each", lambda pf: min(pf // 2, 9), _NESTED, GroupPolicy.ISOLATE),
    _Case("greedy would fail, isolate", lambda pf: min(pf // 2, 9), _GREEDY, GroupPolicy.ISOLATE),
    _Case("one PF short, isolate", lambda pf: min((pf + 1) // 2, 9), _GREEDY, GroupPolicy.ISOLATE),
    _Case("every PF wanted, isolate", lambda pf: pf % 8, _each(_GREEDY, 4), GroupPolicy.ISOLATE),
    _Case("too few of all, isolate", lambda pf: pf % 9, _each(_CHAIN, 4096), GroupPolicy.ISOLATE),
    _Case("each alone wants too many, isolate", lambda pf: pf % 8, _SHORT, GroupPolicy.ISOLATE),
    _Case("each alone lacks a trait", lambda pf: pf % 8, _UNTRAITED, GroupPolicy.NONE),
    _Case("nearly every VF, greedy would fail", lambda pf: pf % 8, _each(_GREEDY, 240), GroupPolicy.NONE),
    _Case("half of all VFs beside PFs", lambda pf: pf % 8, (*_each(_GREEDY[:-1], 128), _PFS), GroupPolicy.NONE),
    _Case("too many VFs beside PFs", lambda pf: pf % 8, (*_each(_GREEDY[:-1], 240), _PFS), GroupPolicy.NONE),
    _Case("PFs beside VFs", lambda pf: pf % 8, (*_each(_GREEDY[:-1], 40), _PFS), GroupPolicy.NONE),
)


def _selection_row(case: _Case, host: Host, rounds: int) -> SelectionRow:
    inventory = inventory_of(catalogue_of(_with_products(host, case), _RULES), ClaimBook(), "0")
    found, seconds = False, []
    for _ in range(rounds):
        start = time.perf_counter()
        found = _possible(inventory, case)
        seconds.append(time.perf_counter() - start)
    return SelectionRow(case.name, len(host.devices), found, statistics.median(seconds) * 1e3)


def _possible(inventory: Inventory, case: _Case) -> bool:
    try:
        return bool(select(inventory, Wish(consumer="bench", requests=case.requests, group_policy=case.group_policy)))
    except Unsatisfied:
        return False


def _with_products(host: Host, case: _Case) -> Host:
    pfs = [device.address for device in host.devices.values() if device.device_type is DeviceType.PF]
    number = {address: place for place, address in enumerate(pfs)}
    devices = {
        address: device if device.parent is None else replace(device, product_id=_product(case.product_of(number[device.parent])))
        for address, device in host.devices.items()
    }
    return Host(devices=devices, numa_nodes=host.numa_nodes, boot_id=host.boot_id)
