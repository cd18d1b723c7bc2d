# SPDX-License-Identifier: Apache-2.0
"""NUMA policies: the guide's examples, and nova's table."""

import pytest

from pcipt_agent.core.alias import NumaPolicy
from pcipt_agent.core.funnel import Unsatisfied
from pcipt_agent.core.guest import Guest
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.core.numa import affinity
from pcipt_agent.core.selection import select
from tests.support.planned import host, inventory, pci, wanting, wish

FOUR_NODES = (0, 0, 1, 1)
"""The guide's machine: nodes 0 and 1 on socket 0, nodes 2 and 3 on socket 1."""


def chosen(current: Inventory, policy: NumaPolicy, count: int, nodes: set[int] | None) -> tuple[int, ...] | None:
    try:
        return select(current, wish(wanting(count, policy=policy), nodes=nodes))[0]
    except Unsatisfied:
        return None


@pytest.mark.parametrize("nodes", [{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}])
def test_socket_allows_a_guest_with_a_node_on_the_devices_socket(nodes: set[int]) -> None:
    current = inventory(host(pci("01:00.0", numa_node=0), sockets=FOUR_NODES))
    assert chosen(current, NumaPolicy.SOCKET, 1, nodes) == (0,)


def test_socket_refuses_a_guest_on_the_other_socket() -> None:
    current = inventory(host(pci("01:00.0", numa_node=0), sockets=FOUR_NODES))
    assert chosen(current, NumaPolicy.SOCKET, 1, {2, 3}) is None


def test_socket_never_takes_a_device_of_unknown_node() -> None:
    current = inventory(host(pci("01:00.0", numa_node=None), sockets=FOUR_NODES))
    assert chosen(current, NumaPolicy.SOCKET, 1, {0}) is None


def test_a_node_of_no_one_socket_leaves_only_the_guests_own_nodes() -> None:
    current = inventory(host(pci("01:00.0", numa_node=0), pci("02:00.0", numa_node=1), sockets=(0, 0, None)))
    assert chosen(current, NumaPolicy.SOCKET, 1, {1}) == (1,)
    assert chosen(current, NumaPolicy.SOCKET, 2, {1}) is None
    note = affinity(current.catalogue, NumaPolicy.SOCKET, Guest(frozenset({1}))).note
    assert note == "NUMA node 2 is of no one socket: only the guest's own nodes count"


FAR, NONE, NEAR = "far", "none", "near"


@pytest.mark.parametrize(
    ("policy", "count", "taken"),
    [
        *((policy, 1, [NEAR]) for policy in NumaPolicy),
        (NumaPolicy.PREFERRED, 5, [NEAR] * 3 + [NONE] * 2),
        (NumaPolicy.LEGACY, 5, [NEAR] * 3 + [NONE] * 2),
        (NumaPolicy.PREFERRED, 9, [NEAR] * 3 + [NONE] * 4 + [FAR] * 2),
        (NumaPolicy.LEGACY, 9, None),
        (NumaPolicy.REQUIRED, 5, None),
    ],
)
def test_near_comes_first_then_unknown_then_far(policy: NumaPolicy, count: int, taken: list[str] | None) -> None:
    """Three far devices, four of unknown node, three near ones. nova takes unknown before near and far last."""
    nodes = [1, 1, 1, None, None, None, None, 0, 0, 0]
    names = {1: FAR, None: NONE, 0: NEAR}
    current = inventory(host(*(pci(f"{bus:02x}:00.0", numa_node=node) for bus, node in enumerate(nodes, start=1))))
    found = chosen(current, policy, count, {0})
    assert (None if found is None else [names[nodes[index]] for index in found]) == taken


def test_no_policy_applies_to_a_guest_without_numa_topology() -> None:
    current = inventory(host(pci("01:00.0", numa_node=1), pci("02:00.0", numa_node=None), pci("03:00.0", numa_node=0)))
    assert chosen(current, NumaPolicy.REQUIRED, 3, None) == (0, 1, 2)
