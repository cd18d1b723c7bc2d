# SPDX-License-Identifier: Apache-2.0
"""udev's events as hints: by their place alone, in any number, and lost ones too. libudev is real, and umockdev is its udev."""

from pathlib import Path

import pytest

from pcipt_agent.adapters.udev import address_in, udev_events
from pcipt_agent.core.address import parse_address
from pcipt_agent.errors import HostError
from tests.support.mocked_udev import told

PF = "pci0000:3a/0000:3a:00.0/0000:3b:00.0"
VF = "pci0000:3a/0000:3a:00.0/0000:3b:00.1"
TAKE = ("take",)


@pytest.mark.parametrize("action", ["add", "remove", "change", "bind", "unbind", "move", "offline"])
def test_an_event_of_a_function_is_a_hint_of_its_address_whatever_happened(action: str) -> None:
    assert told(("event", "pci", VF, action), TAKE, TAKE) == [["0000:3b:00.1"], []]


def test_what_is_below_a_function_is_a_hint_of_that_function() -> None:
    assert told(
        ("event", "net", f"{PF}/net/ens1f0", "move"),
        TAKE,
        ("event", "vfio-dev", f"{VF}/vfio-dev/vfio0", "add"),
        TAKE,
        ("event", "block", f"{PF}/virtio1/block/vda/vda1", "change"),
        TAKE,
        ("event", "vdpa", f"{VF}/vdpa0", "bind"),
        TAKE,
    ) == [["0000:3b:00.0"], ["0000:3b:00.1"], ["0000:3b:00.0"], ["0000:3b:00.1"]]


def test_a_burst_is_each_address_once() -> None:
    events = [("event", "pci", f"pci0000:3a/0000:3b:00.{number % 2}", "bind") for number in range(8)]
    assert told(*events, TAKE, TAKE) == [["0000:3b:00.0", "0000:3b:00.1"], []]


def test_events_of_other_subsystems_do_not_arrive() -> None:
    assert told(("event", "usb", f"{PF}/usb1", "add"), ("event", "drm", f"{PF}/drm/card0", "add"), TAKE) == [[]]


def test_an_event_below_no_function_is_a_hint_without_an_address() -> None:
    assert told(("event", "block", "virtual/block/dm-0", "change"), ("event", "pci", VF, "add"), TAKE) == [["0000:3b:00.1"]]


def test_lost_events_are_a_hint_of_everything_and_the_next_are_as_ever() -> None:
    assert told(("lose",), TAKE, TAKE) == ["everything", []]


def test_more_events_than_are_read_in_one_go_are_a_hint_of_everything_and_the_rest_is_thrown_away() -> None:
    steps = [("event", "pci", VF, "change")] * 8
    assert told(*steps, TAKE, TAKE, ("event", "pci", PF, "change"), TAKE, most=4) == ["everything", [], ["0000:3b:00.0"]]


def test_an_event_that_udev_would_not_send_is_a_hint_of_everything() -> None:
    assert told(("event", "pci", VF, "something-new"), TAKE, ("event", "pci", VF, "add"), TAKE) == ["everything", ["0000:3b:00.1"]]


def test_the_socket_is_closed_with_it() -> None:
    assert told(("exit",)) == [0]


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/devices/pci0000:3a/0000:3b:00.1", "0000:3b:00.1"),
        ("/devices/pci0000:3a/0000:3a:00.0/0000:3b:00.1/vdpa0/vhost-vdpa-0", "0000:3b:00.1"),
        ("/devices/pci10000:e0/10000:e1:00.0/nvme/nvme0/nvme0n1", "10000:e1:00.0"),
        ("/devices/pci0000:3a/0000:3b:00.1x/net/ens1", None),
        ("/devices/virtual/net/0000:3b:00.1", "0000:3b:00.1"),
        ("/devices/pci0000:3a", None),
        ("", None),
    ],
)
def test_the_last_address_in_the_path_is_the_functions(path: str, address: str | None) -> None:
    assert address_in(path) == (None if address is None else parse_address(address))


def test_without_a_udev_it_says_so() -> None:
    if Path("/run/udev/control").exists():
        udev_events().close()
        return
    with pytest.raises(HostError, match="no udev runs here"):
        udev_events()
