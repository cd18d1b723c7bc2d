# SPDX-License-Identifier: Apache-2.0
"""Selection: who gets which devices, in which order, and what a refusal says."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from pcipt_agent.core.alias import GroupPolicy, NumaPolicy, Readiness, Request
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.funnel import Funnel, Unsatisfied
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.core.selection import explain, select
from pcipt_agent.core.upkeep import Disable
from tests.support.brute import possible
from tests.support.planned import (
    AUDIO,
    GPU,
    at,
    claimed,
    entry,
    gpu,
    held_by,
    host,
    inventory,
    obey,
    pci,
    rules,
    sriov,
    wanting,
    wish,
)
from tests.support.strategies import Asked, asked


def chosen(
    current: Inventory, *requests: Request, nodes: Sequence[int] | None = None, policy: GroupPolicy = GroupPolicy.NONE
) -> list[list[str]]:
    devices = current.catalogue.devices
    found = select(current, wish(*requests, nodes=nodes, isolate=policy is GroupPolicy.ISOLATE))
    return [[str(devices[index].address).removeprefix("0000:") for index in each] for each in found]


def refused(current: Inventory, *requests: Request, policy: GroupPolicy = GroupPolicy.NONE) -> Funnel:
    with pytest.raises(Unsatisfied) as raised:
        select(current, wish(*requests, isolate=policy is GroupPolicy.ISOLATE))
    return raised.value.funnel


def vfs(count: int) -> Request:
    return wanting(count, DeviceType.VF)


def pfs(count: int) -> Request:
    return wanting(count, DeviceType.PF)


def test_a_request_takes_the_lowest_addresses_where_nothing_else_speaks() -> None:
    current = inventory(host(pci("03:00.0"), pci("01:00.0"), pci("02:00.0")))
    assert chosen(current, wanting(2)) == [["01:00.0", "02:00.0"]]


def test_near_devices_come_before_those_of_unknown_node_before_far_ones() -> None:
    current = inventory(host(pci("01:00.0", numa_node=1), pci("02:00.0", numa_node=None), pci("03:00.0", numa_node=0)))
    wanted = wanting(3, policy=NumaPolicy.PREFERRED)
    assert chosen(current, wanted, nodes=[0]) == [["03:00.0", "02:00.0", "01:00.0"]]


def test_without_numa_topology_a_far_device_is_as_good_as_another() -> None:
    current = inventory(host(pci("01:00.0", numa_node=1), pci("02:00.0", numa_node=None), pci("03:00.0", numa_node=0)))
    assert chosen(current, wanting(3, policy=NumaPolicy.REQUIRED)) == [["01:00.0", "02:00.0", "03:00.0"]]


def test_a_vf_comes_from_the_pf_that_is_in_use_already() -> None:
    current = inventory(host(*sriov("01:00.0", vfs=2), *sriov("02:00.0", vfs=3)))
    current = claimed(current, "first", wish(Request(count=1, address=at("02:00.1"))))
    assert chosen(current, vfs(2)) == [["02:00.2", "02:00.3"]]


def test_the_vfs_of_one_claim_come_from_one_pf_where_addresses_alternate() -> None:
    """As the 82576's do: VF offset 128, stride 2."""
    (one, first, second), (other, third, fourth) = sriov("01:00.0", vfs=2), sriov("02:00.0", vfs=2)
    addresses = ("03:10.0", "03:10.2", "03:10.1", "03:10.3")
    moved = [replace(vf, address=at(where)) for vf, where in zip((first, second, third, fourth), addresses, strict=True)]
    assert chosen(inventory(host(one, other, *moved)), vfs(2)) == [["03:10.0", "03:10.2"]]


def test_a_vf_whose_pf_nobody_could_have_comes_before_one_that_breaks_a_usable_pf() -> None:
    current = inventory(
        host(*sriov("01:00.0", vfs=2), *sriov("02:00.0", vfs=2)),
        rules(entry(1, product="00f1"), entry(2, address="01:00.0")),
    )
    assert chosen(current, vfs(1)) == [["02:00.1"]]


def test_a_pf_without_usable_vfs_comes_before_one_that_blocks_some() -> None:
    current = inventory(host(*sriov("01:00.0", vfs=2), *sriov("02:00.0", vfs=0)))
    assert chosen(current, pfs(1)) == [["02:00.0"]]


