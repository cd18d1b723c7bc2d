# SPDX-License-Identifier: Apache-2.0
"""What is listed and kept from guests: each function that the host uses, and one notice for all that have the same trouble."""

from dataclasses import replace

import pytest

from pcipt_agent.core.alias import Readiness, RuleSet
from pcipt_agent.core.catalogue import catalogue_of
from pcipt_agent.core.device import Device, Fault, FaultKind, HostUse, HostUseKind
from pcipt_agent.core.readiness_lint import readiness_notices
from pcipt_agent.core.spec import Tags
from tests.support.planned import GPU, VF, entry, gpu, host, pci, rules, sriov

USED = (HostUse(HostUseKind.ROUTE, "eth0 carries the default route"),)
BY_HAND = Tags(managed=False)


def problems(*devices: Device, ruleset: RuleSet | None = None) -> list[tuple[int | None, str]]:
    return [(each.entry, each.problem) for each in readiness_notices(catalogue_of(host(*devices), ruleset or rules()))]


def test_nothing_is_said_of_what_is_ready_or_not_listed() -> None:
    used = replace(pci("02:00.0", product="ffff"), host_uses=USED)
    assert problems(pci("01:00.0"), used, ruleset=rules(entry(1, product="0001"))) == []


def test_each_function_that_the_host_uses_is_named_by_itself() -> None:
    used = [replace(pci(f"0{bus}:00.0"), host_uses=USED) for bus in (1, 2)]
    assert problems(*used) == [
        (1, "lists 0000:01:00.0: the host uses it: eth0 carries the default route"),
        (1, "lists 0000:02:00.0: the host uses it: eth0 carries the default route"),
    ]


def test_vfs_of_one_trouble_are_one_notice_an_entry() -> None:
    ruleset = rules(entry(1, address="01:00.0", tags=BY_HAND), entry(2, product=VF, tags=BY_HAND))
    assert problems(*sriov("01:00.0", vfs=3), *sriov("02:00.0", vfs=63), ruleset=ruleset) == [
        (1, "lists 0000:01:00.0 (and 3 more like it): managed is no, and it is bound to no driver: "
            "bind it to vfio-pci or a variant driver"),
        (2, "lists 0000:02:00.1 (and 62 more like it): managed is no, and it is bound to no driver: "
            "bind it to vfio-pci or a variant driver"),
    ]  # fmt: skip


def test_a_host_without_iommu_is_one_notice_an_entry() -> None:
    bare = [replace(each, iommu_group=None) for each in (pci("01:00.0"), pci("02:00.0"))]
    assert problems(*bare) == [
        (1, "lists 0000:01:00.0 (and 1 more like it): it is in no IOMMU group: the host has no IOMMU, or it is off")
    ]


@pytest.mark.parametrize("readiness", Readiness)
def test_a_group_that_is_not_viable_is_said_whether_it_is_refused_or_not(readiness: Readiness) -> None:
    ruleset = replace(rules(entry(1, product=GPU)), readiness=readiness)
    assert problems(*gpu("41:00.0"), ruleset=ruleset) == [
        (1, "lists 0000:41:00.0: its IOMMU group 65 also has 0000:41:00.1, bound to snd_hda_intel")
    ]


def test_functions_that_need_each_other_are_told_so() -> None:
    assert problems(*gpu("41:00.0")) == [
        (1, "lists 0000:41:00.0 (and 1 more like it): its IOMMU group 65 also has 0000:41:00.1, bound to snd_hda_intel: "
            "ask for both in one claim")
    ]  # fmt: skip


def test_a_variant_driver_under_managed_is_said_though_it_may_be_right() -> None:
    variant = replace(pci("01:00.0"), driver="mlx5_vfio_pci", vfio_driver=True)
    ((_, problem),) = problems(variant)
    assert problem.endswith("it is bound to mlx5_vfio_pci and managed is yes: right with libvirt 10.0.0, wrong before")


def test_what_is_odd_settling_or_a_bridge_is_left_to_the_listing() -> None:
    odd = replace(pci("01:00.0"), faults=(Fault(FaultKind.MISSING_FILE, "vendor"),))
    bridge = replace(pci("02:00.0"), class_code=0x060400)
    assert problems(odd, bridge, sriov("03:00.0", vfs=2)[0]) == []
