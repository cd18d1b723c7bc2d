# SPDX-License-Identifier: Apache-2.0
"""Sameness: a retry is the same claim, and another content is not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcipt_agent.core.alias import Alternative, GroupPolicy, NumaPolicy, Request
from pcipt_agent.core.claim import Wish
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.sameness import differences
from pcipt_agent.errors import Difference
from tests.support.planned import at, host, pci, wish
from tests.support.strategies import wishes

GPU = Request(count=1, alias="gpu", device_type=DeviceType.PCI, alternatives=(Alternative(vendor_id="10de"),))
LISTED = replace(GPU, alias=None)
MACHINE = host(pci("01:00.0"), pci("02:00.0"))


@given(wishes(MACHINE), wishes(MACHINE))
def test_without_aliases_only_equal_wishes_are_the_same(one: Wish, other: Wish) -> None:
    assert (differences(one, other) == ()) == (one == other)


@given(wishes(MACHINE))
def test_a_wish_is_the_same_as_itself(one: Wish) -> None:
    assert differences(one, replace(one)) == ()


@given(st.sampled_from(NumaPolicy))
def test_an_alias_that_a_reload_changed_is_the_same_request(policy: NumaPolicy) -> None:
    changed = replace(GPU, alternatives=(Alternative(vendor_id="1002"),), device_type=DeviceType.PF, numa_policy=policy)
    assert differences(wish(GPU), wish(changed)) == ()


def test_a_policy_that_the_caller_asked_for_is_compared() -> None:
    asked = replace(GPU, numa_policy=NumaPolicy.REQUIRED, numa_policy_asked=True)
    assert differences(wish(GPU), wish(asked)) == (Difference("requests.0.numa_policy", "the alias's", "required"),)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (replace(wish(LISTED), consumer="x"), Difference("consumer", wish(LISTED).consumer, "x")),
        (wish(LISTED, LISTED), Difference("requests", "1 of 10de:*", "1 of 10de:*, 1 of 10de:*")),
        (wish(replace(LISTED, count=2)), Difference("requests.0.count", "1", "2")),
        (wish(replace(LISTED, device_type=DeviceType.VF)), Difference("requests.0.device_type", "type-PCI", "type-VF")),
        (wish(LISTED, nodes=[1, 0]), Difference("guest.numa_nodes", "none", "0, 1")),
        (wish(LISTED, isolate=True), Difference("group_policy", GroupPolicy.NONE, GroupPolicy.ISOLATE)),
        (replace(wish(LISTED), move_id="m"), Difference("move_id", "none", "m")),
        (
            wish(replace(LISTED, alternatives=(Alternative(resource_class="CUSTOM_A", live_migratable=False),))),
            Difference("requests.0.alternatives", "10de:*", "*:* CUSTOM_A not live_migratable"),
        ),
    ],
)
def test_each_field_differs_in_its_own_words(asked: Wish, expected: Difference) -> None:
    assert differences(wish(LISTED), asked) == (expected,)


def test_an_address_and_an_alias_are_not_the_same_request() -> None:
    found = differences(wish(GPU), wish(Request(count=1, address=at("01:00.0"))))
    assert Difference("requests.0.alias", "gpu", "none") in found
    assert Difference("requests.0.address", "none", "0000:01:00.0") in found
