# SPDX-License-Identifier: Apache-2.0
"""A device_spec entry: does it match, and which key does not."""

from dataclasses import replace

import pytest

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.device import Device, DeviceType
from pcipt_agent.core.spec import Mismatch, Tags, address_text, mismatch, resource_class, traits
from tests.support.rules import spec

PF = Device(address=PciAddress(0, 0x3B, 0, 0), device_type=DeviceType.PF, vendor_id="15b3", product_id="101d", serial="S")
VF = Device(
    address=PciAddress(0, 0x3B, 2, 1),
    device_type=DeviceType.VF,
    vendor_id="15b3",
    product_id="101e",
    parent=PF.address,
    serial="S",
)


def matches(entry: object, device: Device) -> bool:
    return mismatch(spec(entry), device, PF if device.parent == PF.address else None) is None


@pytest.mark.parametrize(
    ("entry", "pf", "vf"),
    [
        ({}, True, True),
        ({"vendor_id": "15b3"}, True, True),
        ({"product_id": "101d"}, True, False),
        ({"vendor_id": "8086"}, False, False),
        ({"address": "0000:3b:00.0"}, True, True),
        ({"address": "0000:3b:00.0", "product_id": "101e"}, False, True),
        ({"address": "0000:3b:02.1"}, False, True),
        ({"address": "*:3b:00.0"}, True, False),
        ({"address": {"domain": "0000", "bus": "3b", "slot": "00", "function": "0"}}, True, True),
        ({"address": {"domain": ".*", "bus": "3b", "slot": "00", "function": "0"}}, True, False),
        ({"remote_managed": True}, False, True),
    ],
)
def test_one_exact_address_of_a_pf_means_its_vfs_too_and_a_wildcard_does_not(entry: object, pf: bool, vf: bool) -> None:
    assert (matches(entry, PF), matches(entry, VF)) == (pf, vf)


def test_an_address_of_what_is_no_pf_has_no_vfs() -> None:
    plain = replace(PF, device_type=DeviceType.PCI)
    assert mismatch(spec({"address": "0000:3b:00.0"}), VF, plain) is not None


@pytest.mark.parametrize("serial", [None, ""])
def test_a_remote_managed_vf_needs_a_serial_number(serial: str | None) -> None:
    found = mismatch(spec({"remote_managed": True}), replace(VF, serial=serial), PF)
    assert found == Mismatch("remote_managed", "a VPD serial number", "none")


@pytest.mark.parametrize(
    ("entry", "key", "wanted", "there"),
    [
        ({"vendor_id": "8086", "product_id": "1"}, "vendor_id", "8086", "15b3"),
        ({"product_id": "1"}, "product_id", "0001", "101e"),
        ({"address": "3c:*.*"}, "address", "*:3c:*.*", "0000:3b:02.1"),
        ({"address": {"bus": "3c"}}, "address", "/.*/:/3c/:/.*/./.*/", "0000:3b:02.1"),
    ],
)
def test_the_first_key_that_does_not_fit_is_named(entry: object, key: str, wanted: str, there: str) -> None:
    assert mismatch(spec(entry), VF, PF) == Mismatch(key, wanted, there)


def test_an_exact_pattern_is_written_as_the_kernel_writes_it() -> None:
    assert address_text(spec({"address": "0:3B:0.1"}).address) == "0000:3b:00.1"


def test_the_class_is_the_tags_or_derived_from_the_ids() -> None:
    assert resource_class(VF, Tags()) == "CUSTOM_PCI_15B3_101E"
    assert resource_class(VF, spec({"resource_class": "gold"}).tags) == "CUSTOM_GOLD"


def test_traits_are_the_tags_and_those_that_say_what_the_device_is() -> None:
    always = {"COMPUTE_MANAGED_PCI_DEVICE", "OWNER_NOVA"}
    assert traits(Tags()) == always
    assert traits(spec({"traits": "blue", "live_migratable": "no"}).tags) == always | {"CUSTOM_BLUE"}
    more = spec({"live_migratable": True, "one_time_use": True}).tags
    assert traits(more) == always | {"HW_PCI_LIVE_MIGRATABLE", "HW_PCI_ONE_TIME_USE"}
