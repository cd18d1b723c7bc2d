# SPDX-License-Identifier: Apache-2.0
"""Names as text, and the functions that a path leads through."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcipt_agent.views.host_names import functions_in, name_of, nvme_head_in, rank, shown


@pytest.mark.parametrize(
    ("path", "functions"),
    [
        ("../../devices/pci0000:00/0000:00:03.0/virtio2/net/eth0", ["0000:00:03.0"]),
        ("../../devices/pci0000:3a/0000:3a:00.0/0000:3b:00.0/net/ens1f0", ["0000:3b:00.0"]),
        ("../../devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/host6/target6:0:0/6:0:0:0/block/sdb/sdb1", ["0000:00:14.0"]),
        ("../../devices/pci0000:3a/0000:3a:00.0/0000:3b:00.2/vdpa0/virtio5/net/eth5", ["0000:3b:00.2"]),
        (
            "../../devices/pci0000:64/0000:64:00.5/pci10000:e0/10000:e0:02.0/10000:e1:00.0/nvme/nvme0/nvme0n1",
            ["10000:e1:00.0", "0000:64:00.5"],
        ),
        ("../../devices/virtual/net/bond0", []),
        ("../../devices/virtual/block/0000:00:03.0x", []),
        ("0000:00:03.0", []),
        ("", []),
    ],
)
def test_a_path_leads_through_its_functions(path: str, functions: list[str]) -> None:
    assert list(functions_in(path)) == functions


@pytest.mark.parametrize("disk", ["nvme2n13", "nvme2n13/nvme2n13p1"])
def test_a_disk_over_nvmes_own_multipath_names_its_paths(disk: str) -> None:
    head = nvme_head_in(f"../../devices/virtual/nvme-subsystem/nvme-subsys2/{disk}")
    assert head is not None
    assert (head.subsystem, head.path_of("nvme5")) == ("nvme-subsys2", "nvme2c5n13")


def test_a_disk_of_one_controller_has_no_head() -> None:
    assert nvme_head_in("../../devices/pci0000:40/0000:40:01.1/0000:41:00.0/nvme/nvme0/nvme0n1") is None


@given(st.binary())
def test_any_name_is_one_line_that_json_holds(octets: bytes) -> None:
    text = shown(name_of(octets))
    assert text.isprintable()
    assert json.dumps(text).encode()


def test_names_are_ordered_as_people_do() -> None:
    assert sorted(["eth10", "eth2", "eth1"], key=rank) == ["eth1", "eth2", "eth10"]
