# SPDX-License-Identifier: Apache-2.0
"""Extra specs and image properties, as operators write them and as they get them wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcipt_agent.core.alias import GroupPolicy, NumaPolicy
from pcipt_agent.errors import BadExtraSpec, PolicyConflict
from pcipt_agent.flows.flavor import Named, group_policy, named, numa_policy

ALIAS, FLAVOR, IMAGE = "pci_passthrough:alias", "hw:pci_numa_affinity_policy", "hw_pci_numa_affinity_policy"


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a1:2", [("a1", 2)]),
        ("gpu:1, qat-c62x-vf:2", [("gpu", 1), ("qat-c62x-vf", 2)]),
        ("a1", [("a1", 1)]),
        ("a1:2,a1:1", [("a1", 2), ("a1", 1)]),
        (" a one : 3 ,b", [("a one", 3), ("b", 1)]),
        ("a1:1024", [("a1", 1024)]),
        ("a1:007", [("a1", 7)]),
    ],
)
def test_pieces_are_read_in_their_order(text: str, pieces: list[tuple[str, int]]) -> None:
    assert [(each.alias, each.count) for each in named({ALIAS: text})] == pieces


@pytest.mark.parametrize(
    ("text", "position", "problem"),
    [
        ("", 0, "an empty piece"),
        (" ", 0, "an empty piece"),
        ("a:1,", 4, "an empty piece"),
        ("a:1,,b:1", 4, "an empty piece"),
        (":2", 0, "an alias name is missing"),
        ("a:1, :2", 5, "an alias name is missing"),
        ("a:0", 2, "'0' is no count from 1 to 1024"),
        ("a:-1", 2, "'-1' is no count"),
        ("a:x", 2, "'x' is no count"),
        ("b:1, a: x", 8, "'x' is no count"),
        ("a:", 2, "'' is no count"),
        ("a:1.5", 2, "'1.5' is no count"),
        ("a:+1", 2, "is no count"),
        ("a:²", 2, "is no count"),
        ("a:٣", 2, "is no count"),
        ("a:1025", 2, "'1025' is no count"),
        ("a:99999999999999999999", 2, "is no count"),
        ("a:1:2", 3, "a second colon"),
    ],
)
def test_what_cant_be_read_is_refused_with_its_position(text: str, position: int, problem: str) -> None:
    with pytest.raises(BadExtraSpec, match=problem) as caught:
        named({ALIAS: text})
    assert (caught.value.text, caught.value.position) == (text, position)


@given(st.text("a1:, -", max_size=12))
def test_any_text_is_read_or_refused_within_itself(text: str) -> None:
    fault = None
    try:
        assert all(isinstance(each, Named) and each.alias == each.alias.strip() != "" for each in named({ALIAS: text}))
    except BadExtraSpec as refusal:
        fault = refusal.position
    assert fault is None or 0 <= fault <= len(text)


def test_a_flavor_without_the_extra_spec_asks_for_nothing() -> None:
    assert named({"hw:cpu_policy": "dedicated"}) == ()


@pytest.mark.parametrize(
    ("flavor", "image", "policy"),
    [
        ({}, {}, None),
        ({FLAVOR: "required"}, {}, NumaPolicy.REQUIRED),
        ({}, {IMAGE: "socket"}, NumaPolicy.SOCKET),
        ({FLAVOR: "legacy"}, {IMAGE: "legacy"}, NumaPolicy.LEGACY),
    ],
)
def test_the_policy_is_the_flavors_or_the_images(flavor: dict[str, str], image: dict[str, str], policy: NumaPolicy | None) -> None:
    assert numa_policy(flavor, image) is policy


def test_flavor_and_image_that_differ_are_a_conflict() -> None:
    with pytest.raises(PolicyConflict) as caught:
        numa_policy({FLAVOR: "required"}, {IMAGE: "legacy"})
    assert (caught.value.flavor, caught.value.image) == ("required", "legacy")


@pytest.mark.parametrize(
    ("flavor", "image"), [({FLAVOR: "near"}, {}), ({}, {IMAGE: "near"}), ({FLAVOR: "near"}, {IMAGE: "legacy"})]
)
def test_a_policy_outside_the_four_is_refused(flavor: dict[str, str], image: dict[str, str]) -> None:
    with pytest.raises(BadExtraSpec, match="is one of required, socket, preferred, legacy, not 'near'"):
        numa_policy(flavor, image)


def test_the_group_policy_is_none_or_isolate() -> None:
    assert group_policy({}) is None
    assert group_policy({"group_policy": "isolate"}) is GroupPolicy.ISOLATE
    with pytest.raises(BadExtraSpec, match="is one of none, isolate, not 'apart'"):
        group_policy({"group_policy": "apart"})
