# SPDX-License-Identifier: Apache-2.0
"""IOMMU groups: who stands in whose way, and when taking it along helps."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from pcipt_agent.core.device import Device, HostUse, HostUseKind
from pcipt_agent.core.deviceset import indexes, set_of
from pcipt_agent.core.iommu_groups import Hindrance, accompanied, company_in_words, hindrance, stands_in_the_way
from pcipt_agent.core.kinship import kinship_of
from tests.support.planned import pci, sriov

DEVICE = pci("41:00.0")
USED = (HostUse(HostUseKind.MOUNTED, "nvme0n1p1 is mounted on /srv"),)

OBSTACLES: list[tuple[Device, str | None]] = [
    (DEVICE, None),
    (replace(DEVICE, driver="vfio-pci", vfio_driver=True), None),
    (replace(DEVICE, driver="mlx5_vfio_pci", vfio_driver=True), None),
    (replace(DEVICE, driver="pci-stub"), None),
    (replace(DEVICE, class_code=0x060400, driver="pcieport"), None),
    (replace(DEVICE, class_code=0x060400), None),
    (replace(DEVICE, class_code=0x060400, driver="shpchp"), "bound to shpchp"),
    (replace(DEVICE, driver="nvme"), "bound to nvme"),
    (replace(DEVICE, driver="nvme", host_uses=USED), "which the host uses (nvme0n1p1 is mounted on /srv)"),
    (replace(DEVICE, host_uses=USED), "which the host uses (nvme0n1p1 is mounted on /srv)"),
]


@pytest.mark.parametrize(("device", "clause"), OBSTACLES)
def test_a_driver_that_is_not_vfios_and_a_use_of_the_host_stand_in_the_way(device: Device, clause: str | None) -> None:
    assert stands_in_the_way(device) == clause


def grouped(drivers: Sequence[str | None], *, may_come: Sequence[int] = ()) -> Hindrance | None:
    """The members 0, 1, 2 … of group 7 with these drivers."""
    return among([replace(pci(f"41:00.{function}"), driver=driver) for function, driver in enumerate(drivers)], may_come=may_come)


def among(devices: Sequence[Device], *, may_come: Sequence[int]) -> Hindrance | None:
    kinship = kinship_of(devices, {device.address: index for index, device in enumerate(devices)})
    return hindrance(7, set_of(range(len(devices))), kinship, may_come=set_of(may_come))


def parts(found: Hindrance | None) -> tuple[list[int], list[int], list[int], list[int]]:
    """In the way, movable, coupled, hopeless."""
    assert found is not None
    assert found.group == 7
    return (
        list(indexes(found.in_the_way)),
        list(indexes(found.movable)),
        list(indexes(found.coupled)),
        list(indexes(found.hopeless)),
    )


def test_a_group_without_drivers_hinders_nobody() -> None:
    assert grouped([None, None]) is None


def test_what_can_not_come_along_makes_the_others_hopeless_and_not_itself() -> None:
    assert parts(grouped([None, "snd_hda_intel", None])) == ([1], [], [], [0, 2])


def test_two_that_can_not_come_along_make_each_other_hopeless() -> None:
    assert parts(grouped([None, "nvme", "nvme"])) == ([1, 2], [], [], [0, 1, 2])


def test_what_can_come_along_couples_the_others_and_is_free_itself() -> None:
    assert parts(grouped([None, "snd_hda_intel"], may_come=[0, 1])) == ([1], [1], [0], [])


def test_two_that_can_come_along_couple_each_other() -> None:
    assert parts(grouped(["nvidia", "snd_hda_intel", None], may_come=[0, 1, 2])) == ([0, 1], [0, 1], [0, 1, 2], [])


def test_one_that_can_not_come_along_spoils_it_for_those_that_can() -> None:
    assert parts(grouped(["nvidia", "snd_hda_intel", "xhci_hcd"], may_come=[0, 1])) == ([0, 1, 2], [0, 1], [], [0, 1, 2])


def test_what_the_host_uses_never_comes_along() -> None:
    used = replace(pci("41:00.1"), driver="nvme", host_uses=USED)
    assert parts(among([pci("41:00.0"), used], may_come=[0, 1])) == ([1], [], [], [0])


def test_a_pf_and_its_vf_that_both_stand_in_the_way_can_not_be_taken_together() -> None:
    pf, vf = (replace(each, driver=driver) for each, driver in zip(sriov("41:00.0", vfs=1), ("ixgbe", "ixgbevf"), strict=True))
    assert parts(among([pf, vf, pci("41:00.1")], may_come=[0, 1, 2])) == ([0, 1], [0, 1], [], [0, 1, 2])


def test_a_vf_can_not_be_taken_with_its_pf_that_stands_in_the_way_and_a_stranger_can() -> None:
    pf, vf = sriov("41:00.0", vfs=1)
    assert parts(among([replace(pf, driver="ixgbe"), vf, pci("41:00.1")], may_come=[0, 1, 2])) == ([0], [0], [2], [1])


def test_a_reason_names_four_and_counts_the_rest() -> None:
    devices = [replace(pci(f"41:00.{function}"), driver="nvme") for function in range(6)]
    assert company_in_words(7, 0b10, devices) == "its IOMMU group 7 also has 0000:41:00.1, bound to nvme"
    assert company_in_words(7, 0b11, devices) == (
        "its IOMMU group 7 also has 0000:41:00.0, bound to nvme, and 0000:41:00.1, bound to nvme"
    )
    assert company_in_words(7, 0b111111, devices).endswith("and 0000:41:00.3, bound to nvme, and 2 more")


def test_what_lacks_company_among_the_given_is_left_out() -> None:
    found = grouped(["nvidia", "snd_hda_intel", None], may_come=[0, 1, 2])
    assert found is not None
    assert accompanied([found], 0b1111) == 0b1111
    assert accompanied([found], 0b1101) == 0b1000
    assert accompanied([found], 0b0011) == 0b0011
