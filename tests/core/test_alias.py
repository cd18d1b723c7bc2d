# SPDX-License-Identifier: Apache-2.0
"""Aliases against devices: what an alternative fits."""

import pytest

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.alias import RuleSet
from pcipt_agent.core.catalogue import catalogue_of
from pcipt_agent.core.device import Device, DeviceType
from pcipt_agent.core.deviceset import indexes
from pcipt_agent.core.host import Host
from tests.support.rules import aliases, specs


def fitting(alias: dict[str, object], *entries: dict[str, object]) -> list[str]:
    """Addresses of the devices, one for each entry, that the alias's alternatives fit."""
    found = [
        Device(address=PciAddress(0, 1, 0, function), device_type=DeviceType.PCI, vendor_id="8086", product_id="154d")
        for function in range(len(entries))
    ]
    placed = [{**entry, "address": str(device.address)} for entry, device in zip(entries, found, strict=True)]
    host = Host(devices={device.address: device for device in found}, numa_nodes={}, boot_id="b")
    rules = RuleSet(specs=specs(*placed), aliases=aliases({"name": "a", **alias}))
    catalogue = catalogue_of(host, rules)
    return [str(catalogue.devices[index].address.function) for index in indexes(catalogue.fitting(rules.aliases["a"].alternatives))]


@pytest.mark.parametrize(
    ("wanted", "tags", "fits"),
    [
        ({}, {}, True),
        ({"live_migratable": "yes"}, {}, False),
        ({"live_migratable": "no"}, {}, True),
        ({}, {"live_migratable": "yes"}, True),
        ({"live_migratable": "yes"}, {"live_migratable": "yes"}, True),
        ({"live_migratable": "no"}, {"live_migratable": "yes"}, False),
        ({}, {"live_migratable": "no"}, True),
        ({"live_migratable": "yes"}, {"live_migratable": "no"}, False),
        ({"live_migratable": "no"}, {"live_migratable": "no"}, True),
        ({"traits": "blue"}, {"traits": "big, Blue"}, True),
        ({"traits": "blue,small"}, {"traits": "big,blue"}, False),
        ({"traits": "HW_PCI_LIVE_MIGRATABLE"}, {"live_migratable": True}, True),
        ({"resource_class": "gold gpu"}, {"resource_class": "CUSTOM_GOLD_GPU"}, True),
        ({"resource_class": "CUSTOM_GOLD"}, {}, False),
        ({"resource_class": "CUSTOM_PCI_8086_154D"}, {}, True),
        ({"capability_type": "pci"}, {}, True),
    ],
)
def test_an_alternative_fits_what_the_device_is_said_to_be(wanted: dict[str, object], tags: dict[str, object], fits: bool) -> None:
    ids = {"vendor_id": "8086", "product_id": "154d"}
    assert fitting({**ids, **wanted}, tags) == (["0"] if fits else [])


def test_a_vendor_alone_fits_any_product() -> None:
    assert fitting({"vendor_id": "8086"}, {}, {}) == ["0", "1"]


def test_a_class_alone_fits_its_devices() -> None:
    assert fitting({"resource_class": "CUSTOM_B"}, {"resource_class": "a"}, {"resource_class": "b"}) == ["1"]
