# SPDX-License-Identifier: Apache-2.0
"""Matching: exact, in the order of preference, and with a reason."""

from collections.abc import Sequence
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from pcipt_agent.core.deviceset import indexes, lowest, set_of
from pcipt_agent.core.matching import Shortage, Want, can_take, cover, match

WANTS = st.lists(st.builds(Want, count=st.integers(0, 3), candidates=st.integers(0, 127)), min_size=1, max_size=5)


def first(_want: int, things: int) -> int:
    return lowest(things)


def by_trying(wants: Sequence[Want], taken: int = 0) -> list[tuple[int, ...]] | None:
    """The first answer in the order of preference: each want in turn takes the lowest things that leave the others a way."""
    if not wants:
        return []
    for things in combinations(indexes(wants[0].candidates & ~taken), wants[0].count):
        rest = by_trying(wants[1:], taken | set_of(things))
        if rest is not None:
            return [things, *rest]
    return None


@settings(max_examples=300)
@given(WANTS)
def test_the_answer_is_the_preferred_one_or_there_is_none(wants: list[Want]) -> None:
    found = match(wants, first)
    assert (None if isinstance(found, Shortage) else list(found)) == by_trying(wants)


@settings(max_examples=300)
@given(WANTS)
def test_a_shortage_is_a_proof(wants: list[Want]) -> None:
    found = match(wants, first)
    if isinstance(found, Shortage):
        things = 0
        for want in found.wants:
            things |= wants[want].candidates
        assert found.things == things
        assert found.needed == sum(wants[want].count for want in found.wants) > things.bit_count()


def test_an_earlier_want_moves_on_for_a_later_one_by_a_chain() -> None:
    wants = [Want(1, 0b0011), Want(1, 0b0110), Want(1, 0b0001)]
    assert match(wants, first) == ((1,), (2,), (0,))


def test_what_is_offered_never_leaves_another_without() -> None:
    offered: list[int] = []

    def highest(want: int, things: int) -> int:
        if want == 0:
            offered.append(things)
        return things.bit_length() - 1

    assert match([Want(1, 0b111), Want(2, 0b110)], highest) == ((0,), (2, 1))
    assert offered == [0b001]


def covering(wants: Sequence[Want], things: int, taken: int = 0) -> bool:
    """By trying, whether every want gets what it needs and none of the things is left over."""
    if not wants:
        return not things & ~taken
    free = wants[0].candidates & ~taken
    return any(covering(wants[1:], things, taken | set_of(each)) for each in combinations(indexes(free), wants[0].count))


@settings(max_examples=400)
@given(WANTS, st.integers(0, 127))
def test_all_of_some_things_are_given_away_exactly_where_that_can_be(wants: list[Want], things: int) -> None:
    found = cover(wants, things)
    assert (found is not None) == covering(wants, things)
    if found is not None:
        assert sum(each.bit_count() for each in found) == things.bit_count()
        assert set_of(index for each in found for index in indexes(each)) == things
        for want, each in zip(wants, found, strict=True):
            assert not each & ~want.candidates
            assert each.bit_count() <= want.count
        left = [Want(want.count - each.bit_count(), want.candidates & ~things) for want, each in zip(wants, found, strict=True)]
        assert covering(left, 0), "the rest has its way too"


@settings(max_examples=400)
@given(WANTS, st.integers(0, 127))
def test_things_can_be_taken_where_each_finds_a_want_of_its_own(wants: list[Want], things: int) -> None:
    takers = [want.candidates for want in wants for _ in range(want.count)]
    wanting = [Want(1, set_of(number for number, each in enumerate(takers) if each >> thing & 1)) for thing in indexes(things)]
    assert can_take(wants, things) == (by_trying(wanting) is not None)
