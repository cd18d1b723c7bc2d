# SPDX-License-Identifier: Apache-2.0
"""resource_class and traits, as both options have them."""

import json

import pytest

from pcipt_agent.conf.entry import Entry, read_entries
from pcipt_agent.conf.names import MAX_LENGTH
from pcipt_agent.conf.placement_keys import resource_class, traits


def entry_of(**keys: object) -> Entry:
    (entry,) = read_entries("[pci] device_spec", [json.dumps(keys)], lists=True, example="{}").entries
    return entry


@pytest.mark.parametrize(
    ("given", "wanted", "notices"),
    [
        ("CUSTOM_GOLD", "CUSTOM_GOLD", []),
        (" VGPU ", "VGPU", []),
        ("gold gpu", "CUSTOM_GOLD_GPU", ["is taken as CUSTOM_GOLD_GPU"]),
        ("a__b", "CUSTOM_A__B", ["is taken as CUSTOM_A__B"]),
    ],
)
def test_a_class_that_had_to_be_changed_is_a_notice(given: str, wanted: str, notices: list[str]) -> None:
    entry = entry_of(resource_class=given)
    assert resource_class(entry) == wanted
    assert [notice.problem for notice in entry.notices()] == notices
    assert entry.mistakes() == ()


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("", "is empty"),
        ("custom_", "nothing is left of the name but CUSTOM_"),
        ("A" * MAX_LENGTH, f"a name has {MAX_LENGTH + 7} characters, and Placement takes {MAX_LENGTH}"),
        (7, "a number instead of a text"),
    ],
)
def test_a_class_that_placement_would_refuse_is_a_mistake(given: object, problem: str) -> None:
    entry = entry_of(resource_class=given)
    assert resource_class(entry) is None
    assert [mistake.problem for mistake in entry.mistakes()] == [problem]


def test_traits_are_stripped_and_normalised() -> None:
    entry = entry_of(traits="hw_gpu_api_vulkan , blue")
    assert traits(entry) == {"HW_GPU_API_VULKAN", "CUSTOM_BLUE"}
    assert [notice.problem for notice in entry.notices()] == ["are taken as HW_GPU_API_VULKAN,CUSTOM_BLUE"]


def test_blanks_around_a_comma_alone_are_not_remarked_on() -> None:
    entry = entry_of(traits="CUSTOM_A, CUSTOM_B")
    assert traits(entry) == {"CUSTOM_A", "CUSTOM_B"}
    assert entry.notices() == ()


@pytest.mark.parametrize(
    ("given", "problem", "remedy"),
    [
        (["CUSTOM_A", "CUSTOM_B"], "a list instead of a text with commas", '{"traits": "CUSTOM_A,CUSTOM_B"}'),
        ("CUSTOM_A,,CUSTOM_B", "an empty trait name between commas", '{"traits": "CUSTOM_A,CUSTOM_B"}'),
    ],
)
def test_a_slip_is_shown_as_it_must_be_written(given: object, problem: str, remedy: str) -> None:
    entry = entry_of(traits=given)
    assert traits(entry) == frozenset()
    assert [(mistake.problem, mistake.remedy) for mistake in entry.mistakes()] == [(problem, remedy)]


def test_absent_keys_say_nothing() -> None:
    entry = entry_of()
    assert (resource_class(entry), traits(entry), entry.mistakes()) == (None, frozenset(), ())
