# SPDX-License-Identifier: Apache-2.0
"""Devices are values: equal when they show the same, never edited, and they know whether they are bridges."""

from dataclasses import FrozenInstanceError, replace

import pytest

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.device import Device, DeviceType

DEVICE = Device(address=PciAddress(0, 1, 0, 0), device_type=DeviceType.PCI, vendor_id="8086", product_id="1572")


@pytest.mark.parametrize(
    ("class_code", "bridge"), [(0x060000, True), (0x060400, True), (0x020000, False), (0x000600, False), (None, False)]
)
def test_a_bridge_is_told_by_its_base_class(class_code: int | None, bridge: bool) -> None:
    assert replace(DEVICE, class_code=class_code).is_bridge is bridge


def test_devices_that_show_the_same_are_equal() -> None:
    assert replace(DEVICE, driver="i40e") == replace(DEVICE, driver="i40e")
    assert replace(DEVICE, driver="i40e") != DEVICE


def test_a_device_is_not_edited() -> None:
    field = "driver"
    with pytest.raises(FrozenInstanceError):
        setattr(DEVICE, field, "vfio-pci")


def test_the_types_have_novas_words() -> None:
    assert [str(each) for each in DeviceType] == ["type-PCI", "type-PF", "type-VF", "vdpa"]
