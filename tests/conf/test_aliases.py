# SPDX-License-Identifier: Apache-2.0
"""alias: what entries mean, and what is wrong with them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcipt_agent.conf.aliases import KEYS, read_aliases
from pcipt_agent.core.alias import Alternative, NumaPolicy
from pcipt_agent.core.device import DeviceType
from tests.support.rules import alias_mistakes, aliases, text, underlined

IDS = {"vendor_id": "8086", "product_id": "154d"}


def test_an_alias_says_what_a_device_must_have() -> None:
    entry = {
        "name": " a1 ",
        "vendor_id": "8086",
        "product_id": "154D",
        "device_type": "type-PF",
        "numa_policy": "required",
        "resource_class": "gold",
        "traits": "blue, HW_CPU_X86_AVX",
        "live_migratable": "yes",
        "capability_type": "pci",
    }
    alias = aliases(entry)["a1"]
    assert (alias.device_type, alias.numa_policy) == (DeviceType.PF, NumaPolicy.REQUIRED)
    assert alias.alternatives == (
        Alternative(
            vendor_id="8086",
            product_id="154d",
            resource_class="CUSTOM_GOLD",
            traits=frozenset({"CUSTOM_BLUE", "HW_CPU_X86_AVX"}),
            live_migratable=True,
        ),
    )


def test_without_a_device_type_an_alias_is_type_pci() -> None:
    alias = aliases({"name": "a1", **IDS})["a1"]
    assert alias.device_type is DeviceType.PCI
    assert alias.type_omitted
    assert alias.numa_policy is None


@pytest.mark.parametrize(("value", "means"), [(True, True), (False, False), ("no", False), ("1", True), (0, False)])
def test_live_migratable_is_read_by_the_table_of_booleans(value: object, means: bool) -> None:
    (alternative,) = aliases({"name": "a1", **IDS, "live_migratable": value})["a1"].alternatives
    assert alternative.live_migratable is means


@pytest.mark.parametrize("entry", [{"vendor_id": "8086"}, {"resource_class": "CUSTOM_X"}, IDS])
def test_a_vendor_or_a_class_is_enough_without_placement(entry: dict[str, str]) -> None:
    assert alias_mistakes({"name": "a1", **entry}) == ()


def test_a_vendor_alone_is_refused_with_placement() -> None:
    (mistake,) = alias_mistakes({"name": "a1", "vendor_id": "8086"}, in_placement=True)
    assert "a vendor_id alone" in mistake.problem


def test_a_vendor_and_a_class_are_enough_with_placement() -> None:
    assert alias_mistakes({"name": "a1", "vendor_id": "8086", "resource_class": "PGPU"}, in_placement=True) == ()


def test_with_placement_an_alias_without_a_class_asks_for_the_class_of_its_ids() -> None:
    (alternative,) = aliases({"name": "a1", **IDS}, in_placement=True)["a1"].alternatives
    assert alternative.resource_class == "CUSTOM_PCI_8086_154D"
    (alternative,) = aliases({"name": "a1", **IDS})["a1"].alternatives
    assert alternative.resource_class is None


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"name": "a1"}, "asks for nothing"),
        ({"name": "a1", "traits": "CUSTOM_X"}, "asks for nothing"),
        ({"name": "a1", "product_id": "154d"}, "a product_id without a vendor_id; each vendor numbers its own"),
        ({**IDS}, "has no name"),
        ({"name": " ", **IDS}, "is empty"),
        ({"name": "x" * 257, **IDS}, "has 257 characters, and 256 are the most"),
        ({"name": 5, **IDS}, "a number instead of a text"),
        ({"name": "a1", "vendor_id": "86"}, "is not four hex digits"),
        ({"name": "a1", "vendor_id": "*"}, "is not four hex digits"),
        ({"name": "a1", "vendor_id": None}, "null instead of a text"),
        ({"name": "a1", **IDS, "device_type": "vdpa"}, "vDPA devices are asked for by ports, never by an alias"),
        ({"name": "a1", **IDS, "numa_policy": "near"}, '"near" is not known here'),
        ({"name": "a1", **IDS, "live_migratable": "perhaps"}, "is neither true nor false"),
        ({"name": "a1", **IDS, "capability_type": "usb"}, '"usb" is not "pci", the only one there is'),
    ],
)
def test_an_alias_that_is_none_is_refused(entry: object, problem: str) -> None:
    assert [mistake.problem for mistake in alias_mistakes(entry)] == [problem]


@pytest.mark.parametrize(
    ("entry", "remedy"),
    [
        ({"name": "gpu:big", **IDS}, {"name": "gpu-big", **IDS}),
        ({"name": "a,b", **IDS}, {"name": "a-b", **IDS}),
        ({"name": "a1", "vendor_id": "0x8086"}, {"name": "a1", "vendor_id": "8086"}),
        ({"name": "a1", "vendor_id": 8086}, {"name": "a1", "vendor_id": "8086"}),
        ({"name": "a1", **IDS, "device_type": "VF"}, {"name": "a1", **IDS, "device_type": "type-VF"}),
        ({"name": "a1", **IDS, "device_type": "type-pf"}, {"name": "a1", **IDS, "device_type": "type-PF"}),
        ({"name": "a1", **IDS, "numa_policy": "require"}, {"name": "a1", **IDS, "numa_policy": "required"}),
        ({"name": "a1", **IDS, "dev_type": "type-VF"}, {"name": "a1", **IDS, "device_type": "type-VF"}),
    ],
)
def test_a_slip_is_answered_with_the_alias_as_it_must_be_written(entry: object, remedy: object) -> None:
    (mistake,) = alias_mistakes(entry)
    assert json.loads(mistake.remedy) == remedy
    assert alias_mistakes(mistake.remedy) == ()


def test_the_fault_is_underlined() -> None:
    (mistake,) = alias_mistakes({"name": "gpu:big", **IDS})
    assert underlined(mistake) == '"gpu:big"'


def test_a_list_is_no_alias() -> None:
    (mistake,) = alias_mistakes([{"name": "a1", **IDS}])
    assert mistake.problem == "a list instead of one object"


def test_entries_of_one_name_are_alternatives() -> None:
    alias = aliases(
        {"name": "a1", **IDS, "live_migratable": "yes"},
        {"name": "a1", "vendor_id": "10de", "product_id": "25b6", "device_type": "type-PCI", "numa_policy": "legacy"},
    )["a1"]
    assert [each.vendor_id for each in alias.alternatives] == ["8086", "10de"]
    assert alias.numa_policy is NumaPolicy.LEGACY
    assert not alias.type_omitted


@pytest.mark.parametrize(
    ("first", "second", "problem"),
    [
        ({}, {"device_type": "type-VF"}, "device_type type-PCI there and type-VF here"),
        ({"device_type": "type-PF"}, {"device_type": "type-VF"}, "device_type type-PF there and type-VF here"),
        ({}, {"numa_policy": "required"}, "numa_policy legacy there and required here"),
    ],
)
def test_alternatives_agree_in_type_and_policy(first: dict[str, str], second: dict[str, str], problem: str) -> None:
    entries = [{"name": "a1", **IDS, **first}, {"name": "a1", "vendor_id": "10de", "product_id": "25b6", **second}]
    (mistake,) = alias_mistakes(*entries)
    assert mistake.entry == 2
    assert problem in mistake.problem
    assert read_aliases([text(each) for each in entries], report_in_placement=False, pci_in_placement=False).aliases == {}


@pytest.mark.parametrize(("report", "scheduled"), [(True, False), (False, True)])
def test_a_name_is_not_repeated_with_placement(report: bool, scheduled: bool) -> None:
    entries = [text({"name": "a1", **IDS}), text({"name": "a1", "vendor_id": "10de", "product_id": "25b6"})]
    (mistake,) = read_aliases(entries, report_in_placement=report, pci_in_placement=scheduled).mistakes
    assert (mistake.entry, mistake.key) == (2, "name")


def test_an_alternative_given_twice_is_a_notice() -> None:
    (notice,) = read_aliases([text({"name": "a1", **IDS})] * 2, report_in_placement=False, pci_in_placement=False).notices
    assert (notice.entry, notice.problem) == (2, "says the same as entry 1")


SCALARS = st.sampled_from(["a1", "8086", "type-VF", "required", "yes", ""]) | st.text(max_size=6) | st.integers() | st.none()
ENTRIES = st.dictionaries(st.sampled_from([*KEYS, "nam", "x"]), SCALARS | st.lists(SCALARS, max_size=2), max_size=6)


@given(st.lists(st.text() | ENTRIES.map(json.dumps) | ENTRIES.map(str), max_size=4), st.booleans(), st.booleans())
def test_whatever_is_written_is_read_or_refused_and_never_raises(texts: list[str], report: bool, scheduled: bool) -> None:
    read = read_aliases(texts, report_in_placement=report, pci_in_placement=scheduled)
    assert len(read.mistakes) > 0 or sum(len(alias.alternatives) for alias in read.aliases.values()) == len(texts)
