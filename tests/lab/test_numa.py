# SPDX-License-Identifier: Apache-2.0
"""NUMA policies on two sockets of two NUMA nodes each, with devices near, far, on the same socket and of no known node.

Nodes 0 and 1 are socket 0, nodes 2 and 3 socket 1, as in the admin guide's example; that sockets and nodes are so is seen in
`test_enumeration`. Nothing is claimed: a dry run answers as a claim does.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.lab.calling import call
from tests.lab.host import LabHost

CARDS = ("nic-nowhere", "nic0", "nic1", "nic3")
"""Those whose VFs the alias `vf` is for: the first of no known node, each other on the node that its name says."""


@pytest.fixture(scope="module")
def card_of(lab: LabHost) -> Mapping[str, str]:
    """VF → the card whose it is."""
    return {vf: card for card in CARDS for vf in lab.vfs(card)}


def asked(
    lab: LabHost, *requests: Mapping[str, object], numa_nodes: Sequence[int] | None, flavor: Mapping[str, str] | None = None
) -> dict[str, Any]:
    return call(
        lab,
        "claim",
        claim_id=str(uuid.uuid4()),
        consumer=str(uuid.uuid4()),
        requests=list(requests),
        numa_nodes=numa_nodes,
        flavor=flavor or {},
        dry_run=True,
    )


def cards(reply: Mapping[str, Any], card_of: Mapping[str, str]) -> list[str]:
    """Of the devices that a claim would get, the cards; each once, in the order in which they are given."""
    assert "devices" in reply, reply
    return list(dict.fromkeys(card_of[device["address"]] for device in reply["devices"]))


def way(refusal: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one request's funnel."""
    assert refusal.get("code") == "no-devices", refusal
    (funnel,) = refusal["funnel"]["requests"]
    return dict(funnel)


def left_by_numa(funnel: Mapping[str, Any]) -> int:
    (stage,) = (each for each in funnel["stages"] if each["filter"] == "numa-policy")
    left: int = stage["left"]
    return left


@pytest.mark.parametrize("nodes", [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3)], ids=str)
def test_socket_gives_a_device_on_node_0_to_a_guest_with_a_node_on_its_socket(lab: LabHost, nodes: tuple[int, int]) -> None:
    vf = lab.vfs("nic0")[0]
    reply = asked(lab, {"address": vf, "numa_policy": "socket"}, numa_nodes=nodes)
    assert [device["address"] for device in reply["devices"]] == [vf]


def test_socket_refuses_a_device_on_node_0_to_a_guest_on_nodes_2_and_3_and_says_where_both_are(lab: LabHost) -> None:
    vf = lab.vfs("nic0")[0]
    funnel = way(asked(lab, {"address": vf, "numa_policy": "socket"}, numa_nodes=[2, 3]))
    assert funnel["emptied_by"] == "numa-policy"
    assert funnel["dropped"] == [{"address": vf, "reason": "NUMA node 0, guest on 2, 3"}]


def test_socket_of_the_flavor_gives_what_is_on_the_socket_and_the_guests_own_node_first(
    lab: LabHost, card_of: Mapping[str, str]
) -> None:
    flavor = {"hw:pci_numa_affinity_policy": "socket"}
    vfs = [len(lab.vfs(card)) for card in ("nic0", "nic1")]

    def of(count: int, nodes: Sequence[int]) -> dict[str, Any]:
        return asked(lab, numa_nodes=nodes, flavor={**flavor, "pci_passthrough:alias": f"vf:{count}"})

    assert cards(of(vfs[1], [1]), card_of) == ["nic1"]
    assert set(cards(of(sum(vfs), [1]), card_of)) == {"nic0", "nic1"}
    funnel = way(of(sum(vfs) + 1, [1]))
    assert (funnel["emptied_by"], left_by_numa(funnel)) == ("numa-policy", sum(vfs))
    assert {card_of.get(each["address"]) for each in funnel["dropped"]} == {"nic-nowhere", "nic3"}
    # Node 2 has no VF of this kind, the other node of its socket has.
    assert cards(of(1, [2]), card_of) == ["nic3"]


