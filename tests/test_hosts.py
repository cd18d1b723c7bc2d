# SPDX-License-Identifier: Apache-2.0
"""Every machine of the museum holds what it teaches: claims that it can meet, and claims that it refuses, each for its reason."""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from pcipt_agent.core.alias import RuleSet
from pcipt_agent.core.funnel import Unsatisfied
from pcipt_agent.core.host import Host
from pcipt_agent.core.invariant import violations
from pcipt_agent.flows.claiming import claim, free
from pcipt_agent.flows.ledger import Ledger
from pcipt_agent.views.description import parse_description
from pcipt_agent.views.wire import ClaimPayload, FreePayload
from tests.support.ledgers import ledger_over
from tests.support.ports import MemoryDisk, MemoryJournal
from tests.support.rules import aliases, specs

HOSTS = Path(__file__).parent / "hosts"
CONSUMER = UUID("4c0e1b6e-6f1f-4d3c-9a52-2a0f4f6a7b10")


@dataclass(frozen=True, slots=True)
class Rules:
    """Entries of device_spec and alias, as an operator writes them."""

    device_spec: tuple[str, ...]
    alias: tuple[str, ...]


CONNECTX6 = Rules(
    ('{"address": "*:3b:*.*"}', '{"vendor_id": "15b3", "product_id": "101e"}', '{"vendor_id": "8086", "product_id": "1592"}'),
    (
        '{"name": "vf", "vendor_id": "15b3", "product_id": "101e", "device_type": "type-VF", "numa_policy": "required"}',
        '{"name": "pf", "vendor_id": "15b3", "product_id": "101d", "device_type": "type-PF"}',
        '{"name": "ice", "vendor_id": "8086", "product_id": "1592"}',
        '{"name": "ice-pf", "vendor_id": "8086", "product_id": "1592", "device_type": "type-PF"}',
    ),
)
GPU = Rules(
    ('{"vendor_id": "10de"}',),
    (
        '{"name": "gpu", "vendor_id": "10de", "product_id": "2230"}',
        '{"name": "audio", "vendor_id": "10de", "product_id": "1aef"}',
        '{"name": "t4", "vendor_id": "10de", "product_id": "1eb8", "numa_policy": "required"}',
    ),
)
GPUS = Rules(
    (
        '{"vendor_id": "10de", "product_id": "25b6", "managed": "no"}',
        '{"vendor_id": "10de", "product_id": "1ad6"}',
        '{"vendor_id": "10de"}',
    ),
    (
        '{"name": "gpu", "vendor_id": "10de", "product_id": "1e07"}',
        '{"name": "audio", "vendor_id": "10de", "product_id": "10f7"}',
        '{"name": "usb", "vendor_id": "10de", "product_id": "1ad6"}',
        '{"name": "a100", "vendor_id": "10de", "product_id": "20b5"}',
        '{"name": "a16", "vendor_id": "10de", "product_id": "25b6", "device_type": "type-VF"}',
        '{"name": "a16-pf", "vendor_id": "10de", "product_id": "25b6", "device_type": "type-PF"}',
    ),
)
LAB = Rules(
    (
        '{"address": "0000:41:00.0", "managed": "no"}',
        '{"address": "0000:61:00.0", "managed": "no"}',
        '{"address": "0000:62:00.0", "managed": "no"}',
        '{"vendor_id": "8086"}',
        '{"vendor_id": "1b36", "product_id": "0010"}',
        '{"vendor_id": "1af4"}',
    ),
    (
        '{"name": "vf", "vendor_id": "8086", "product_id": "10ca", "device_type": "type-VF", "numa_policy": "required"}',
        '{"name": "pf", "vendor_id": "8086", "product_id": "10c9", "device_type": "type-PF"}',
        '{"name": "slice", "vendor_id": "1b36", "product_id": "0010", "device_type": "type-VF"}',
        '{"name": "disk", "vendor_id": "1b36", "product_id": "0010"}',
        '{"name": "virtio-vf", "vendor_id": "1af4", "product_id": "1041", "device_type": "type-VF"}',
        '{"name": "pair", "vendor_id": "8086", "product_id": "100e"}',
        '{"name": "root-disk", "vendor_id": "1af4", "product_id": "1001"}',
        '{"name": "management", "vendor_id": "1af4", "product_id": "1000"}',
    ),
)
LAB_SMALL = Rules(
    (
        '{"address": "0000:22:00.0", "managed": "no"}',
        '{"address": "0000:41:00.0", "managed": "no"}',
        '{"vendor_id": "8086"}',
    ),
    LAB.alias,
)
VDPA = Rules(
    ('{"address": "0000:3b:00.0"}',),
    ('{"name": "vf", "vendor_id": "15b3", "product_id": "101e", "device_type": "type-VF"}',),
)
ODD = Rules(
    ("{}",),
    (
        '{"name": "nic", "vendor_id": "8086", "product_id": "1572"}',
        '{"name": "vf", "vendor_id": "8086", "product_id": "154c", "device_type": "type-VF"}',
        '{"name": "disk", "vendor_id": "144d", "product_id": "a80a"}',
    ),
)
HALF = Rules(
    ('{"vendor_id": "8086"}',),
    (
        '{"name": "vf", "vendor_id": "8086", "product_id": "1889", "device_type": "type-VF"}',
        '{"name": "pf", "vendor_id": "8086", "product_id": "1592", "device_type": "type-PF"}',
        '{"name": "nic", "vendor_id": "8086", "product_id": "1572"}',
    ),
)
ITSELF = Rules(
    ("{}",),
    (
        '{"name": "gpu", "vendor_id": "10de", "product_id": "20b5"}',
        '{"name": "vf", "vendor_id": "8086", "product_id": "1889", "device_type": "type-VF"}',
        '{"name": "pf", "vendor_id": "8086", "product_id": "1592", "device_type": "type-PF"}',
        '{"name": "disk", "vendor_id": "8086", "product_id": "a182"}',
        '{"name": "display", "vendor_id": "1a03", "product_id": "2000"}',
    ),
)

