# SPDX-License-Identifier: Apache-2.0
"""What was meant by a word that nobody knows, and entries that keep their mistakes."""

import pytest

from pcipt_agent.conf.entry import did_you_mean, read_entries
from pcipt_agent.conf.json_text import Scalar

KNOWN = ("device_spec", "device_type", "vendor_id", "product_id", "address", "function")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("vendor-id", "vendor_id"),
        ("VENDOR_ID", "vendor_id"),
        ("vendorid", "vendor_id"),
        ("func", "function"),
        ("dev_spec", "device_spec"),
        ("device_id", "product_id"),
        ("adress", "address"),
        ("device", None),
        ("x", None),
        ("colour", None),
    ],
)
def test_a_slip_is_known_again_and_nothing_is_guessed(word: str, meant: str | None) -> None:
    assert did_you_mean(word, KNOWN) == meant


def test_each_mistake_shows_the_entry_with_every_repair_in_it() -> None:
    entries = read_entries("[x] y", ['{"a": 1, "b": 2, "c": 3}'], lists=True, example="{}")
    (entry,) = entries.entries
    entry.repair("a", "is one", Scalar("one", (0, 0)))
    entry.repair("b", "is too much", None)
    assert [mistake.remedy for mistake in entries.mistakes()] == ['{"a": "one", "c": 3}'] * 2
    assert entries.rewritten() == ('{"a": "one", "c": 3}',)


def test_spans_are_those_of_the_entry_not_of_the_list() -> None:
    entries = read_entries("[x] y", ['[{}, {"a": 1}]'], lists=True, example="{}")
    entries.entries[1].wrong("a", "is one", "two")
    (mistake,) = entries.mistakes()
    assert (mistake.entry, mistake.source, mistake.span) == (2, '{"a": 1}', (6, 7))


def test_a_list_that_is_no_json_is_rewritten_as_a_whole() -> None:
    (mistake,) = read_entries("[x] y", ["[{'a': 1}, {\"b\": 2},]"], lists=True, example="{}").mistakes()[:1]
    assert mistake.remedy == '[{"a": 1}, {"b": 2}]'


def test_what_makes_no_sense_is_answered_with_an_example() -> None:
    (mistake,) = read_entries("[x] y", ['{"a" 1}'], lists=True, example='{"a": 1}').mistakes()
    assert mistake.remedy == 'an entry such as {"a": 1}'
