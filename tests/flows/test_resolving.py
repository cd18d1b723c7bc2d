# SPDX-License-Identifier: Apache-2.0
"""What callers ask, resolved; and what a retry means after the aliases have changed."""

from dataclasses import replace

import pytest

from pcipt_agent.core.alias import Alternative, GroupPolicy, NumaPolicy, Request, RuleSet
from pcipt_agent.core.claim import Wish
from pcipt_agent.core.device import DeviceType
from pcipt_agent.errors import AliasDiffers, BadRequest, UnknownAlias
from pcipt_agent.flows.resolving import resolved
from pcipt_agent.views.wire import AlternativePayload, RequestPayload, WishPayload
from tests.support.ledgers import ALIASES, RULES
from tests.support.planned import PLAIN, VF, at

A1, VFS = ALIASES
POLICY = {"hw:pci_numa_affinity_policy": "required"}


def asked(*requests: RequestPayload, **more: object) -> WishPayload:
    return WishPayload.model_validate({"requests": [each.model_dump() for each in requests], **more})


def one(request: RequestPayload, rules: RuleSet = RULES, **more: object) -> Request:
    (found,) = resolved(asked(request, **more), rules).requests
    return found


def test_an_alias_is_what_it_means_here_and_now() -> None:
    assert one(RequestPayload(alias="vf", count=2)) == Request(
        count=2,
        numa_policy=NumaPolicy.PREFERRED,
        alias="vf",
        device_type=DeviceType.VF,
        alternatives=VFS.alternatives,
    )
    assert one(RequestPayload(alias="a1")).numa_policy is NumaPolicy.LEGACY


def test_requests_given_outright_come_before_the_flavors() -> None:
    content = resolved(asked(RequestPayload(alias="vf"), flavor={"pci_passthrough:alias": "a1:2,vf"}), RULES)
    assert [(each.alias, each.count) for each in content.requests] == [("vf", 1), ("a1", 2), ("vf", 1)]


def test_the_flavors_policy_replaces_the_aliass_and_the_requests_own_wins_over_both() -> None:
    assert one(RequestPayload(alias="vf"), flavor=POLICY).numa_policy is NumaPolicy.REQUIRED
    own = RequestPayload(alias="vf", numa_policy=NumaPolicy.SOCKET)
    assert one(own, flavor=POLICY).numa_policy is NumaPolicy.SOCKET
    assert one(own, flavor=POLICY).numa_policy_asked


def test_alternatives_alone_are_plain_functions_by_the_legacy_policy_unless_said() -> None:
    given = [AlternativePayload(vendor_id="15B3", product_id="101E", traits=["blue-ish", "HW_CPU_X86_AVX"])]
    assert one(RequestPayload(alternatives=given)) == Request(
        count=1,
        device_type=DeviceType.PCI,
        alternatives=(Alternative(vendor_id="15b3", product_id="101e", traits=frozenset({"CUSTOM_BLUE_ISH", "HW_CPU_X86_AVX"})),),
    )
    assert one(RequestPayload(alternatives=given, device_type=DeviceType.VF)).device_type is DeviceType.VF


def test_names_are_read_as_the_alias_option_reads_them() -> None:
    found = one(RequestPayload(alternatives=[AlternativePayload(resource_class="gold gpu")]))
    assert found.alternatives == (Alternative(resource_class="CUSTOM_GOLD_GPU"),)


def test_an_alias_that_is_taken_for_what_it_means_here_is_fine_in_any_order() -> None:
    given = [AlternativePayload(vendor_id="15b3", product_id="101e"), AlternativePayload(vendor_id="8086", product_id=VF)]
    found = one(RequestPayload(alias="vf", alternatives=given, device_type=DeviceType.VF))
    assert found == one(RequestPayload(alias="vf"))


def test_an_alias_that_is_taken_for_something_else_is_refused_with_each_difference() -> None:
    given = [AlternativePayload(vendor_id="10de", product_id="20b5", traits=["CUSTOM_X"], live_migratable=False)]
    with pytest.raises(AliasDiffers) as caught:
        one(RequestPayload(alias="a1", alternatives=given, device_type=DeviceType.PF))
    assert [(each.field, each.here, each.asked) for each in caught.value.differences] == [
        ("device_type", "type-PCI", "type-PF"),
        (
            "alternatives",
            "vendor_id 8086 product_id 0001",
            "vendor_id 10de product_id 20b5 traits CUSTOM_X live_migratable no",
        ),
    ]


def test_an_alias_that_nobody_configured_is_refused_with_those_that_are() -> None:
    with pytest.raises(UnknownAlias) as caught:
        one(RequestPayload(alias="a2"))
    assert (caught.value.name, caught.value.known) == ("a2", ("a1", "vf"))


def test_an_address_says_all() -> None:
    found = one(RequestPayload(address="0000:5E:00.1"), flavor=POLICY)
    assert found == Request(count=1, numa_policy=NumaPolicy.REQUIRED, numa_policy_asked=True, address=at("5e:00.1"))


