# SPDX-License-Identifier: Apache-2.0
"""Who is whose relative, and who shares an IOMMU group."""

from dataclasses import replace

from pcipt_agent.core.device import Device
from pcipt_agent.core.kinship import Kinship, kinship_of
from tests.support.planned import pci, sriov


def kinship(*devices: Device) -> Kinship:
    return kinship_of(devices, {device.address: index for index, device in enumerate(devices)})


def test_a_vf_is_of_its_pfs_unit_and_one_without_pf_is_alone() -> None:
    found = kinship(pci("01:00.0"), *sriov("02:00.0", vfs=2), sriov("03:00.0", vfs=1)[1])
    assert [found.unit_of(index) for index in range(5)] == [0, 1, 1, 1, 4]
    assert [found.relatives(index) for index in range(5)] == [0, 0b1100, 0b10, 0b10, 0]
    assert [found.unit(index) for index in range(5)] == [0b1, 0b1110, 0b1110, 0b1110, 0b10000]
    assert found.members == {1: 0b1100}


def test_group_mates_are_the_others_of_the_group() -> None:
    groups = (7, 8, None, 7, 7)
    found = kinship(*(replace(pci(f"{bus:02x}:00.0"), iommu_group=group) for bus, group in enumerate(groups)))
    assert [found.group_mates(index) for index in range(5)] == [0b11000, 0, 0, 0b10001, 0b01001]
    assert found.groups == {7: 0b11001}