def test_required_gives_what_is_on_the_guests_nodes_and_nothing_of_no_known_node(lab: LabHost, card_of: Mapping[str, str]) -> None:
    near = len(lab.vfs("nic0"))
    assert cards(asked(lab, required(near), numa_nodes=[0]), card_of) == ["nic0"]
    funnel = way(asked(lab, required(near + 1), numa_nodes=[0]))
    assert (funnel["emptied_by"], left_by_numa(funnel)) == ("numa-policy", near)
    nowhere = lab.vfs("nic-nowhere")[0]
    reasons = {each["address"]: each["reason"] for each in funnel["dropped"]}
    assert reasons[nowhere] == "NUMA node unknown, guest on 0"
    assert left_by_numa(way(asked(lab, required(1), numa_nodes=[2]))) == 0
    both = asked(lab, required(len(lab.vfs("nic1")) + len(lab.vfs("nic3"))), numa_nodes=[1, 3])
    assert set(cards(both, card_of)) == {"nic1", "nic3"}


def required(count: int) -> dict[str, object]:
    return {"alias": "vf", "count": count, "numa_policy": "required"}


def test_legacy_which_is_the_default_gives_near_ones_first_then_those_of_no_known_node_and_no_others(
    lab: LabHost, card_of: Mapping[str, str]
) -> None:
    near, nowhere = len(lab.vfs("nic3")), len(lab.vfs("nic-nowhere"))
    for policy in ({}, {"numa_policy": "legacy"}):
        assert cards(asked(lab, {"alias": "vf", "count": near, **policy}, numa_nodes=[3]), card_of) == ["nic3"]
        more = asked(lab, {"alias": "vf", "count": near + nowhere, **policy}, numa_nodes=[3])
        assert set(cards(more, card_of)) == {"nic3", "nic-nowhere"}
        funnel = way(asked(lab, {"alias": "vf", "count": near + nowhere + 1, **policy}, numa_nodes=[3]))
        assert (funnel["emptied_by"], left_by_numa(funnel)) == ("numa-policy", near + nowhere)
    assert cards(asked(lab, {"alias": "vf"}, numa_nodes=[2]), card_of) == ["nic-nowhere"]


def test_preferred_gives_near_then_unknown_then_far_ones(lab: LabHost, card_of: Mapping[str, str]) -> None:
    of = {card: len(lab.vfs(card)) for card in CARDS}

    def preferred(count: int) -> list[str]:
        return cards(asked(lab, {"alias": "vf", "count": count, "numa_policy": "preferred"}, numa_nodes=[0]), card_of)

    assert preferred(of["nic0"]) == ["nic0"]
    assert set(preferred(of["nic0"] + of["nic-nowhere"])) == {"nic0", "nic-nowhere"}
    assert set(preferred(sum(of.values()))) == set(CARDS)


def test_a_guest_without_numa_nodes_gets_any_device_and_is_told_that_no_policy_applies(
    lab: LabHost, card_of: Mapping[str, str]
) -> None:
    assert set(cards(asked(lab, required(len(card_of)), numa_nodes=None), card_of)) == set(CARDS)
    explained = call(lab, "explain_request", requests=[required(1)])
    notes = [stage["note"] for each in explained["funnel"]["requests"] for stage in each["stages"] if stage["note"]]
    assert notes == ["the guest has no NUMA topology: no policy applies"]


def test_several_requests_of_one_guest_are_each_placed_by_their_own_policy(lab: LabHost, card_of: Mapping[str, str]) -> None:
    """The last VF of the near card is left to the request that can have no other."""
    near = len(lab.vfs("nic0"))
    reply = asked(lab, {"alias": "vf", "count": 2, "numa_policy": "preferred"}, required(near), numa_nodes=[0])
    given = [card_of[device["address"]] for device in reply["devices"]]
    assert given == ["nic-nowhere"] * 2 + ["nic0"] * near
