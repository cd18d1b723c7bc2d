# SPDX-License-Identifier: Apache-2.0
"""What a value may be, key by key; one table of booleans for all."""

import pytest

from pcipt_agent.conf import values
from pcipt_agent.conf.entry import Entry, read_entries
from pcipt_agent.core.alias import NumaPolicy


def entry_of(text: str) -> Entry:
    (entry,) = read_entries("[pci] alias", [text], lists=False, example="{}").entries
    return entry


def problems_of(entry: Entry) -> list[str]:
    return [mistake.problem for mistake in entry.mistakes()]


@pytest.mark.parametrize("given", ["true", "1", '"1"', '"T"', '" yes "', '"On"', '"y"', '"TRUE"'])
def test_these_are_true(given: str) -> None:
    assert values.flag(entry_of(f'{{"managed": {given}}}'), "managed") is True


@pytest.mark.parametrize("given", ["false", "0", '"0"', '"F"', '" no "', '"Off"', '"n"', '"FALSE"'])
def test_these_are_false(given: str) -> None:
    assert values.flag(entry_of(f'{{"managed": {given}}}'), "managed") is False


@pytest.mark.parametrize("given", ["2", "1.5", "null", '"maybe"', '""', "[]", "{}"])
def test_whatever_else_is_no_boolean(given: str) -> None:
    entry = entry_of(f'{{"managed": {given}}}')
    assert values.flag(entry, "managed") is None
    assert len(problems_of(entry)) == 1


def test_an_absent_key_is_no_mistake() -> None:
    entry = entry_of("{}")
    assert values.flag(entry, "managed") is None
    assert values.text(entry, "physical_network", "") is None
    assert problems_of(entry) == []


@pytest.mark.parametrize(
    ("given", "wanted"), [("8086", "8086"), ("15B3", "15b3"), ("0x1af4", "1af4"), ("00001af4", "1af4"), ("a", "000a")]
)
def test_an_id_to_match_by_is_a_number_in_hex(given: str, wanted: str) -> None:
    assert values.pattern_id(entry_of(f'{{"vendor_id": "{given}"}}'), "vendor_id") == wanted


def test_a_star_is_any_id() -> None:
    entry = entry_of('{"vendor_id": " * "}')
    assert values.pattern_id(entry, "vendor_id") is None
    assert problems_of(entry) == []


@pytest.mark.parametrize(
    ("given", "problem"), [("10000", "is more than ffff"), ("80g6", "is no hex number"), ("", "is no hex number")]
)
def test_an_id_to_match_by_that_is_none_is_named(given: str, problem: str) -> None:
    entry = entry_of(f'{{"vendor_id": "{given}"}}')
    assert values.pattern_id(entry, "vendor_id") is None
    assert problems_of(entry) == [problem]


@pytest.mark.parametrize(("given", "wanted"), [("8086", "8086"), ("15B3", "15b3"), ("0x1af4", None), ("a", None), ("*", None)])
def test_an_id_to_ask_for_is_four_hex_digits(given: str, wanted: str | None) -> None:
    entry = entry_of(f'{{"vendor_id": "{given}"}}')
    assert values.exact_id(entry, "vendor_id") == wanted
    assert problems_of(entry) == ([] if wanted else ["is not four hex digits"])


def test_a_number_in_the_place_of_a_text_is_a_mistake() -> None:
    entry = entry_of('{"vendor_id": 8086}')
    assert values.exact_id(entry, "vendor_id") is None
    assert problems_of(entry) == ["a number instead of a text"]


def test_a_word_is_one_of_a_closed_list() -> None:
    entry = entry_of('{"numa_policy": "socket"}')
    assert values.word(entry, "numa_policy", list(NumaPolicy)) is NumaPolicy.SOCKET
    assert problems_of(entry) == []


def test_a_word_that_is_nearly_one_of_them_is_understood_and_refused() -> None:
    entry = entry_of('{"numa_policy": "requird"}')
    assert values.word(entry, "numa_policy", list(NumaPolicy)) is None
    assert problems_of(entry) == ['"requird" is not known here; did you mean "required"?']
