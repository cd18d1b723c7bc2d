# SPDX-License-Identifier: Apache-2.0
"""Filters: the quick way and the explained way are the same; every filter says why."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from pcipt_agent.core.alias import Alternative, GroupPolicy, NumaPolicy, Request
from pcipt_agent.core.company import satisfied
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.deviceset import indexes
from pcipt_agent.core.filters import Question, Reasons, way_of
from pcipt_agent.core.funnel import RequestFunnel
from pcipt_agent.core.guest import Guest
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.core.spec import Tags
from tests.support.brute import eligible
from tests.support.planned import allocated, at, claimed, entry, host, inventory, pci, rules, sriov, wanting, wish
from tests.support.strategies import Asked, asked


def way(current: Inventory, request: Request, nodes: frozenset[int] | None = None) -> RequestFunnel:
    return way_of(Question.of(current, request, Guest(nodes)), 0, group_policy=GroupPolicy.NONE, reasons=Reasons())


def reasons(current: Inventory, request: Request, nodes: frozenset[int] | None = None) -> tuple[str | None, list[str]]:
    found = way(current, request, nodes)
    return found.emptied_by, [each.reason for each in found.dropped]


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(asked())
def test_the_quick_way_the_explained_way_and_asking_each_device_agree(case: Asked) -> None:
    devices, reasons = case.inventory.catalogue.devices, Reasons()
    own_mates = case.inventory.group_mates_of(case.wish.consumer)
    company = satisfied(case.inventory, own_mates)
    for number, request in enumerate(case.wish.requests):
        question = Question.of(case.inventory, request, case.wish.guest, own_mates=own_mates, company=company)
        found = way_of(question, number, group_policy=GroupPolicy.NONE, reasons=reasons)
        assert [devices[index] for index in indexes(question.candidates)] == eligible(case.inventory, request, case.wish)
        assert found.stages[-1].left == question.candidates.bit_count()
        assert (found.emptied_by is None) == (question.candidates.bit_count() >= request.count)
        if found.emptied_by is not None and request.address is None:
            at_fault = [stage.filter for stage in found.stages].index(found.emptied_by)
            before = found.stages[at_fault - 1].left if at_fault else len(devices)
            assert len(found.dropped) == before - found.stages[at_fault].left
            assert before >= request.count or not at_fault
            alone = way_of(question, number, group_policy=GroupPolicy.NONE, reasons=Reasons())
            assert found == alone
            assert all(each.reason for each in found.dropped)


def test_each_request_of_a_funnel_is_told_what_its_own_traits_lack() -> None:
    current, told = inventory(host(pci("01:00.0"), pci("02:00.0"))), Reasons()
    for trait in ("CUSTOM_T", "CUSTOM_U"):
        request = replace(wanting(1), alternatives=(Alternative(traits=frozenset({trait})),))
        found = way_of(Question.of(current, request, Guest()), 0, group_policy=GroupPolicy.NONE, reasons=told)
        assert [each.reason for each in found.dropped] == [f"it lacks {trait}"] * 2


def test_every_filter_counts_also_behind_the_one_that_emptied() -> None:
    found = way(inventory(host(pci("01:00.0"))), wanting(1, DeviceType.VF))
    assert [(stage.filter, stage.left) for stage in found.stages] == [
        ("ids", 1),
        ("assignable", 1),
        ("resource-class", 1),
        ("traits", 1),
        ("live-migratable", 1),
        ("device-type", 0),
        ("physical-network", 0),
        ("ready", 0),
        ("not-claimed", 0),
        ("not-occupied", 0),
        ("not-dirty", 0),
        ("not-disabled", 0),
        ("not-blocked", 0),
        ("iommu-group", 0),
        ("not-remote-managed", 0),
        ("not-vdpa", 0),
        ("numa-policy", 0),
    ]


def test_other_ids_and_missing_entries_are_told_apart() -> None:
    current = inventory(host(pci("01:00.0"), pci("02:00.0", product="000a")), rules(entry(1, product="0001")))
    assert reasons(current, wanting(1, DeviceType.PCI, "000b")) == ("ids", ["it is 8086:0001", "it is 8086:000a"])
    assert reasons(current, wanting(1, DeviceType.PCI, "000a")) == ("assignable", ["no device_spec entry matches it"])


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (Alternative(resource_class="CUSTOM_B"), ("resource-class", ["its resource class is CUSTOM_A"])),
        (Alternative(traits=frozenset({"CUSTOM_U", "CUSTOM_T"})), ("traits", ["it lacks CUSTOM_U"])),
        (Alternative(live_migratable=True), ("live-migratable", ["entry 1's live_migratable is no"])),
    ],
)
def test_what_an_entry_says_of_a_device_is_quoted(wanted: Alternative, reason: tuple[str, list[str]]) -> None:
    tags = Tags(resource_class="CUSTOM_A", traits=frozenset({"CUSTOM_T"}), live_migratable=False)
    current = inventory(host(pci("01:00.0")), rules(entry(1, tags=tags)))
    assert reasons(current, Request(count=1, device_type=DeviceType.PCI, alternatives=(wanted,))) == reason


LIVE_MIGRATABLE = [
    (None, None, True),
    (None, True, False),
    (None, False, True),
    (True, None, True),
    (True, True, True),
    (True, False, False),
    (False, None, True),
    (False, True, False),
    (False, False, True),
]


@pytest.mark.parametrize(("tag", "alias", "fits"), LIVE_MIGRATABLE)
def test_a_device_without_the_tag_is_not_live_migratable(tag: bool | None, alias: bool | None, fits: bool) -> None:
    current = inventory(host(pci("01:00.0")), rules(entry(1, tags=Tags(live_migratable=tag))))
    wanted = Request(count=1, device_type=DeviceType.PCI, alternatives=(Alternative(live_migratable=alias),))
    assert (way(current, wanted).emptied_by is None) == fits


def test_an_alias_takes_its_own_device_type_only() -> None:
    current = inventory(host(*sriov("01:00.0", vfs=1)))
    assert reasons(current, wanting(1)) == ("device-type", ["it is type-PF", "it is type-VF"])


def test_a_device_that_is_not_ready_says_why() -> None:
    current = inventory(host(replace(pci("01:00.0"), iommu_group=None)))
    assert reasons(current, wanting(1)) == ("ready", ["it is in no IOMMU group: the host has no IOMMU, or it is off"])


def test_a_held_device_names_its_claim_and_state() -> None:
    current = claimed(inventory(host(pci("01:00.0"))), "c-1", wish(wanting(1)))
    assert reasons(current, wanting(1)) == ("not-claimed", ["claimed by claim c-1"])
    assert reasons(allocated(current, "c-1"), wanting(1)) == ("not-claimed", ["allocated by claim c-1"])


def test_a_blocked_device_names_its_held_relatives() -> None:
    current = claimed(inventory(host(*sriov("01:00.0", vfs=2))), "c-1", wish(wanting(2, DeviceType.VF)))
    assert reasons(current, wanting(1, DeviceType.PF)) == ("not-blocked", ["blocked by 0000:01:00.1, 0000:01:00.2"])
    assert Question.of(current, wanting(1, DeviceType.PF), Guest()).candidates == 0


def test_remote_managed_vfs_are_for_ports_only() -> None:
    pf, vf = sriov("01:00.0", vfs=1)
    current = inventory(host(pf, replace(vf, serial="SN")), rules(entry(1, tags=Tags(remote_managed=True))))
    assert reasons(current, wanting(1, DeviceType.VF)) == ("not-remote-managed", ["it is remote-managed: for ports only"])
    assert way(current, Request(count=1, address=at("01:00.1"))).emptied_by == "not-remote-managed"


def test_no_alias_gets_a_device_of_a_physical_network_once_devices_are_reported() -> None:
    machine, ruleset = host(pci("01:00.0")), rules(entry(1, tags=Tags(physical_network="physnet1")))
    assert way(inventory(machine, ruleset), wanting(1)).emptied_by is None
    current = inventory(machine, replace(ruleset, report_in_placement=True))
    because = "it is of physical_network physnet1: for ports only, as report_in_placement is on"
    assert reasons(current, wanting(1)) == ("physical-network", [because])
    assert Question.of(current, wanting(1), Guest()).candidates == 0
    assert way(current, Request(count=1, address=at("01:00.0"))).emptied_by is None


def test_a_vf_under_a_vdpa_device_is_for_ports_only() -> None:
    pf, vf = sriov("01:00.0", vfs=1)
    current = inventory(host(pf, replace(vf, device_type=DeviceType.VDPA)))
    assert reasons(current, wanting(1, DeviceType.VDPA)) == ("not-vdpa", ["a vDPA device is over it: for ports only"])
    assert way(current, Request(count=1, address=at("01:00.1"))).emptied_by == "not-vdpa"


def test_a_far_device_says_where_it_is_and_where_the_guest_is() -> None:
    current = inventory(host(pci("01:00.0", numa_node=1), pci("02:00.0", numa_node=None)))
    wanted = wanting(1, policy=NumaPolicy.REQUIRED)
    assert reasons(current, wanted, frozenset({0})) == (
        "numa-policy",
        ["NUMA node 1, guest on 0", "NUMA node unknown, guest on 0"],
    )


def test_a_near_device_that_nobody_can_have_hides_no_far_one() -> None:
    near, far = pci("01:00.0", numa_node=0), pci("02:00.0", numa_node=1)
    current = claimed(inventory(host(near, far)), "c-1", wish(Request(count=1, address=near.address)))
    assert way(current, wanting(1, policy=NumaPolicy.PREFERRED), frozenset({0})).emptied_by is None


def test_a_guest_without_numa_topology_is_noted() -> None:
    found = way(inventory(host(pci("01:00.0", numa_node=1))), wanting(1, policy=NumaPolicy.REQUIRED))
    assert found.emptied_by is None
    assert found.stages[-1].note == "the guest has no NUMA topology: no policy applies"
