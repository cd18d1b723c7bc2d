# SPDX-License-Identifier: Apache-2.0
"""Every [pci] example of nova's guide and of the specifications: it works, or the error shows it as it must be written."""

import json

import pytest

from tests.support.rules import alias_mistakes, aliases, spec, spec_mistakes

SPECS_THAT_WORK = [
    '{ "address": "0000:41:00.0" }',
    '{ "vendor_id": "8086", "product_id": "154d" }',
    '{ "vendor_id": "10de", "product_id": "25b6", "address": "0000:25:00.4", "resource_class": "CUSTOM_A16_16A", "managed": "no" }',
    '{ "vendor_id": "10de", "product_id": "25b6", "address": "0000:25:00.5", "resource_class": "CUSTOM_A16_8A", "managed": "no" }',
    '{ "vendor_id":"8086", "product_id":"10ca", "address": "0000:06:", "physical_network": "physnet2", "live_migratable": false}',
    '{"address": "0000:00:1.0", "one_time_use": true}',
    '{"physical_network": null}',
    '{"remote_managed": "true"}',
    '{"remote_managed": "false"}',
    '{"trusted": "true"}',
]
ALIASES_THAT_WORK = [
    '{ "vendor_id":"8086", "product_id":"154d", "device_type":"type-PF", "name":"a1" }',
    '{ "vendor_id":"8086", "product_id":"154d", "device_type":"type-PF", "name":"a1", "numa_policy":"preferred" }',
    '{ "device_type": "type-VF", "resource_class": "CUSTOM_A16_16A", "name": "A16_16A" }',
    '{ "device_type": "type-VF", "resource_class": "CUSTOM_A16_8A", "name": "A16_8A" }',
    '{ "vendor_id": "10de", "product_id": "25b6", "device_type": "type-VF", "name": "MYVF" }',
]
SPECS_AS_THEY_MUST_BE_WRITTEN = [
    (
        "{'vendor_id': '8086', 'product_id': '1515', 'live_migratable': 'yes'}",
        '{"vendor_id": "8086", "product_id": "1515", "live_migratable": "yes"}',
    ),
    (
        "{'vendor_id': '8086', 'product_id': '1516', 'live_migratable': 'no'}",
        '{"vendor_id": "8086", "product_id": "1516", "live_migratable": "no"}',
    ),
    (
        '{ "vendor_id": "10de", "product_id": "25b6", "address": "0000:25:00.4", managed: "no" }',
        '{"vendor_id": "10de", "product_id": "25b6", "address": "0000:25:00.4", "managed": "no"}',
    ),
]
ALIASES_AS_THEY_MUST_BE_WRITTEN = [
    (
        "{'name': 'vf_live', 'vendor_id': '8086', 'product_id': '1515', 'device_type': 'type-VF', 'live_migratable': 'yes'}",
        '{"name": "vf_live", "vendor_id": "8086", "product_id": "1515", "device_type": "type-VF", "live_migratable": "yes"}',
    ),
    (
        "{'name': 'vf_no_migrate', 'vendor_id': '8086', 'product_id': '1516', 'device_type': 'type-VF', 'live_migratable': 'no'}",
        '{"name": "vf_no_migrate", "vendor_id": "8086", "product_id": "1516", "device_type": "type-VF", "live_migratable": "no"}',
    ),
    (
        '{ "device_type": "type-VF", resource_class: "CUSTOM_A16_16A", "name": "A16_16A" }',
        '{"device_type": "type-VF", "resource_class": "CUSTOM_A16_16A", "name": "A16_16A"}',
    ),
]


@pytest.mark.parametrize("entry", SPECS_THAT_WORK)
def test_a_device_spec_of_the_documents_works(entry: str) -> None:
    assert spec(entry).source == entry


@pytest.mark.parametrize("entry", ALIASES_THAT_WORK)
@pytest.mark.parametrize("in_placement", [False, True])
def test_an_alias_of_the_documents_works_with_placement_and_without(entry: str, in_placement: bool) -> None:
    assert list(aliases(entry, in_placement=in_placement)) == [json.loads(entry)["name"]]


@pytest.mark.parametrize(("entry", "right"), SPECS_AS_THEY_MUST_BE_WRITTEN)
def test_a_device_spec_that_is_no_json_is_shown_as_it_must_be_written(entry: str, right: str) -> None:
    (mistake,) = spec_mistakes(entry)
    assert mistake.remedy == right
    assert spec_mistakes(right) == ()


@pytest.mark.parametrize(("entry", "right"), ALIASES_AS_THEY_MUST_BE_WRITTEN)
def test_an_alias_that_is_no_json_is_shown_as_it_must_be_written(entry: str, right: str) -> None:
    (mistake,) = alias_mistakes(entry)
    assert mistake.remedy == right
    assert alias_mistakes(right) == ()