RULES = {
    "connectx6-on-both-sockets": CONNECTX6,
    "gpu-and-its-audio-in-one-group": GPU,
    "gpus-with-audio-and-vendor-vfs": GPUS,
    "half-made-vfs-and-no-iommu": HALF,
    "lab-big": LAB,
    "lab-small": LAB_SMALL,
    "odd-functions-beside-a-good-one": ODD,
    "serves-itself-with-some-functions": ITSELF,
    "vdpa-over-connectx6dx": VDPA,
}

MET = [
    ("connectx6-on-both-sockets", "vf:2", [1], ["0000:af:00.1", "0000:af:00.2"]),
    ("connectx6-on-both-sockets", "vf:1, ice-pf:1", [0, 1], ["0000:af:00.1", "0000:d8:00.0"]),
    ("connectx6-on-both-sockets", "vf:1", [0], ["0000:3b:00.1"]),
    ("gpu-and-its-audio-in-one-group", "gpu:1, audio:1", None, ["0000:01:00.0", "0000:01:00.1"]),
    ("gpu-and-its-audio-in-one-group", "t4:1", None, ["0000:02:00.0"]),
    ("gpus-with-audio-and-vendor-vfs", "usb, gpu, audio", None, ["0000:17:00.0", "0000:17:00.1", "0000:17:00.2"]),
    ("gpus-with-audio-and-vendor-vfs", "a16:2", [1], ["0000:98:00.4", "0000:98:00.5"]),
    ("half-made-vfs-and-no-iommu", "vf:1", None, ["0001:07:01.0"]),
    ("lab-big", "slice:3, disk:1", None, ["0000:44:00.0", "0000:61:00.1", "0000:61:00.2", "0000:61:00.3"]),
    ("lab-big", "pair:2", None, ["0000:03:00.0", "0000:03:01.0"]),
    ("lab-big", "vf:2", [3], ["0000:81:10.0", "0000:81:10.2"]),
    ("lab-big", "virtio-vf:1", None, ["0000:62:00.1"]),
    ("lab-small", "vf:3", [1], ["0000:41:10.0", "0000:41:10.2", "0000:41:10.4"]),
    ("lab-small", "vf:1, slice:1", [0], ["0000:21:10.0", "0000:22:00.1"]),
    ("odd-functions-beside-a-good-one", "nic:1", None, ["0000:01:00.0"]),
    ("serves-itself-with-some-functions", "vf:1, gpu:1", None, ["0000:04:00.0", "0000:3b:00.1"]),
    ("vdpa-over-connectx6dx", "vf:1", None, ["0000:3b:00.5"]),
]

