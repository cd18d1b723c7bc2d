# SPDX-License-Identifier: Apache-2.0
"""Company: whole IOMMU groups are opened where a claim may, and only there."""

import time
from dataclasses import replace

from hypothesis import HealthCheck, given, settings

from pcipt_agent.core.adoption import Adopt, Kept
from pcipt_agent.core.alias import GroupPolicy, NumaPolicy, Request
from pcipt_agent.core.company import satisfied
from pcipt_agent.core.device import Device, DeviceType
from pcipt_agent.core.funnel import Funnel
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.core.selection import explain
from tests.support.brute import obstacles, possible
from tests.support.planned import AUDIO, GPU, at, gpu, host, inventory, obey, pci, sriov, wanting, wish
from tests.support.strategies import Asked, asked_of_boards


def asked(current: Inventory, *requests: Request) -> tuple[Funnel, list[list[str]] | None]:
    funnel, found = explain(current, wish(*requests))
    if found is None:
        return funnel, None
    return funnel, [[str(current.catalogue.devices[index].address)[5:] for index in each] for each in found]


def cards(count: int) -> list[Device]:
    return [each for bus in range(count) for each in gpu(f"{bus:02x}:00.0")]


def of(product: str, count: int) -> Request:
    return wanting(count, DeviceType.PCI, product)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(asked_of_boards())
def test_a_choice_in_company_is_found_exactly_where_one_exists(case: Asked) -> None:
    funnel, found = explain(case.inventory, case.wish)
    assert (found is not None) == possible(case.inventory, case.wish)
    assert "not decided" not in (funnel.together or "")


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(asked_of_boards())
def test_what_is_chosen_has_all_its_company(case: Asked) -> None:
    _, found = explain(case.inventory, case.wish)
    catalogue = case.inventory.catalogue
    given_out = [index for each in found or () for index in each]
    own = {held.address for claim in case.inventory.book.claims_of(case.wish.consumer) for held in claim.held}
    taken = own | {catalogue.devices[index].address for index in given_out}
    for index in given_out:
        assert {each.address for each in obstacles(case.inventory, catalogue.devices[index])} <= taken
        assert not catalogue.kinship.relatives(index) & sum(1 << each for each in given_out)
    if found is not None:
        assert [len(set(each)) for each in found] == [request.count for request in case.wish.requests]
        assert len(set(given_out)) == len(given_out)
        if case.wish.group_policy is GroupPolicy.ISOLATE:
            assert len({catalogue.kinship.unit_of(index) for index in given_out}) == len(given_out)


def test_a_device_that_needs_nobody_is_left_for_whom_nothing_else_will_do() -> None:
    """The audio function of 00 must go to the request that takes anything, for the other takes only GPUs."""
    current = inventory(host(*cards(2)))
    _, found = asked(current, wanting(2, DeviceType.PCI, GPU, AUDIO), of(GPU, 1), of(AUDIO, 1))
    assert found is not None
    assert sorted(each for those in found for each in those) == ["00:00.0", "00:00.1", "01:00.0", "01:00.1"]


def test_the_seats_of_what_must_be_taken_are_exchanged_where_others_need_them() -> None:
    """Seated as they come, the GPU would sit where the plain function could, and leave the second request nothing."""
    current = inventory(host(*gpu("41:00.0"), pci("51:00.0")))
    _, found = asked(current, wanting(1), of(GPU, 1), of(AUDIO, 1))
    assert found == [["51:00.0"], ["41:00.0"], ["41:00.1"]]


def test_vfs_beside_pfs_are_seated_so_that_no_pf_meets_its_vf() -> None:
    pf, *vfs = sriov("41:00.0", vfs=2)
    other = sriov("42:00.0", vfs=2)
    coupled = [replace(each, driver="ixgbevf", iommu_group=0x41) for each in vfs]
    current = inventory(host(pf, *coupled, *other))
    _, found = asked(current, wanting(1, DeviceType.PF), wanting(2, DeviceType.VF))
    assert found == [["41:00.0"], ["42:00.1", "42:00.2"]]
    _, found = asked(current, wanting(4, DeviceType.VF))
    assert found == [["42:00.1", "42:00.2", "41:00.1", "41:00.2"]]


def test_the_seats_are_tried_one_by_one_where_a_pf_leaves_only_some() -> None:
    """A VF of product a must be taken; were it the first request's, all that is left for the second is a VF of the third's PF."""
    pf, first, second = sriov("41:00.0", vfs=2)
    coupled = [replace(first, product_id="000a"), replace(second, product_id="000c")]
    devices = [pf, *(replace(each, driver="ixgbevf", iommu_group=0x41) for each in coupled)]
    devices += [*sriov("42:00.0", vfs=1, vf_product="000a"), *sriov("43:00.0", vfs=1, vf_product="000b")]
    current = inventory(host(*devices))
    either, only, other = (wanting(1, DeviceType.VF, *products) for products in (("000a", "000b"), ("000a",), ("000c",)))
    _, found = asked(current, either, only, Request(count=1, address=at("42:00.0")), other)
    assert found == [["43:00.1"], ["41:00.1"], ["42:00.0"], ["41:00.2"]]


