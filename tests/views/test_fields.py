# SPDX-License-Identifier: Apache-2.0
"""Each reader takes its own type of JSON and nothing that Python takes for it."""

from collections.abc import Callable
from typing import Any

import pytest

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.claim import ClaimState
from pcipt_agent.views import fields

READERS: dict[Callable[[Any], Any], list[object]] = {
    fields.array: [[1]],
    fields.text: ["a"],
    fields.integer: [7],
    fields.number: [7, 7.5],
    fields.truth: [True],
    fields.text_or_none: [None, "a"],
    fields.number_or_none: [None, 7, 7.5],
}
"""Reader → what it takes of VALUES."""
VALUES: list[object] = [[1], "a", 7, 7.5, True, None, {}]


@pytest.mark.parametrize("reader", READERS)
def test_each_type_is_its_own(reader: Callable[[Any], Any]) -> None:
    for value in VALUES:
        if any(value == taken and type(value) is type(taken) for taken in READERS[reader]):
            assert reader(value) == value
        else:
            with pytest.raises(fields.Undecodable, match=r"where (a|an|true) "):
                reader(value)


def test_an_address_is_read_whole() -> None:
    assert fields.address("0000:3b:02.1") == PciAddress(0, 0x3B, 2, 1)
    assert fields.address_or_none(None) is None
    for strange in ("3b:02.1", "", "0000:3b:02"):
        with pytest.raises(fields.Undecodable, match="where an address belongs"):
            fields.address(strange)


def test_a_word_is_one_of_its_kind() -> None:
    assert fields.word(ClaimState, "claimed") is ClaimState.CLAIMED
    with pytest.raises(fields.Undecodable, match="'reserved' is not a valid ClaimState"):
        fields.word(ClaimState, "reserved")


def test_fields_are_all_of_them_and_no_others() -> None:
    assert fields.fields({"b": 2, "a": 1}, "a", "b") == (1, 2)
    for strange in ({"a": 1}, {"a": 1, "b": 2, "c": 3}):
        with pytest.raises(fields.Undecodable, match="are missing, or unknown here"):
            fields.fields(strange, "a", "b")
    with pytest.raises(fields.Undecodable, match="7 where an object with a, b belongs"):
        fields.fields(7, "a", "b")
