# SPDX-License-Identifier: Apache-2.0
"""device_spec: what entries mean, and what is wrong with them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcipt_agent.conf.specs import KEYS, read_specs
from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.spec import Tags
from tests.support.rules import spec, spec_mistakes, specs, text, underlined


def test_an_object_and_a_list_of_objects_are_numbered_through() -> None:
    read = specs({"vendor_id": "8086"}, [{"vendor_id": "10de"}, {"vendor_id": "15b3"}], {"vendor_id": "1002"}, [])
    assert [(each.entry, each.vendor_id) for each in read] == [(1, "8086"), (2, "10de"), (3, "15b3"), (4, "1002")]


def test_an_entry_keeps_the_operators_own_text() -> None:
    first, second = specs('[{"vendor_id":"8086"},  {"vendor_id":   "10de"}]')
    assert (first.source, second.source) == ('{"vendor_id":"8086"}', '{"vendor_id":   "10de"}')


@pytest.mark.parametrize(
    ("written", "means"),
    [("8086", "8086"), ("86", "0086"), ("0x10DE", "10de"), (" 8086 ", "8086"), ("00008086", "8086"), ("*", None)],
)
@pytest.mark.parametrize("key", ["vendor_id", "product_id"])
def test_an_id_is_read_as_nova_reads_it(key: str, written: str, means: str | None) -> None:
    read = spec({key: written})
    assert {"vendor_id": read.vendor_id, "product_id": read.product_id}[key] == means


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", "is no hex number"),
        ("xyz", "is no hex number"),
        ("10000", "is more than ffff"),
        (8086, "a number instead of a text"),
        (None, "null instead of a text"),
        (True, "true or false instead of a text"),
        (["8086"], "a list instead of a text"),
    ],
)
def test_an_id_that_is_none_is_refused(value: object, problem: str) -> None:
    (mistake,) = spec_mistakes({"vendor_id": value})
    assert (mistake.entry, mistake.key, mistake.problem) == (1, "vendor_id", problem)
    assert underlined(mistake) == json.dumps(value)


def test_a_number_is_answered_with_its_digits_in_quotes() -> None:
    (mistake,) = spec_mistakes({"vendor_id": 8086, "product_id": "154d"})
    assert mistake.remedy == '{"vendor_id": "8086", "product_id": "154d"}'


@pytest.mark.parametrize("key", ["managed", "live_migratable", "trusted", "remote_managed", "one_time_use"])
@pytest.mark.parametrize(
    ("value", "means"),
    [
        *((word, True) for word in (True, 1, "1", "t", "true", "on", "y", "yes", " YES ", "True")),
        *((word, False) for word in (False, 0, "0", "f", "false", "off", "n", "no", " No ", "False")),
    ],
)
def test_one_table_of_booleans_holds_for_every_tag(key: str, value: object, means: bool) -> None:
    tags = spec({key: value}).tags
    read = {
        "managed": tags.managed,
        "live_migratable": tags.live_migratable,
        "trusted": tags.trusted,
        "remote_managed": tags.remote_managed,
        "one_time_use": tags.one_time_use,
    }
    assert read[key] is means


@pytest.mark.parametrize("key", ["managed", "live_migratable", "trusted", "remote_managed", "one_time_use"])
@pytest.mark.parametrize("value", ["", "maybe", 2, 1.0, None, [], {}])
def test_what_is_in_no_table_is_no_boolean(key: str, value: object) -> None:
    (mistake,) = spec_mistakes({key: value})
    assert mistake.key == key
    assert mistake.remedy.startswith("true or false")


def test_absent_tags_are_the_defaults() -> None:
    assert spec({"vendor_id": "8086"}).tags == Tags()


def test_physical_network_is_a_name_or_null() -> None:
    assert spec({"physical_network": "physnet1"}).tags.physical_network == "physnet1"
    assert spec({"physical_network": None}).tags.physical_network is None


@pytest.mark.parametrize(("value", "remedy"), [("", '{"physical_network": null}'), (5, '{"physical_network": "5"}')])
def test_a_physical_network_that_is_none_is_refused(value: object, remedy: str) -> None:
    (mistake,) = spec_mistakes({"physical_network": value})
    assert mistake.remedy == remedy


def test_a_vf_may_be_for_one_time_use_without_placement() -> None:
    assert spec({"address": "0000:3b:00.1", "one_time_use": True}).tags.one_time_use


def test_one_time_use_is_nothing_to_be_warned_of_as_the_device_is_kept_back_until_it_is_clean() -> None:
    assert read_specs([text({"one_time_use": "yes"})], lambda _: None).notices == ()


@pytest.mark.parametrize(
    ("written", "means", "changed"),
    [
        ("CUSTOM_GOLD_GPU", "CUSTOM_GOLD_GPU", False),
        (" CUSTOM_GOLD_GPU ", "CUSTOM_GOLD_GPU", False),
        ("PGPU", "PGPU", False),
        ("pgpu", "PGPU", True),
        ("gold gpu", "CUSTOM_GOLD_GPU", True),
        ("a__b", "CUSTOM_A__B", True),
        ("a--b", "CUSTOM_A_B", True),
        ("CUSTOM_A-B", "CUSTOM_A_B", True),
    ],
)
def test_a_resource_class_is_made_placements(written: str, means: str, changed: bool) -> None:
    read = read_specs([text({"resource_class": written})], lambda _: None)
    assert read.mistakes == ()
    assert read.specs[0].tags.resource_class == means
    assert [notice.remedy for notice in read.notices] == ([text({"resource_class": means})] if changed else [])


def test_traits_are_stripped_and_made_placements() -> None:
    read = read_specs([text({"traits": "blue, CUSTOM_BIG,hw_gpu_api_vulkan"})], lambda _: None)
    assert read.specs[0].tags.traits == {"CUSTOM_BLUE", "CUSTOM_BIG", "HW_GPU_API_VULKAN"}
    assert [notice.problem for notice in read.notices] == ["are taken as CUSTOM_BLUE,CUSTOM_BIG,HW_GPU_API_VULKAN"]


def test_a_blank_after_the_comma_is_not_remarked_on() -> None:
    assert read_specs([text({"traits": "CUSTOM_A, CUSTOM_B"})], lambda _: None).notices == ()


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"resource_class": "x" * 249}, "a name has 256 characters, and Placement takes 255"),
        ({"traits": "ok," + "x" * 300}, "a name has 307 characters, and Placement takes 255"),
        ({"resource_class": " "}, "is empty"),
        ({"resource_class": "CUSTOM_"}, "nothing is left of the name but CUSTOM_"),
        ({"traits": "a,,b"}, "an empty trait name between commas"),
        ({"traits": ["a", "b"]}, "a list instead of a text with commas"),
    ],
)
def test_a_name_that_placement_would_refuse_is_refused_here(entry: object, problem: str) -> None:
    (mistake,) = spec_mistakes(entry)
    assert mistake.problem == problem


def test_a_name_of_the_full_length_is_taken() -> None:
    assert spec({"resource_class": "x" * 248}).tags.resource_class == "CUSTOM_" + "X" * 248


def test_devname_is_refused_with_the_address_that_it_stands_for_now() -> None:
    now = {"eth0": PciAddress(0, 0x3B, 0, 0)}
    read = read_specs(['{"devname": "eth0", "physical_network": "physnet1"}'], now.get)
    (mistake,) = read.mistakes
    assert "eth0 is 0000:3b:00.0 now" in mistake.problem
    assert mistake.remedy == '{"address": "0000:3b:00.0", "physical_network": "physnet1"}'
    assert read.specs == ()


def test_a_devname_of_nothing_here_is_refused_without_a_guess() -> None:
    (mistake,) = spec_mistakes({"devname": "eth7"})
    assert 'no interface "eth7"' in mistake.remedy


def test_devname_beside_an_address_leaves_the_address() -> None:
    (mistake,) = spec_mistakes({"devname": "eth0", "address": "0000:3b:00.0"})
    assert mistake.remedy == '{"address": "0000:3b:00.0"}'


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("vendor_idd", "vendor_id"),
        ("adress", "address"),
        ("device_id", "product_id"),
        ("physnet", "physical_network"),
        ("Managed", "managed"),
    ],
)
def test_an_unknown_key_is_refused_with_the_one_that_was_meant(key: str, meant: str) -> None:
    (mistake,) = (each for each in spec_mistakes({key: "8086"}) if each.key == key)
    assert mistake.problem == f'no such key; did you mean "{meant}"?'
    assert mistake.remedy == text({meant: "8086"})
    assert underlined(mistake) == json.dumps(key)


def test_an_unknown_key_that_is_like_nothing_names_the_known_ones() -> None:
    (mistake,) = spec_mistakes({"colour": "red"})
    assert mistake.problem == "no such key"
    assert mistake.remedy == f"one of: {', '.join(KEYS)}"


def test_a_slip_of_a_key_does_not_hide_a_slip_of_its_value() -> None:
    mistakes = spec_mistakes({"vendor_idd": "xyz"})
    assert [mistake.problem for mistake in mistakes] == ['no such key; did you mean "vendor_id"?', "is no hex number"]


def test_all_mistakes_of_all_entries_are_reported_in_order() -> None:
    mistakes = spec_mistakes({"vendor_id": 1, "managed": "perhaps"}, '{"address" 1}', '{"product_id": "fffff"}')
    places = [(mistake.entry, mistake.key) for mistake in mistakes]
    assert places == [(1, "vendor_id"), (1, "managed"), (2, None), (3, "product_id")]


def test_an_entry_with_a_mistake_is_left_out_and_the_others_are_read() -> None:
    read = read_specs(['{"vendor_id": "xyz"}', '{"vendor_id": "8086"}'], lambda _: None)
    assert [each.entry for each in read.specs] == [2]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ('"8086"', "a text instead of one object"),
        ("5", "a number instead of one object"),
        ("null", "null instead of one object"),
        ('[{"vendor_id": "8086"}, 5]', "a number instead of an object"),
        ("", "is empty: an object in braces is expected"),
    ],
)
def test_what_is_no_object_is_refused(value: str, problem: str) -> None:
    (mistake,) = spec_mistakes(value)
    assert mistake.problem == problem


WORDS = st.sampled_from(["8086", "yes", "", "0000:3b:00.0", "0?", "*", "CUSTOM_X", "é", "[", "xyz"]) | st.text(max_size=8)
SCALARS = WORDS | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False)
ADDRESSES = st.dictionaries(st.sampled_from(["bus", "func", "slot", "x"]), SCALARS, max_size=3)
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | ADDRESSES
ENTRIES = st.dictionaries(st.sampled_from([*KEYS, "adress", "func", "colour"]), VALUES, max_size=5)


@given(st.lists(st.text() | ENTRIES.map(json.dumps) | ENTRIES.map(str), max_size=3))
def test_whatever_is_written_is_read_or_refused_and_never_raises(texts: list[str]) -> None:
    read = read_specs(texts, lambda _: None)
    assert read.mistakes or all(each.entry <= sum(each.count("{") for each in texts) for each in read.specs)
    for mistake in read.mistakes:
        assert mistake.source is not None
        assert mistake.span is None or 0 <= mistake.span[0] < mistake.span[1]


@given(ENTRIES)
def test_a_mistake_is_not_made_again_in_the_entry_as_it_must_be_written(entry: dict[str, object]) -> None:
    for mistake in spec_mistakes(entry):
        if mistake.remedy.startswith("{"):
            again = spec_mistakes(mistake.remedy)
            assert (mistake.key, mistake.problem) not in {(each.key, each.problem) for each in again}