def test_groups_that_are_alike_need_not_follow_each_other() -> None:
    near, other, far = gpu("41:00.0"), gpu("42:00.0"), gpu("43:00.0", numa_node=1)
    odd = (replace(other[0], product_id="000c"), other[1])
    current = inventory(host(*near, *odd, *far))
    either = replace(wanting(2, DeviceType.PCI, GPU, "000c"), numa_policy=NumaPolicy.PREFERRED)
    only, audios = (replace(of(product, count), numa_policy=NumaPolicy.PREFERRED) for product, count in ((GPU, 1), (AUDIO, 3)))
    _, found = explain(current, wish(either, only, audios, nodes=[0]))
    assert found is not None
    assert sorted(index for each in found for index in each) == list(range(6))


def test_another_vf_of_the_pf_is_no_seat_for_the_one_that_must_be_taken() -> None:
    pf, first, second = sriov("41:00.0", vfs=2)
    coupled = replace(first, product_id="000a", driver="ixgbevf", iommu_group=7)
    beside = replace(pci("51:00.0"), driver="nvme", iommu_group=7)
    current = inventory(host(pf, coupled, second, beside))
    content = wish(wanting(1, DeviceType.VF, "00f1"), wanting(1), isolate=True)
    funnel, found = explain(current, content)
    assert found is None
    assert funnel.requests[1].emptied_by == "iommu-group"


def test_company_that_a_consumer_has_by_adoption_counts() -> None:
    third = replace(pci("41:00.2", product="000c"), iommu_group=0x41)
    command = Adopt(claim_id="a", consumer=wish().consumer, domain="vm", devices=(Kept(at("41:00.0"), managed=True),), at=1.0)
    current = obey(inventory(host(*gpu("41:00.0"), third)), command)
    own_mates = current.group_mates_of(wish().consumer)
    assert (own_mates & 0b110, satisfied(current, own_mates)) == (0b110, 0b010)
    assert asked(current, of(AUDIO, 1))[1] == [["41:00.1"]]
    assert asked(current, of("000c", 1))[1] is None
    assert asked(current, of("000c", 1), of(AUDIO, 1))[1] == [["41:00.2"], ["41:00.1"]]


def test_too_few_devices_are_called_so_whatever_their_company() -> None:
    funnel, found = asked(inventory(host(*gpu("41:00.0"))), of(GPU, 1), of(GPU, 1), of(AUDIO, 1))
    assert (found, funnel.together) == (None, "requests 1 and 2 need 2 devices together, and all that fit are 0000:41:00.0")


def test_many_groups_that_are_alike_are_counted_and_not_tried() -> None:
    current = inventory(host(*cards(200)))
    funnel, found = asked(current, of(GPU, 100), of(AUDIO, 99))
    assert found is None
    assert funnel.together is not None
    assert funnel.together.startswith("there are devices enough, but not with all that one claim must take of their IOMMU groups: ")
    _, found = asked(current, of(GPU, 100), of(AUDIO, 60), of(AUDIO, 40))
    assert found is not None


def test_where_too_many_ways_are_left_the_answer_is_that_it_was_not_decided() -> None:
    """Two VFs of each of 70 PFs need each other, and no group is like another, for their PFs are theirs alone."""
    devices = [pci("ff:00.0")]
    for bus in range(70):
        pf, first, second = sriov(f"{bus:02x}:00.0", vfs=2)
        bound = [replace(each, driver="ixgbevf", iommu_group=bus) for each in (first, second)]
        devices += [pf, bound[0], replace(bound[1], product_id=AUDIO)]
    current = inventory(host(*devices))
    start = time.process_time()
    funnel, found = asked(current, wanting(2, DeviceType.VF, "00f1"), wanting(1, DeviceType.VF, AUDIO), wanting(1))
    assert found is None
    assert funnel.together is not None
    assert funnel.together.startswith("not decided: some ways of taking IOMMU groups whole were tried in vain")
    assert time.process_time() - start < 2


def test_a_group_of_thousands_is_taken_whole_or_not_at_all() -> None:
    many = [replace(pci(f"{each >> 8:02x}:{each >> 3 & 31:02x}.{each & 7}"), iommu_group=1, driver="nvme") for each in range(2048)]
    current = inventory(host(*many))
    funnel, found = asked(current, wanting(1))
    assert found is None
    assert funnel.requests[0].emptied_by == "iommu-group"
    assert funnel.requests[0].dropped[0].reason.endswith("and 2043 more: ask for all of them in one claim")
    _, found = asked(current, wanting(2048))
    assert found is not None
