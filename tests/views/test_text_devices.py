# SPDX-License-Identifier: Apache-2.0
"""Devices as a tree and as a table; the golden pages are what a person sees."""

from pathlib import Path

from pcipt_agent.core.inventory import DeviceStatus
from pcipt_agent.views.device_answers import devices_reply
from pcipt_agent.views.text import page
from pcipt_agent.views.text_devices import device_table, device_tree, summary
from pcipt_agent.views.wire import DevicesPayload
from pcipt_agent.views.wire_devices import DevicePart
from tests.support.demo import demo_inventory
from tests.support.golden import Golden

GOLDEN = Path(__file__).parent / "golden"


def devices(payload: DevicesPayload | None = None) -> list[DevicePart]:
    return devices_reply(demo_inventory(), payload or DevicesPayload()).devices


def test_the_demo_has_a_device_of_every_status() -> None:
    assert {device.status for device in devices()} == set(DeviceStatus)


def test_the_tree_goes_from_host_to_socket_to_numa_node_to_pf_to_vf(golden: Golden) -> None:
    golden.check(page([device_tree(devices())], colour=False), GOLDEN / "devices-tree.txt")


def test_the_table_has_a_line_a_device(golden: Golden) -> None:
    golden.check(page([device_table(devices())], colour=False), GOLDEN / "devices-table.txt")


def test_the_tree_shows_every_device_once() -> None:
    shown = page([device_tree(devices())], colour=False).splitlines()
    for device in devices():
        assert len([line for line in shown if line.lstrip("│├└─ ").startswith(device.address)]) == 1


def test_a_vf_whose_pf_is_filtered_away_names_it() -> None:
    free_vfs = devices(DevicesPayload(status=DeviceStatus.FREE, numa_node=0))
    assert "0000:3b:00.1  type-VF   15b3:101e  free            VF 0 of 0000:3b:00.0" in page([device_tree(free_vfs)], colour=False)


def test_no_device_is_said_in_words() -> None:
    assert page([device_tree([])], colour=False) == "no device\n"
    assert summary([]) == "no device"
