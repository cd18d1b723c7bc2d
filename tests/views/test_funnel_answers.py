# SPDX-License-Identifier: Apache-2.0
"""Funnels and requests as parts of answers."""

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.alias import Alternative, NumaPolicy, Request
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.selection import explain
from pcipt_agent.views.funnel_answers import explain_request_reply, request_part
from pcipt_agent.views.wire_replies import DroppedPart, ExplainRequestReply
from tests.support.planned import host, inventory, sriov, wanting, wish

CURRENT = inventory(host(*sriov("3b:00.0", vfs=2)))


def reply(*requests: Request) -> ExplainRequestReply:
    return explain_request_reply(CURRENT, *explain(CURRENT, wish(*requests)))


def test_a_request_is_shown_with_all_that_it_asks_for() -> None:
    wanted = Alternative(
        vendor_id="8086", resource_class="CUSTOM_A", traits=frozenset({"CUSTOM_Z", "CUSTOM_B"}), live_migratable=False
    )
    request = Request(count=2, numa_policy=NumaPolicy.SOCKET, alias="a1", device_type=DeviceType.VF, alternatives=(wanted,))
    part = request_part(request)
    assert (part.count, part.alias, part.device_type, part.numa_policy, part.address) == (2, "a1", "type-VF", "socket", None)
    assert part.alternatives[0].model_dump() == {
        "vendor_id": "8086",
        "product_id": None,
        "resource_class": "CUSTOM_A",
        "traits": ["CUSTOM_B", "CUSTOM_Z"],
        "live_migratable": False,
    }


def test_an_exact_address_is_shown_as_text() -> None:
    assert request_part(Request(count=1, address=PciAddress(0, 0x3B, 0, 1))).address == "0000:3b:00.1"


def test_what_can_be_had_is_shown_request_by_request() -> None:
    found = reply(wanting(1, DeviceType.VF), wanting(1, DeviceType.VF))
    assert found.satisfied
    assert found.chosen == [["0000:3b:00.1"], ["0000:3b:00.2"]]
    assert [(way.index, way.emptied_by, way.dropped) for way in found.funnel.requests] == [(0, None, []), (1, None, [])]


def test_what_can_not_be_had_is_shown_with_the_filter_at_fault_and_all_that_it_dropped() -> None:
    found = reply(wanting(1, DeviceType.PCI))
    (way,) = found.funnel.requests
    assert (found.satisfied, found.chosen, way.emptied_by) == (False, [], "device-type")
    assert [stage.left for stage in way.stages if stage.filter in ("live-migratable", "device-type")] == [3, 0]
    assert way.dropped == [
        DroppedPart(address="0000:3b:00.0", reason="it is type-PF"),
        DroppedPart(address="0000:3b:00.1", reason="it is type-VF"),
        DroppedPart(address="0000:3b:00.2", reason="it is type-VF"),
    ]


def test_what_can_not_be_had_together_says_so() -> None:
    found = reply(wanting(2, DeviceType.VF), wanting(1, DeviceType.PF))
    assert not found.satisfied
    assert found.funnel.together is not None
    assert "contested: 0000:3b:00.0" in found.funnel.together