REFUSED = [
    ("connectx6-on-both-sockets", "vf:3", [1], "numa-policy", "NUMA node 0, guest on 1"),
    ("connectx6-on-both-sockets", "ice:1", None, "device-type", "type-PF"),
    ("connectx6-on-both-sockets", "vf:13", None, "ids", ""),
    ("gpu-and-its-audio-in-one-group", "gpu:1", None, "iommu-group", "0000:01:00.1, bound to snd_hda_intel"),
    ("gpu-and-its-audio-in-one-group", "t4:1", [0], "numa-policy", "NUMA node unknown"),
    ("gpus-with-audio-and-vendor-vfs", "gpu:1, audio:1", None, "iommu-group", "0000:17:00.2, bound to xhci_hcd"),
    ("gpus-with-audio-and-vendor-vfs", "a100:1", None, "ready", "0000:5f:00.0, which the host uses"),
    ("gpus-with-audio-and-vendor-vfs", "a16-pf:1", None, "ready", "managed is no, and it is bound to nvidia"),
    ("half-made-vfs-and-no-iommu", "vf:2", None, "ready", "its PF 0000:07:00.0 is settling: 2 of 4 VFs are here"),
    ("half-made-vfs-and-no-iommu", "pf:2", None, "ready", "1 VFs are here, and sriov_numvfs is 0"),
    ("half-made-vfs-and-no-iommu", "nic:1", None, "ready", "it is in no IOMMU group"),
    ("lab-big", "disk:2", None, "device-type", "type-"),
    ("lab-big", "pair:1", None, "iommu-group", "bound to e1000"),
    ("lab-big", "vf:1", [2], "numa-policy", "NUMA node 3, guest on 2"),
    ("lab-big", "virtio-vf:2", None, "device-type", "vdpa"),
    ("lab-small", "vf:5", [1], "numa-policy", "NUMA node 0, guest on 1"),
    ("lab-small", "pf:2", None, "ready", "managed is no, and it is bound to igb"),
    ("lab-big", "root-disk:1", None, "ready", "vda is mounted on /"),
    ("lab-big", "management:1", None, "ready", "mgmt0 has 10.0.2.15"),
    ("odd-functions-beside-a-good-one", "nic:2", None, "ready", "undecodable: numa_node holds"),
    ("odd-functions-beside-a-good-one", "vf:1", None, "ready", "vf-without-pf: physfn is 0000:02:00.0"),
    ("odd-functions-beside-a-good-one", "disk:1", None, "ready", "outside-limits: 10000:e1:00.0"),
    ("serves-itself-with-some-functions", "disk:1", None, "ready", "sda1 is mounted on /"),
    ("serves-itself-with-some-functions", "display:1", None, "ready", "boot_vga is 1"),
    ("serves-itself-with-some-functions", "vf:2", None, "ready", "ens1f0v1 has 2001:db8::7"),
    ("serves-itself-with-some-functions", "pf:1", None, "ready", "bond0 is over ens2f0"),
    ("vdpa-over-connectx6dx", "vf:2", None, "device-type", "vdpa"),
]


def host(name: str) -> Host:
    path = HOSTS / f"{name}.host"
    return parse_description(path.read_text(), str(path))


def ledger(name: str) -> Ledger:
    rules = RULES[name]
    ruleset = RuleSet(specs=specs(*rules.device_spec), aliases=aliases(*rules.alias))
    return ledger_over(MemoryJournal(MemoryDisk()), host(name), ruleset=ruleset)


def wanted(wish: str, numa_nodes: list[int] | None) -> ClaimPayload:
    return ClaimPayload(
        claim_id="c1", consumer=CONSUMER, requests=[], flavor={"pci_passthrough:alias": wish}, numa_nodes=numa_nodes
    )


def test_every_machine_of_the_museum_is_asked() -> None:
    machines = {path.stem for path in HOSTS.glob("*.host")}
    assert machines == set(RULES) == {case[0] for case in MET} == {case[0] for case in REFUSED}


@pytest.mark.parametrize("name", RULES)
def test_no_invariant_is_broken(name: str) -> None:
    assert violations(ledger(name).inventory) == ()


@pytest.mark.parametrize(("name", "wish", "numa_nodes", "addresses"), MET)
def test_a_claim_that_the_machine_can_meet_is_met(name: str, wish: str, numa_nodes: list[int] | None, addresses: list[str]) -> None:
    machine = ledger(name)
    made = claim(machine, wanted(wish, numa_nodes))
    assert sorted(device.address for device in made.devices) == addresses
    assert violations(machine.inventory) == ()
    free(machine, FreePayload(claim_id="c1"))
    assert violations(machine.inventory) == ()


@pytest.mark.parametrize(("name", "wish", "numa_nodes", "filter_", "reason"), REFUSED)
def test_a_claim_that_it_must_refuse_is_refused_for_its_reason(
    name: str, wish: str, numa_nodes: list[int] | None, filter_: str, reason: str
) -> None:
    machine = ledger(name)
    with pytest.raises(Unsatisfied) as caught:
        claim(machine, wanted(wish, numa_nodes))
    [short, *_] = caught.value.short_of
    assert short.emptied_by == filter_
    assert reason in " | ".join(each.reason for each in short.dropped)
    assert len(machine.inventory.book.claims) == 0