def test_near_matters_more_than_harm() -> None:
    current = inventory(host(*sriov("01:00.0", vfs=2, numa_node=0), *sriov("02:00.0", vfs=0, numa_node=None)))
    assert chosen(current, pfs(1), nodes=[0]) == [["01:00.0"]]


def test_an_earlier_request_yields_only_as_far_as_a_later_one_needs_it() -> None:
    current = inventory(host(pci("01:00.0", product="000a"), pci("02:00.0", product="000b"), pci("03:00.0", product="000a")))
    either, only = wanting(1, DeviceType.PCI, "000a", "000b"), wanting(2, DeviceType.PCI, "000a")
    assert chosen(current, either, only) == [["02:00.0"], ["01:00.0", "03:00.0"]]


def test_a_pf_chosen_for_one_request_excludes_its_vfs_for_the_other() -> None:
    current = inventory(host(*sriov("01:00.0", vfs=2), *sriov("02:00.0", vfs=2)))
    assert chosen(current, pfs(1), vfs(2)) == [["01:00.0"], ["02:00.1", "02:00.2"]]
    assert chosen(current, vfs(2), pfs(1)) == [["01:00.1", "01:00.2"], ["02:00.0"]]


def test_the_pf_given_away_is_one_whose_vfs_the_others_can_spare() -> None:
    current = inventory(host(*sriov("01:00.0", vfs=4), *sriov("02:00.0", vfs=1)))
    assert chosen(current, pfs(1), vfs(3)) == [["02:00.0"], ["01:00.1", "01:00.2", "01:00.3"]]


def test_vfs_asked_first_move_on_where_their_pf_is_all_that_another_request_may_have() -> None:
    current = inventory(host(*sriov("01:00.0", vfs=2), *sriov("02:00.0", vfs=2)))
    assert chosen(current, vfs(1), Request(count=1, address=at("01:00.0"))) == [["02:00.1"], ["01:00.0"]]


def test_a_pf_asked_first_moves_on_where_its_vfs_are_all_that_another_request_may_have() -> None:
    current = inventory(host(*sriov("01:00.0", vfs=2), *sriov("02:00.0", vfs=2)))
    assert chosen(current, pfs(1), Request(count=1, address=at("01:00.2"))) == [["02:00.0"], ["01:00.2"]]


def test_isolated_devices_come_from_different_pfs() -> None:
    current = inventory(host(*sriov("01:00.0", vfs=2), *sriov("02:00.0", vfs=2)))
    assert chosen(current, vfs(1), vfs(1), policy=GroupPolicy.ISOLATE) == [["01:00.1"], ["02:00.1"]]


def test_isolation_is_solved_for_all_requests_together() -> None:
    both = sriov("01:00.0", vfs=2, vf_product="000a")
    current = inventory(host(*both, *sriov("02:00.0", vfs=2, vf_product="000b")))
    either, only = wanting(1, DeviceType.VF, "000a", "000b"), wanting(1, DeviceType.VF, "000a")
    assert chosen(current, either, only, policy=GroupPolicy.ISOLATE) == [["02:00.1"], ["01:00.1"]]


def test_a_request_by_address_takes_that_device_whatever_its_type() -> None:
    current = inventory(host(*sriov("01:00.0", vfs=2)))
    assert chosen(current, Request(count=1, address=at("01:00.2"))) == [["01:00.2"]]


def test_a_device_named_by_address_must_be_assignable() -> None:
    current = inventory(host(pci("01:00.0")), rules(entry(1, product="000a")))
    way = refused(current, Request(count=1, address=at("01:00.0"))).requests[0]
    assert way.emptied_by == "assignable"
    assert [each.reason for each in way.dropped] == ["no device_spec entry matches it"]


def test_an_address_that_is_not_here_is_refused_by_that() -> None:
    way = refused(inventory(host(pci("01:00.0"))), Request(count=1, address=at("09:00.0"))).requests[0]
    assert (way.emptied_by, way.dropped) == ("address", ())
    assert way.stages[0].note == "no such device on this host"


def test_the_same_device_named_twice_is_refused_with_both_requests() -> None:
    named = Request(count=1, address=at("01:00.0"))
    funnel = refused(inventory(host(pci("01:00.0"))), named, named)
    assert funnel.together == "requests 1 and 2 need 2 devices together, and all that fit are 0000:01:00.0"