@pytest.mark.parametrize(
    ("request_payload", "fields"),
    [
        (RequestPayload(), ["requests.0"]),
        (RequestPayload(address="5e:00.1"), ["requests.0.address"]),
        (RequestPayload(address=""), ["requests.0.address"]),
        (RequestPayload(address="0000:5e:00.1", count=2), ["requests.0.count"]),
        (RequestPayload(address="0000:5e:00.1", alias="a1"), ["requests.0.alias"]),
        (
            RequestPayload(address="x", count=2, device_type=DeviceType.VF),
            [f"requests.0.{n}" for n in ("address", "count", "device_type")],
        ),
        (RequestPayload(alias="a1", device_type=DeviceType.VDPA), ["requests.0.device_type"]),
        (RequestPayload(alternatives=[AlternativePayload()]), ["requests.0.alternatives.0"]),
        (RequestPayload(alternatives=[AlternativePayload(product_id="101e")]), ["requests.0.alternatives.0"]),
        (
            RequestPayload(alternatives=[AlternativePayload(product_id="101e", resource_class="A")]),
            ["requests.0.alternatives.0.product_id"],
        ),
        (RequestPayload(alternatives=[AlternativePayload(vendor_id="0x8086")]), ["requests.0.alternatives.0.vendor_id"]),
        (RequestPayload(alternatives=[AlternativePayload(vendor_id="8086", traits=[" "])]), ["requests.0.alternatives.0.traits"]),
        (RequestPayload(alternatives=[AlternativePayload(resource_class="A" * 300)]), ["requests.0.alternatives.0.resource_class"]),
    ],
)
def test_what_is_incomplete_or_contradicts_itself_is_refused_by_field(request_payload: RequestPayload, fields: list[str]) -> None:
    with pytest.raises(BadRequest) as caught:
        one(request_payload)
    assert [field for field, _ in caught.value.problems] == fields


def test_to_ask_for_nothing_is_refused() -> None:
    with pytest.raises(BadRequest, match="nothing is asked for"):
        resolved(WishPayload(flavor={"hw:cpu_policy": "dedicated"}), RULES)


def test_guest_and_group_policy_come_along() -> None:
    content = resolved(asked(RequestPayload(alias="a1"), numa_nodes=[1, 0, 1], flavor={"group_policy": "isolate"}), RULES)
    assert (content.guest.numa_nodes, content.group_policy) == (frozenset({0, 1}), GroupPolicy.ISOLATE)
    own = resolved(asked(RequestPayload(alias="a1"), group_policy="none", flavor={"group_policy": "isolate"}), RULES)
    assert (own.guest.numa_nodes, own.group_policy) == (None, GroupPolicy.NONE)


def retried(first: WishPayload, again: WishPayload, rules: RuleSet) -> bool:
    """Whether `again`, with `rules`, is the content that `first` was."""
    then = resolved(first, RULES)
    held = Wish(consumer="x", requests=then.requests, guest=then.guest, group_policy=then.group_policy)
    return resolved(again, rules, held) == then


CHANGED = replace(
    RULES,
    aliases={"vf": replace(VFS, numa_policy=NumaPolicy.REQUIRED, device_type=DeviceType.PF, alternatives=A1.alternatives)},
)


def test_a_retry_means_what_its_alias_meant_then() -> None:
    for name in ("vf", "a1"):  # changed, and gone
        assert retried(asked(RequestPayload(alias=name, count=2)), asked(RequestPayload(alias=name, count=2)), CHANGED)
        flavor = {"pci_passthrough:alias": f"{name}:2", **POLICY}
        assert retried(WishPayload(flavor=flavor), WishPayload(flavor=flavor), CHANGED)
    resolved_then = [AlternativePayload(vendor_id="8086", product_id=PLAIN)]
    both = RequestPayload(alias="a1", alternatives=resolved_then, device_type=DeviceType.PCI)
    assert retried(asked(both), asked(both), CHANGED)


@pytest.mark.parametrize("rules", [RULES, CHANGED])
@pytest.mark.parametrize(
    "again",
    [
        asked(RequestPayload(alias="vf", count=3)),
        asked(RequestPayload(alias="vf", count=2, device_type=DeviceType.PF)),
        asked(RequestPayload(alias="vf", count=2, numa_policy=NumaPolicy.REQUIRED)),
        asked(RequestPayload(alias="vf", count=2, numa_policy=NumaPolicy.PREFERRED)),
        asked(RequestPayload(alias="vf", count=2, alternatives=[AlternativePayload(vendor_id="8086")])),
        asked(RequestPayload(alias="vf", count=2), flavor=POLICY),
        asked(RequestPayload(alias="vf", count=2), RequestPayload(alias="vf")),
        asked(RequestPayload(alias="vf", count=2), numa_nodes=[0]),
        asked(RequestPayload(address="0000:5e:00.1")),
    ],
)
def test_a_retry_with_other_content_is_other_content(again: WishPayload, rules: RuleSet) -> None:
    assert not retried(asked(RequestPayload(alias="vf", count=2)), again, rules)
