# SPDX-License-Identifier: Apache-2.0
"""Readiness: what the host alone says against handing a device out."""

from dataclasses import replace

import pytest

from pcipt_agent.core.device import Device, Fault, FaultKind
from pcipt_agent.core.readiness import NotReady, Unready, not_ready
from tests.support.planned import pci

DEVICE = pci("01:00.0")
FAULTS = (Fault(FaultKind.VF_WITHOUT_PF, "physfn"), Fault(FaultKind.UNDECODABLE, "class"))


def test_a_device_in_an_iommu_group_is_ready() -> None:
    assert not_ready(DEVICE) is None


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        (replace(DEVICE, faults=FAULTS), NotReady(Unready.FAULT, "vf-without-pf: physfn; undecodable: class")),
        (replace(DEVICE, class_code=0x060400), NotReady(Unready.BRIDGE, "class 060400 is a bridge")),
        (
            replace(DEVICE, iommu_group=None),
            NotReady(Unready.NO_IOMMU_GROUP, "it is in no IOMMU group: the host has no IOMMU, or it is off"),
        ),
    ],
)
def test_each_reason_has_its_particulars(device: Device, expected: NotReady) -> None:
    assert not_ready(device) == expected


def test_a_fault_is_said_before_anything_else() -> None:
    odd = not_ready(replace(DEVICE, faults=FAULTS, class_code=0x060400, iommu_group=None))
    assert odd is not None
    assert odd.reason is Unready.FAULT
