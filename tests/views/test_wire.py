# SPDX-License-Identifier: Apache-2.0
"""Payloads: what is taken, and which field is named where something is not."""

import pytest

from pcipt_agent.core.alias import NumaPolicy
from pcipt_agent.errors import BadRequest
from pcipt_agent.views.wire import ClaimPayload, DevicesPayload, ExplainDevicePayload, Payload, RenderPayload, parse

CONSUMER = "4e8e5957-649f-477b-9e5b-f1f75b21c03c"


def problems(model: type[Payload], **untrusted: object) -> dict[str, str]:
    with pytest.raises(BadRequest) as refused:
        parse(model, untrusted)
    return dict(refused.value.problems)


def claim_problems(**untrusted: object) -> dict[str, str]:
    return problems(ClaimPayload, **{"claim_id": "c1", "consumer": CONSUMER, **untrusted})


def test_a_claim_is_parsed_whole() -> None:
    payload = parse(
        ClaimPayload,
        {
            "claim_id": "c1",
            "consumer": CONSUMER.upper(),
            "requests": [{"alias": "gpu", "count": 2, "numa_policy": "required"}],
            "flavor": {"pci_passthrough:alias": "qat:1"},
            "numa_nodes": [0, 1],
        },
    )
    assert (payload.claim_id, str(payload.consumer), payload.numa_nodes) == ("c1", CONSUMER, [0, 1])
    assert [(each.alias, each.count, each.numa_policy) for each in payload.requests] == [("gpu", 2, NumaPolicy.REQUIRED)]


def test_every_field_at_fault_is_named_at_once() -> None:
    named = problems(ClaimPayload, consumer="nobody", requests=[{"count": 0}, {"alias": 7}], numa_nodes=[-1], colour="red")
    assert set(named) == {"claim_id", "consumer", "requests.0.count", "requests.1.alias", "numa_nodes.0", "colour"}


def test_an_unknown_field_is_refused_wherever_it_is() -> None:
    assert set(claim_problems(requests=[{"alternatives": [{"vendor": "8086"}]}])) == {"requests.0.alternatives.0.vendor"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dry_run", "yes"),
        ("dry_run", 1),
        ("numa_nodes", ["0"]),
        ("numa_nodes", [True]),
        ("numa_nodes", [0.0]),
        ("numa_nodes", []),
        ("claim_id", 7),
        ("claim_id", ""),
        ("claim_id", "x" * 256),
        ("claim_id", "two\nlines"),
        ("move_id", "\x7f"),
        ("consumer", 7),
        ("group_policy", "apart"),
        ("if_generation", 1),
    ],
)
def test_a_value_of_another_type_or_shape_is_not_converted(field: str, value: object) -> None:
    assert {name.split(".")[0] for name in claim_problems(**{field: value})} == {field}


@pytest.mark.parametrize("field", ["claim_id", "if_generation"])
def test_half_a_surrogate_pair_is_refused_before_it_meets_the_journal(field: str) -> None:
    assert set(claim_problems(**{field: "\ud800"})) == {field}


def test_half_a_surrogate_pair_is_refused_in_a_flavor_and_in_a_document() -> None:
    assert claim_problems(flavor={"a": "\ud800"})
    assert claim_problems(flavor={"\ud800": "a"})
    assert set(problems(RenderPayload, claim_id="c1", domain="\ud800")) == {"domain"}


def test_a_page_has_at_least_one_device() -> None:
    assert set(problems(DevicesPayload, limit=0)) == {"limit"}


def test_a_missing_field_is_named() -> None:
    assert set(problems(ExplainDevicePayload)) == {"address"}
