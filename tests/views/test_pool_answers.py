# SPDX-License-Identifier: Apache-2.0
"""Pools as an answer."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.spec import Tags
from pcipt_agent.core.upkeep import Disable
from pcipt_agent.views.pool_answers import pools_reply
from tests.support.planned import claimed, entry, host, inventory, obey, pci, rules, sriov, wanting, wish


def test_devices_that_no_request_tells_apart_are_one_pool() -> None:
    current = inventory(host(pci("3a:00.0"), pci("3b:00.0"), pci("3c:00.0", numa_node=1), pci("3d:00.0", product="beef")))
    assert [(pool.product_id, pool.numa_node, pool.socket, pool.free, pool.total) for pool in pools_reply(current).pools] == [
        ("0001", 0, 0, 2, 2),
        ("0001", 1, 1, 1, 1),
        ("beef", 0, 0, 1, 1),
    ]


def test_a_pool_counts_what_is_free_and_what_there_is() -> None:
    current = claimed(inventory(host(*sriov("3b:00.0", vfs=4), *sriov("5e:00.0", vfs=4))), "c1", wish(wanting(3, DeviceType.VF)))
    pools = {pool.device_type: (pool.free, pool.free_apart, pool.total) for pool in pools_reply(current).pools}
    assert pools == {DeviceType.PF: (1, 1, 2), DeviceType.VF: (5, 2, 8)}


def test_devices_that_are_not_assignable_are_in_no_pool() -> None:
    assert pools_reply(inventory(host(pci("3b:00.0")), rules(entry(1, address="ff:00.0")))).pools == []


def test_remote_managed_devices_are_a_pool_of_their_own() -> None:
    pf, *vfs = sriov("3b:00.0", vfs=2)
    serials = [replace(vf, serial="SN") for vf in vfs]
    ruleset = rules(entry(1, address="3b:00.1", tags=Tags(remote_managed=True)), entry(2))
    pools = pools_reply(inventory(host(pf, *serials), ruleset)).pools
    assert {(pool.device_type.value, pool.remote_managed, pool.total) for pool in pools} == {
        ("type-PF", False, 1),
        ("type-VF", True, 1),
        ("type-VF", False, 1),
    }


@settings(max_examples=30)
@given(st.integers(0, 6), st.integers(0, 3))
def test_pools_add_up_to_the_free_devices(wanted: int, numa_node: int) -> None:
    current = inventory(host(*sriov("3b:00.0", vfs=6, numa_node=numa_node), pci("3d:00.0"), sockets=(0, 0, 1)))
    if wanted:
        current = claimed(current, "c1", wish(wanting(wanted, DeviceType.VF)))
    pools = pools_reply(current).pools
    assert sum(pool.free for pool in pools) == current.free.bit_count()
    assert sum(pool.total for pool in pools) == len(current.catalogue.devices)


def test_pools_of_a_disabled_host_say_why_nothing_is_free() -> None:
    current = obey(inventory(host(pci("3b:00.0"))), Disable(address=None, reason="upgrade", at=3.0, by="uid 0"))
    reply = pools_reply(current)
    assert reply.disabled is not None
    assert (reply.disabled.reason, reply.disabled.address, [pool.free for pool in reply.pools]) == ("upgrade", None, [0])
    assert pools_reply(inventory(host(pci("3b:00.0")))).disabled is None
