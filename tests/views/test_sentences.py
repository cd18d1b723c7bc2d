# SPDX-License-Identifier: Apache-2.0
"""Every refusal has its sentence and its typed form, with all its fields."""

from collections.abc import Iterator

import pytest

from pcipt_agent import errors
from pcipt_agent.core.funnel import Dropped, Funnel, RequestFunnel, Stage, Unsatisfied
from pcipt_agent.errors import Difference, Refusal
from pcipt_agent.views.sentences import sentence, wire_refusal
from pcipt_agent.views.wire_refusals import RefusalAnswer
from tests.support.planned import at, wanting

DIFFERENCE = Difference("count", "1", "2")
FUNNEL = Funnel(
    requests=(
        RequestFunnel(
            index=0,
            request=wanting(2),
            stages=(Stage("ids", 3), Stage("NUMA", 1, "guest on 0")),
            emptied_by="NUMA",
            dropped=(Dropped(at("3b:00.0"), "it is on NUMA node 1"),),
        ),
        RequestFunnel(index=1, request=wanting(1), stages=(Stage("ids", 3),)),
    ),
    together="request 2 wants what request 1 needs",
)
EXAMPLES: list[tuple[Refusal, str]] = [
    (errors.BadRequest([("count", "too small")]), "the request is not as it must be: count: too small"),
    (errors.BadExtraSpec("a:0", 2, "a count is at least 1"), "'a:0' can't be read at character 3: a count is at least 1"),
    (errors.UnknownAlias("gpu", ["a", "b"]), "no alias 'gpu' is configured on this host; known are: a, b"),
    (errors.UnknownAlias("gpu", []), "no alias 'gpu' is configured on this host; none is configured"),
    (errors.AliasDiffers("gpu", [DIFFERENCE]), "alias 'gpu' means something else on this host: count is 1 here, 2 was asked"),
    (
        errors.PolicyConflict("required", "legacy"),
        "the flavor's PCI NUMA affinity policy is 'required' and the image's is 'legacy': remove one of them",
    ),
    (errors.ClaimDiffers("c1", [DIFFERENCE]), "claim c1 is held for something else: count is 1 here, 2 was asked"),
    (errors.ClaimEnded("c1", 0.0), "claim c1 ended at 1970-01-01 00:00:00+00:00; a claim_id is never used again"),
    (errors.ClaimUnknown("c1"), "no claim c1 is held here"),
    (errors.ClaimIsAllocated("c1"), "claim c1 is allocated: it does not expire, and `free` ends it"),
    (
        errors.DeviceHeld("0000:3b:00.1", "0000:3b:00.0", "c1", "u"),
        "0000:3b:00.1 can't be adopted: claim c1 of consumer u holds its relative 0000:3b:00.0",
    ),
    (
        errors.DeviceHeld("0000:3b:00.1", "0000:3b:00.1", "c1", "u"),
        "0000:3b:00.1 can't be adopted: claim c1 of consumer u holds it",
    ),
    (
        errors.LibvirtUnreachable("connection refused"),
        "libvirt can't be asked what its domains hold: connection refused",
    ),
    (errors.DomainUnknown("g", ["a"]), "libvirt has no domain 'g'; without a claim of theirs have devices: a"),
    (errors.DomainUnknown("g", []), "libvirt has no domain 'g'; none has a device without a claim"),
    (
        errors.BadConfiguration([errors.Mistake("[pci] alias", None, None, "no JSON", "JSON")]),
        "the new configuration is not taken, and the old rules stay:\n[pci] alias: no JSON\n    expected: JSON",
    ),
    (errors.DeviceUnknown("0000:3b:00.0"), "there is no device 0000:3b:00.0 on this host, and no claim holds one"),
    (
        errors.GenerationMoved("1.1", "1.2"),
        "the inventory has moved on from generation 1.1 to 1.2: read it again and decide anew",
    ),
    (errors.JournalUnwritable("disk full"), "the journal can't be written, so nothing was changed: disk full"),
    (
        Unsatisfied(FUNNEL),
        "the requests can't be met: request 1 (2 of its alternatives) has 1 left after the filter 'NUMA'; "
        "request 2 wants what request 1 needs",
    ),
]


@pytest.mark.parametrize(("refusal", "expected"), EXAMPLES)
def test_a_refusal_is_said_in_one_sentence(refusal: Refusal, expected: str) -> None:
    assert sentence(refusal) == expected


@pytest.mark.parametrize("refusal", [refusal for refusal, _ in EXAMPLES])
def test_a_refusal_crosses_the_wire_with_every_field_of_its_kind(refusal: Refusal) -> None:
    answer = RefusalAnswer(refusal=wire_refusal(refusal))
    crossed = RefusalAnswer.model_validate_json(answer.model_dump_json())
    assert crossed == answer
    assert crossed.refusal.code == refusal.code
    assert set(vars(refusal)) <= set(type(crossed.refusal).model_fields)


def test_the_funnel_crosses_the_wire_whole() -> None:
    part = wire_refusal(Unsatisfied(FUNNEL)).model_dump(mode="json")["funnel"]
    assert part["together"] == FUNNEL.together
    first, second = part["requests"]
    assert [(stage["filter"], stage["left"], stage["note"]) for stage in first["stages"]] == [
        ("ids", 3, None),
        ("NUMA", 1, "guest on 0"),
    ]
    assert first["emptied_by"] == "NUMA"
    assert first["dropped"] == [{"address": "0000:3b:00.0", "reason": "it is on NUMA node 1"}]
    assert (second["index"], second["emptied_by"], second["dropped"]) == (1, None, [])


def kinds(kind: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    for each in kind.__subclasses__():
        yield each
        yield from kinds(each)


def test_every_kind_of_refusal_has_an_example_here() -> None:
    assert {type(refusal) for refusal, _ in EXAMPLES} == set(kinds())
