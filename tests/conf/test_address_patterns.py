# SPDX-License-Identifier: Apache-2.0
"""The key `address`: which devices it selects is what nova 34 was seen to select (each row was run there)."""

import json

import pytest

from pcipt_agent.conf.specs import read_specs
from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.spec import AddressGlob
from tests.support.rules import spec, spec_mistakes, text, underlined

D1, D2 = PciAddress(0, 0x0A, 0, 1), PciAddress(0, 0xAA, 0x1F, 7)


@pytest.mark.parametrize(
    ("address", "first", "second"),
    [
        ("", True, True),
        (None, True, True),
        ({}, True, True),
        (".", True, True),
        ("*", True, True),
        ("*:0a:00.*", True, False),
        (":0a:00.", True, False),
        ("0a:00.1", True, False),
        ("00.1", True, False),
        (".1", True, False),
        ("0", True, False),
        ("0000:0a:00", True, False),
        ("0:a:0.1", True, False),
        ("0x0:0xa:0x0.0x1", True, False),
        (" 0000 : 0a : 00 . 1 ", True, False),
        ("0000:0A:00.1", True, False),
        ("-1:0a:00.1", False, False),
        ({"bus": "0a"}, True, False),
        ({"bus": "a"}, False, True),
        ({"bus": "0A"}, False, False),
        ({"bus": "0a", "slot": "0", "function": "[0-2]"}, True, False),
        ({"domain": ".*", "bus": ".*", "slot": "1[0-9a-f]", "function": "[4-7]"}, False, True),
    ],
)
def test_an_address_selects_what_nova_selects(address: object, first: bool, second: bool) -> None:
    pattern = spec({"address": address}).address
    assert (pattern.matches(D1), pattern.matches(D2)) == (first, second)


def test_no_address_is_any_address() -> None:
    assert spec({}).address == AddressGlob()


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("1:2:3:4.5", "has 4 fields before the point, and an address has three"),
        (5, "a number instead of a text or an object"),
        (0, "a number instead of a text or an object"),
        (["a"], "a list instead of a text or an object"),
        (True, "true or false instead of a text or an object"),
        ("10000:0a:00.1", "the domain 10000 is more than ffff"),
        ("0000:100:00.1", "the bus 100 is more than ff"),
        ("0000:0a:20.1", "the slot 20 is more than 1f"),
        ("0000:0a:00.8", "the function 8 is more than 7"),
        ("0000:0a:00.1.2", "the function 1.2 is neither a hex number nor *"),
        ("0000:xy:00.1", "the bus xy is neither a hex number nor *"),
    ],
)
def test_an_address_that_is_none_is_refused(address: object, problem: str) -> None:
    (mistake,) = spec_mistakes({"address": address})
    assert mistake.key == "address"
    assert mistake.problem == problem
    assert underlined(mistake) == json.dumps(address)


@pytest.mark.parametrize(
    ("address", "remedy"),
    [
        ("0000:0a:0?.1", '{"address": {"domain": "0000", "bus": "0a", "slot": "0.$", "function": "1"}}'),
        ("0a:0*.*", '{"address": {"bus": "0a", "slot": "0.*$"}}'),
        ("0a:00.[0-2]", '{"address": {"bus": "0a", "slot": "00", "function": "[0-2]$"}}'),
    ],
)
def test_a_wildcard_within_a_field_is_answered_with_the_object_form(address: str, remedy: str) -> None:
    (mistake,) = spec_mistakes({"address": address})
    assert "parts of a field take the object form" in mistake.problem
    assert mistake.remedy == remedy
    assert spec_mistakes(remedy) == ()


def test_the_fields_of_an_object_are_known() -> None:
    (mistake,) = spec_mistakes({"address": {"bus": "0a", "func": "9"}})
    assert mistake.key == "address.func"
    assert mistake.problem == 'no such key; did you mean "function"?'
    assert mistake.remedy == '{"address": {"bus": "0a", "function": "9"}}'
    assert underlined(mistake) == '"func"'


def test_every_fault_of_an_object_is_named() -> None:
    mistakes = spec_mistakes({"address": {"bus": 10, "slot": "*", "colour": "red", "function": None}})
    assert [(mistake.key, mistake.problem) for mistake in mistakes] == [
        ("address.bus", "a number instead of a text"),
        ("address.slot", "is no regular expression: nothing to repeat at position 0"),
        ("address.colour", "no such key"),
        ("address.function", "null instead of a regular expression"),
    ]


@pytest.mark.parametrize("pattern", ["a{99999999999}", "(" * 500, "[[a]", "(?P<x>a)(?P<x>b)", "\\"])
def test_no_pattern_breaks_the_reader(pattern: str) -> None:
    assert all(mistake.key == "address.bus" for mistake in spec_mistakes({"address": {"bus": pattern}}))


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ({"slot": "0"}, "is anchored at its start only, so it means 00, 01, 02 … 0f"),
        ({"bus": "0A"}, "an upper-case digit matches nothing: the kernel writes lower case"),
        ({"bus": "[A-F]0"}, "an upper-case digit matches nothing: the kernel writes lower case"),
        ({"function": "9"}, "matches no function"),
    ],
)
def test_a_pattern_that_is_probably_not_meant_is_a_notice(pattern: dict[str, str], problem: str) -> None:
    read = read_specs([text({"address": pattern})], lambda _: None)
    assert read.mistakes == ()
    assert [notice.problem for notice in read.notices] == [problem]


@pytest.mark.parametrize(
    "pattern", [{"slot": "0[0-7]"}, {"bus": "(?i)0A"}, {"bus": ".*"}, {"domain": "0000"}, {"function": r"\A[0-3]"}, {"bus": "0a$"}]
)
def test_a_pattern_that_is_plain_is_not_remarked_on(pattern: dict[str, str]) -> None:
    assert read_specs([text({"address": pattern})], lambda _: None).notices == ()


@pytest.mark.parametrize(
    ("pattern", "remedy"),
    [
        ({"slot": "0"}, 'all digits of the slot, such as "00", unless this is meant'),
        ({"bus": "0|1a"}, '"0|1a$" where that is meant'),
    ],
)
def test_a_pattern_anchored_at_its_start_only_is_answered_with_one_that_matches(pattern: dict[str, str], remedy: str) -> None:
    (notice,) = read_specs([text({"address": pattern})], lambda _: None).notices
    assert notice.remedy == remedy


def test_a_negative_field_is_a_notice() -> None:
    (notice,) = read_specs(['{"address": "-1:0a:00.1"}'], lambda _: None).notices
    assert notice.problem == "the domain -1 is negative, so the entry matches nothing"
