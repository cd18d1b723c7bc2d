# SPDX-License-Identifier: Apache-2.0
"""Explanations: a device against the entries, a wish through the funnel."""

from pathlib import Path

import pytest

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.alias import Alternative, NumaPolicy, Request
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.funnel import Dropped, Funnel, RequestFunnel, Stage
from pcipt_agent.views.device_answers import explain_device_reply
from pcipt_agent.views.funnel_answers import funnel_part, request_part
from pcipt_agent.views.text import page
from pcipt_agent.views.text_explain import explain_device_page, explain_request_page, funnel_page, request_text
from pcipt_agent.views.wire import ExplainDevicePayload
from pcipt_agent.views.wire_replies import ExplainRequestReply
from tests.support.demo import GPU, LOST, NIC, demo_inventory
from tests.support.golden import Golden

GOLDEN = Path(__file__).parent / "golden"

TWO_GPUS = Request(
    count=2,
    alias="gpu",
    device_type=DeviceType.PCI,
    numa_policy=NumaPolicy.REQUIRED,
    alternatives=(Alternative(vendor_id="10de"),),
)
ONE_VF = Request(count=1, device_type=DeviceType.VF, alternatives=(Alternative(vendor_id="15b3", product_id="101e"),))


def short() -> Funnel:
    """Two GPUs are wanted near NUMA node 0, where there are none; the VF would be there."""
    far = [GPU._replace(bus=0x86 + number) for number in range(6)]
    dropped = [Dropped(address, "it is on NUMA node 1, the guest on 0") for address in far]
    stages = (Stage("alias", 8), Stage("ready", 7), Stage("NUMA policy", 1, "required: NUMA node 0"))
    last = Dropped(GPU._replace(bus=0xC0), "its NUMA node is unknown")
    gpus = RequestFunnel(index=1, request=TWO_GPUS, stages=stages, emptied_by="NUMA policy", dropped=(*dropped, last))
    vf = RequestFunnel(index=0, request=ONE_VF, stages=(Stage("alias", 4), Stage("ready", 3)))
    return Funnel(requests=(vf, gpus))


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("claimed-vf", NIC._replace(function=2)),
        ("blocked-pf", NIC),
        ("unusable", NIC._replace(function=4)),
        ("unlisted", GPU._replace(function=1)),
        ("lost", LOST),
        ("occupied", PciAddress(0, 0xDA, 0, 0)),
        ("used-by-host", PciAddress(0, 0xDB, 0, 0)),
        ("dirty", PciAddress(0, 0xDC, 0, 0)),
        ("disabled", PciAddress(0, 0xDD, 0, 0)),
        ("settling", PciAddress(0, 0xE0, 0, 0)),
    ],
)
def test_a_device_is_explained_entry_by_entry(name: str, address: PciAddress, golden: Golden) -> None:
    reply = explain_device_reply(demo_inventory(), ExplainDevicePayload(address=str(address)))
    golden.check(page(explain_device_page(reply), colour=False), GOLDEN / f"explain-device-{name}.txt")


def test_a_funnel_shows_where_a_request_ran_out_and_why(golden: Golden) -> None:
    golden.check(page(funnel_page(funnel_part(short())), colour=False), GOLDEN / "funnel-short.txt")


def test_a_funnel_says_why_not_together(golden: Golden) -> None:
    funnel = Funnel(requests=short().requests[:1], together="requests 1 and 2 compete for 0000:3b:00.1")
    golden.check(page(funnel_page(funnel_part(funnel)), colour=False), GOLDEN / "funnel-together.txt")


def test_a_wish_that_can_be_met_names_its_devices(golden: Golden) -> None:
    funnel = funnel_part(Funnel(requests=short().requests[:1]))
    reply = ExplainRequestReply(generation="1.1", satisfied=True, funnel=funnel, chosen=[["0000:3b:00.1"]])
    golden.check(page(explain_request_page(reply), colour=False), GOLDEN / "explain-request.txt")


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (TWO_GPUS, "2 of alias gpu (type-PCI, NUMA policy required)"),
        (ONE_VF, "1 of 15b3:101e (type-VF, NUMA policy legacy)"),
        (Request(count=1, address=NIC), "device 0000:3b:00.0"),
        (
            Request(
                count=1,
                device_type=DeviceType.PF,
                alternatives=(
                    Alternative(resource_class="CUSTOM_GPU", traits=frozenset({"CUSTOM_B", "CUSTOM_A"}), live_migratable=True),
                    Alternative(vendor_id="8086", live_migratable=False),
                    Alternative(),
                ),
            ),
            "1 of CUSTOM_GPU CUSTOM_A CUSTOM_B live-migratable or 8086:* not live-migratable or any device"
            " (type-PF, NUMA policy legacy)",
        ),
    ],
)
def test_a_request_is_said_in_one_line(request_: Request, text: str) -> None:
    assert request_text(request_part(request_)) == text
