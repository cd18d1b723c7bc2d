# SPDX-License-Identifier: Apache-2.0
"""Sets of devices as integers."""

from hypothesis import given
from hypothesis import strategies as st

from pcipt_agent.core.deviceset import EMPTY, indexes, lowest, set_of

INDEXES = st.sets(st.integers(0, 300))


@given(INDEXES)
def test_a_set_has_the_indexes_it_was_made_of_in_order(those: set[int]) -> None:
    assert list(indexes(set_of(those))) == sorted(those)
    assert set_of(those).bit_count() == len(those)


@given(INDEXES.filter(bool))
def test_the_lowest_is_the_first_in_address_order(those: set[int]) -> None:
    assert lowest(set_of(those)) == min(those)


@given(INDEXES, INDEXES)
def test_set_algebra_is_integer_algebra(one: set[int], other: set[int]) -> None:
    assert set_of(one) & set_of(other) == set_of(one & other)
    assert set_of(one) | set_of(other) == set_of(one | other)
    assert set_of(one) & ~set_of(other) == set_of(one - other)


def test_an_iterator_may_be_given_once() -> None:
    assert set_of(iter([2, 0])) == 0b101
    assert set_of([]) == EMPTY