def test_requests_that_compete_are_named_and_the_others_are_not() -> None:
    current = inventory(host(pci("01:00.0", product="000a"), pci("02:00.0", product="000b"), pci("03:00.0", product="000b")))
    wanted = wanting(1, DeviceType.PCI, "000a")
    funnel = refused(current, wanted, wanting(2, DeviceType.PCI, "000b"), wanted)
    assert funnel.together == "requests 1 and 3 need 2 devices together, and all that fit are 0000:01:00.0"


def test_too_few_pfs_for_isolation_is_said_as_that() -> None:
    current = inventory(host(*sriov("01:00.0", vfs=4)))
    funnel = refused(current, vfs(1), vfs(1), policy=GroupPolicy.ISOLATE)
    assert funnel.together is not None
    assert funnel.together.startswith("requests 1 and 2 need 2 devices of different PFs together")


def test_a_request_that_isolation_alone_defeats_says_which_devices_share_a_pf() -> None:
    way = refused(inventory(host(*sriov("01:00.0", vfs=2))), vfs(2), policy=GroupPolicy.ISOLATE).requests[0]
    assert way.emptied_by == "group-policy"
    assert [(str(each.address), each.reason) for each in way.dropped] == [
        ("0000:01:00.2", "another device of 0000:01:00.0 is counted")
    ]


def test_a_pf_and_its_vfs_asked_together_are_refused_naming_the_pf() -> None:
    funnel = refused(inventory(host(*sriov("01:00.0", vfs=2))), pfs(1), vfs(1))
    assert funnel.together is not None
    assert "a PF beside a VF of its own; contested: 0000:01:00.0" in funnel.together


def gpus(count: int) -> Request:
    return wanting(count, DeviceType.PCI, GPU)


def audios(count: int) -> Request:
    return wanting(count, DeviceType.PCI, AUDIO)


def test_gpu_and_audio_function_of_one_group_come_together_or_not_at_all() -> None:
    current = inventory(host(*gpu("41:00.0")))
    assert chosen(current, gpus(1), audios(1)) == [["41:00.0"], ["41:00.1"]]
    assert chosen(current, wanting(2)) == [["41:00.0", "41:00.1"]]
    way = refused(current, gpus(1)).requests[0]
    assert way.emptied_by == "iommu-group"
    assert [each.reason for each in way.dropped] == [
        "its IOMMU group 65 also has 0000:41:00.1, bound to snd_hda_intel: ask for both in one claim"
    ]


def test_what_needs_no_company_is_taken_before_what_does() -> None:
    current = inventory(host(*gpu("41:00.0"), pci("51:00.0", product=GPU, numa_node=1)))
    assert chosen(current, gpus(1), nodes=[0, 1]) == [["51:00.0"]]
    near_in_company = wanting(1, DeviceType.PCI, GPU, policy=NumaPolicy.PREFERRED)
    assert chosen(current, near_in_company, nodes=[0]) == [["51:00.0"]]


def test_a_group_is_opened_only_by_all_that_stands_in_the_way_in_it() -> None:
    current = inventory(host(*gpu("41:00.0"), *gpu("42:00.0"), pci("51:00.0", product=GPU)))
    assert chosen(current, gpus(2), audios(1)) == [["51:00.0", "41:00.0"], ["41:00.1"]]
    assert chosen(current, gpus(3), audios(2)) == [["51:00.0", "41:00.0", "42:00.0"], ["41:00.1", "42:00.1"]]
    funnel = refused(current, gpus(3), audios(1))
    assert funnel.together == "there are devices enough, but not with all that one claim must take of their IOMMU groups: 65, 66"


def test_the_near_group_is_opened_first() -> None:
    current = inventory(host(*gpu("41:00.0", numa_node=1), *gpu("42:00.0", numa_node=0)))
    both = [wanting(1, DeviceType.PCI, product, policy=NumaPolicy.PREFERRED) for product in (GPU, AUDIO)]
    assert chosen(current, *both, nodes=[0]) == [["42:00.0"], ["42:00.1"]]
    assert chosen(current, *both, nodes=[1]) == [["41:00.0"], ["41:00.1"]]


def test_a_member_without_a_driver_needs_the_one_with_and_not_the_reverse() -> None:
    current = inventory(host(*gpu("41:00.0", driver=None)))
    assert chosen(current, audios(1)) == [["41:00.1"]]
    assert chosen(current, gpus(1), audios(1)) == [["41:00.0"], ["41:00.1"]]
    assert refused(current, gpus(1)).requests[0].emptied_by == "iommu-group"


