# SPDX-License-Identifier: Apache-2.0
"""A compute host's hardware as QEMU's words: whole, in an order in which QEMU takes it, and the same whatever else there is."""

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from tests.lab.hardware import BIG, MACHINES, Igb, Machine, VirtioNic, arguments, networks, parts


def devices(machine: Machine) -> list[Mapping[str, Any]]:
    words = arguments(machine)
    return [json.loads(word) for option, word in pairwise(words) if option == "-device"]


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_every_device_has_a_name_of_its_own_and_sits_on_a_bus_that_is_there_already(machine: Machine) -> None:
    there = {"pcie.0"}
    for device in devices(machine):
        assert device["id"] not in there
        assert device.get("bus", "pcie.0") in there
        there.add(device["id"])


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_no_two_slots_and_no_two_nics_are_the_same(machine: Machine) -> None:
    slots = [(device["chassis"], device["slot"]) for device in devices(machine) if "chassis" in device]
    macs = [device["mac"] for device in devices(machine) if "mac" in device]
    assert len(set(slots)) == len(slots)
    assert len(set(macs)) == len(macs)


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_every_nic_has_a_network_that_comes_before_it(machine: Machine) -> None:
    words = arguments(machine)
    networks_at = {word.split(",")[1].removeprefix("id="): place for place, word in enumerate(words) if word.startswith("user,")}
    nics_at = {json.loads(word)["netdev"]: place for place, word in enumerate(words) if '"netdev"' in word}
    assert nics_at.keys() == networks_at.keys()
    assert all(place > networks_at[network] for network, place in nics_at.items())


def test_the_iommu_comes_before_what_is_behind_it() -> None:
    assert devices(BIG)[0]["driver"] == "intel-iommu"


def test_a_card_names_its_node_by_the_bus_of_its_port() -> None:
    nodes = {device["id"]: device["numa_node"] for device in devices(BIG) if device["driver"] == "pxb-pcie"}
    ports = {device["id"]: device["bus"] for device in devices(BIG) if device["driver"] == "pcie-root-port"}
    assert {card.name: nodes.get(ports[f"port-{card.name}"]) for card in BIG.cards} == {card.name: card.node for card in BIG.cards}


def test_virtio_vfs_come_before_the_pf_that_takes_them() -> None:
    names = [part.name for part in parts(VirtioNic("vnic", 0, vfs=2), "port-vnic", 0)]
    assert names == ["vnic-vf0", "vnic-vf1", "vnic"]
    assert networks(VirtioNic("vnic", 0, vfs=2)) == ("vnic", "vnic-vf0", "vnic-vf1")


def test_a_card_is_the_same_to_the_monitor_as_to_the_command_line() -> None:
    [part] = parts(Igb("nic0", 0), "port-nic0", 0x20)
    assert dict(part.said()) == next(device for device in devices(BIG) if device["id"] == "nic0")
