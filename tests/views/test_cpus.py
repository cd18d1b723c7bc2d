# SPDX-License-Identifier: Apache-2.0
"""Lists of CPUs, as the kernel writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcipt_agent.views.cpus import cpus_text, parse_cpus


@given(st.frozensets(st.integers(0, 4096), max_size=64))
def test_what_is_written_is_read_back(cpus: frozenset[int]) -> None:
    assert parse_cpus(cpus_text(cpus)) == cpus


def test_neighbours_are_a_range() -> None:
    assert cpus_text({0, 1, 2, 3, 8, 10, 11}) == "0-3,8,10-11"
    assert cpus_text(frozenset()) == ""


@pytest.mark.parametrize("text", ["a", "1-", "-1", "1,,2", "1-2-3", "0-99999999999", " 1"])
def test_other_texts_are_no_lists(text: str) -> None:
    with pytest.raises(ValueError, match="is no CPU or range of CPUs"):
        parse_cpus(text)