def test_a_second_claim_of_the_consumer_needs_no_company_that_he_has() -> None:
    third = replace(pci("41:00.2", product="000c"), iommu_group=0x41)
    before = inventory(host(*gpu("41:00.0"), third))
    current = claimed(before, "one", wish(gpus(1), audios(1)))
    assert chosen(current, wanting(1, DeviceType.PCI, "000c")) == [["41:00.2"]]
    way = refused(before, wanting(1, DeviceType.PCI, "000c")).requests[0]
    assert [each.reason for each in way.dropped] == [
        "its IOMMU group 65 also has 0000:41:00.0, bound to nvidia, and 0000:41:00.1, bound to snd_hda_intel: "
        "ask for all of them in one claim"
    ]
    other = replace(wish(wanting(1, DeviceType.PCI, "000c")), consumer="another")
    with pytest.raises(Unsatisfied) as raised:
        select(current, other)
    assert [each.reason for each in raised.value.funnel.requests[0].dropped] == [
        "its IOMMU group 65 is another guest's: it has 0000:41:00.0, 0000:41:00.1"
    ]


def test_company_that_can_not_be_had_now_is_named_with_its_status() -> None:
    current = obey(inventory(host(*gpu("41:00.0"))), Disable(address=at("41:00.1"), reason="noisy", at=1.0))
    way = refused(current, gpus(1), audios(1)).requests[0]
    assert [each.reason for each in way.dropped] == [
        "its IOMMU group 65 also has 0000:41:00.1, bound to snd_hda_intel: ask for both in one claim; 0000:41:00.1 is disabled now"
    ]


def test_to_warn_hands_out_a_gpu_without_its_company() -> None:
    current = inventory(host(*gpu("41:00.0")), replace(rules(), readiness=Readiness.WARN))
    assert chosen(current, gpus(1)) == [["41:00.0"]]


def test_two_vfs_that_need_each_other_are_not_to_be_had_isolated() -> None:
    pf, *both = sriov("41:00.0", vfs=2)
    bound = [replace(each, driver="ixgbevf", iommu_group=0x41) for each in both]
    current = inventory(host(pf, *bound))
    assert chosen(current, vfs(2)) == [["41:00.1", "41:00.2"]]
    assert refused(current, vfs(1), vfs(1), policy=GroupPolicy.ISOLATE).requests[0].emptied_by == "iommu-group"


def test_explaining_what_comes_in_company_counts_it() -> None:
    funnel, found = explain(inventory(host(*gpu("41:00.0"))), wish(gpus(1), audios(1)))
    assert found == ((0,), (1,))
    assert [way.stages[-1].left for way in funnel.requests] == [1, 1]


def test_explaining_chooses_what_claiming_would() -> None:
    current = inventory(host(pci("01:00.0"), pci("02:00.0")))
    funnel, found = explain(current, wish(wanting(1)))
    assert found == ((0,),)
    assert funnel.requests[0].emptied_by is None
    held = claimed(current, "one", wish(wanting(1)))
    assert held_by(held, "one") == ["01:00.0"]


@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow])
@given(asked())
def test_a_choice_is_found_exactly_where_one_exists(case: Asked) -> None:
    funnel, found = explain(case.inventory, case.wish)
    assert (found is not None) == possible(case.inventory, case.wish)
    short = any(way.emptied_by is not None for way in funnel.requests)
    assert (found is None) == (short or funnel.together is not None)
    assert "not decided" not in (funnel.together or "")


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(asked())
def test_what_is_chosen_is_free_fits_and_shuts_nothing_out(case: Asked) -> None:
    _, found = explain(case.inventory, case.wish)
    if found is None:
        return
    catalogue = case.inventory.catalogue
    given_out = [index for each in found for index in each]
    assert len(set(given_out)) == len(given_out)
    assert [len(each) for each in found] == [request.count for request in case.wish.requests]
    own_mates = case.inventory.group_mates_of(case.wish.consumer)
    assert all((case.inventory.free | own_mates) >> index & 1 for index in given_out)
    assert not any(catalogue.kinship.relatives(index) >> other & 1 for index in given_out for other in given_out)
    if case.wish.group_policy is GroupPolicy.ISOLATE:
        assert len({catalogue.kinship.unit_of(index) for index in given_out}) == len(given_out)
