# SPDX-License-Identifier: Apache-2.0
"""Placement's names: the same rule for classes and traits, and nothing it does not take comes out."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcipt_agent.conf.names import resource_class_name, trait_name


@pytest.mark.parametrize(("text", "name"), [("PGPU", "PGPU"), ("vgpu", "VGPU"), ("PGPU2", "CUSTOM_PGPU2"), ("a.b", "CUSTOM_A_B")])
def test_a_class_is_standard_or_custom(text: str, name: str) -> None:
    assert resource_class_name(text) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [("HW_CPU_X86_AVX", "HW_CPU_X86_AVX"), ("hw_cpu_x86_avx", "HW_CPU_X86_AVX"), ("PGPU", "CUSTOM_PGPU"), ("custom_x", "CUSTOM_X")],
)
def test_a_trait_is_standard_or_custom(text: str, name: str) -> None:
    assert trait_name(text) == name


@given(st.text(min_size=1))
def test_a_name_is_stable_and_what_placement_takes(text: str) -> None:
    for normal in (resource_class_name, trait_name):
        name = normal(text)
        assert re.fullmatch("[A-Z0-9_]+", name)
        assert normal(name) == name
