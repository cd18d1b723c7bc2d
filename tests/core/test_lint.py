# SPDX-License-Identifier: Apache-2.0
"""Rules against a host: what can't be meant, and what probably is not."""

import json
from dataclasses import replace

import pytest

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.alias import RuleSet
from pcipt_agent.core.device import Device, DeviceType, HostUse, HostUseKind, Sriov
from pcipt_agent.core.host import Host
from pcipt_agent.core.lint import Findings, covers, lint
from tests.support.rules import aliases, spec, specs

PF = Device(
    address=PciAddress(0, 0x3B, 0, 0),
    device_type=DeviceType.PF,
    vendor_id="15b3",
    product_id="101d",
    iommu_group=12,
    sriov=Sriov(8, 2, "101e", 1, 1),
    serial="S1",
)
VF1, VF2 = (
    Device(
        address=PciAddress(0, 0x3B, 0, number),
        device_type=DeviceType.VF,
        vendor_id="15b3",
        product_id="101e",
        iommu_group=12 + number,
        parent=PF.address,
        vf_number=number - 1,
        serial="S1",
    )
    for number in (1, 2)
)
GPU = Device(address=PciAddress(0, 0x41, 0, 0), device_type=DeviceType.PCI, vendor_id="10de", product_id="25b6", iommu_group=20)


def host(*devices: Device) -> Host:
    return Host(devices={device.address: device for device in devices or (PF, VF1, VF2, GPU)}, numa_nodes={}, boot_id="b")


def found(*entries: object, on: Host | None = None, report: bool = False, alias: tuple[object, ...] = ()) -> Findings:
    rules = RuleSet(specs=specs(*entries), aliases=aliases(*alias, in_placement=False), report_in_placement=report)
    return lint(on or host(), rules)


def notices(findings: Findings) -> list[tuple[int | None, str]]:
    return [(notice.entry, notice.problem) for notice in findings.notices]


def test_each_entry_says_what_it_takes() -> None:
    findings = found({"product_id": "101d"}, {"vendor_id": "15b3"}, {"vendor_id": "10de"})
    assert [entry.matched for entry in findings.entries] == [(PF.address,), (VF1.address, VF2.address), (GPU.address,)]


def test_good_rules_are_not_remarked_on() -> None:
    gpu = {"name": "g", "vendor_id": "10de", "product_id": "25b6"}
    findings = found({"product_id": "101e"}, {"vendor_id": "10de"}, alias=(gpu,))
    assert (findings.mistakes, findings.notices) == ((), ())


@pytest.mark.parametrize(
    ("earlier", "later", "covered"),
    [
        ({}, {"vendor_id": "8086"}, True),
        ({"vendor_id": "8086"}, {"vendor_id": "8086", "product_id": "154d"}, True),
        ({"vendor_id": "8086", "product_id": "154d"}, {"vendor_id": "8086"}, False),
        ({"vendor_id": "8086"}, {"vendor_id": "10de"}, False),
        ({"address": "3b:*.*"}, {"address": "3b:00.*"}, True),
        ({"address": "3b:00.*"}, {"address": "3b:*.*"}, False),
        ({"address": "0000:3b:00.0"}, {"address": "0:3b:0.0", "product_id": "101d"}, True),
        ({"address": "3b:*.*"}, {"address": "0000:3b:00.0"}, False),
        ({"address": {"bus": ".*"}}, {"address": "3b:00.*"}, True),
        ({"address": {"bus": "3b"}}, {"address": {"bus": "3b"}, "vendor_id": "8086"}, True),
        ({"address": {"bus": "3b"}}, {"address": {"bus": "3c"}}, False),
        ({"address": {"bus": "3b"}}, {"address": "3b:00.*"}, False),
        ({"address": {"bus": "3b", "slot": "00"}}, {"address": "3b:*.*"}, False),
        ({"remote_managed": True}, {"vendor_id": "8086"}, False),
        ({}, {"vendor_id": "8086", "remote_managed": True}, True),
    ],
)
def test_an_entry_covers_another_only_where_it_does_on_every_host(earlier: object, later: object, covered: bool) -> None:
    assert covers(spec(earlier), spec(later)) is covered


def test_an_entry_that_can_never_match_is_a_notice() -> None:
    assert notices(found({"vendor_id": "10de"}, {"vendor_id": "10de", "managed": "no"})) == [
        (2, "can never match: all its devices are of entry 1, and the first that matches decides")
    ]


def test_an_entry_given_twice_is_a_notice() -> None:
    assert notices(found({"vendor_id": "10de"}, {"vendor_id": "0x10DE"})) == [
        (2, "says the same as entry 1, and the first that matches decides")
    ]


def test_who_took_them_is_who_matched_first() -> None:
    findings = found({"address": "0000:41:00.0"}, {"address": "0000:41:00.0", "vendor_id": "10de"}, {"vendor_id": "10de"})
    assert notices(findings)[-1] == (3, "takes nothing on this host: 0000:41:00.0 is of entry 1 already")


def test_an_entry_whose_devices_are_all_taken_here_names_the_taker() -> None:
    assert notices(found({"address": "41:*.*"}, {"vendor_id": "10de"})) == [
        (2, "takes nothing on this host: 0000:41:00.0 is of entry 1 already")
    ]


def test_an_entry_that_matches_nothing_here_is_a_notice() -> None:
    assert notices(found({"vendor_id": "8086"}, {"address": "0000:99:00.0"})) == [
        (1, "matches nothing on this host"),
        (2, "matches nothing on this host"),
    ]


def test_an_entry_that_takes_everything_says_so() -> None:
    assert (1, "matches every device that no earlier entry does, 4 on this host") in notices(found({}))


def test_a_pf_and_its_vfs_of_two_entries_are_a_notice() -> None:
    findings = found({"product_id": "101d"}, {"product_id": "101e"})
    assert findings.mistakes == ()
    assert notices(findings) == [
        (
            2,
            "lists 0000:3b:00.1 (and 1 more), VF of 0000:3b:00.0 of entry 1, which is listed too: "
            "while one is claimed, the other is blocked",
        )
    ]


def test_a_pf_that_brings_its_vfs_is_as_it_is_meant() -> None:
    findings = found({"address": "0000:3b:00.0"})
    assert (findings.mistakes, findings.notices) == ((), ())
    assert findings.entries[0].matched == (PF.address, VF1.address, VF2.address)


@pytest.mark.parametrize("entries", [[{"address": "0000:3b:00.0"}], [{"product_id": "101e"}, {"product_id": "101d"}]])
def test_a_pf_and_its_vfs_are_refused_where_they_are_reported(entries: list[object]) -> None:
    (mistake,) = found(*entries, report=True).mistakes
    assert mistake.entry == 1
    assert mistake.problem.startswith("lists 0000:3b:00.1 (and 1 more), VF of 0000:3b:00.0")
    assert '"product_id": "101e" for its VFs alone' in mistake.remedy


def test_devices_of_a_physical_network_are_not_reported_and_not_refused() -> None:
    findings = found({"address": "0000:3b:00.0", "physical_network": "physnet1"}, report=True)
    assert findings.mistakes == ()


def test_a_remote_managed_entry_that_can_only_mean_a_pf_is_refused() -> None:
    (mistake,) = found({"address": "0000:3b:00.0", "product_id": "101d", "remote_managed": True}).mistakes
    assert (mistake.entry, mistake.key) == (1, "remote_managed")
    assert mistake.remedy == '"product_id": "101e", which its VFs have'


def test_a_remote_managed_entry_for_the_vfs_of_a_pf_is_right() -> None:
    findings = found({"address": "0000:3b:00.0", "product_id": "101e", "remote_managed": True})
    assert (findings.mistakes, findings.notices) == ((), ())


def test_a_pf_that_remote_managed_leaves_out_is_a_notice() -> None:
    findings = found({"vendor_id": "15b3", "remote_managed": True})
    assert findings.mistakes == ()
    assert notices(findings) == [(1, "remote_managed is for VFs: 0000:3b:00.0 is a PF and is not assignable by this entry")]
    assert findings.entries[0].matched == (VF1.address, VF2.address)


def test_a_serial_number_that_is_missing_is_named_with_its_reason() -> None:
    blind = replace(VF1, serial=None, serial_unknown="vpd: permission denied")
    ((_, problem),) = notices(found({"product_id": "101e", "remote_managed": True}, on=host(PF, blind)))
    assert problem == "matches nothing on this host: 0000:3b:00.1 has no VPD serial number (vpd: permission denied)"


def test_a_finding_carries_the_operators_text() -> None:
    text = json.dumps({"vendor_id": "8086"})
    (notice,) = found(text).notices
    assert notice.source == text


def test_what_the_host_uses_and_what_is_not_ready_is_remarked_on() -> None:
    used = replace(GPU, host_uses=(HostUse(HostUseKind.BOOT_DISPLAY, "it is the boot display"),))
    assert notices(found({"vendor_id": "10de"}, on=host(used))) == [
        (1, "lists 0000:41:00.0: the host uses it: it is the boot display")
    ]


def test_a_pf_of_a_physical_network_is_not_reported_beside_its_vfs() -> None:
    findings = found({"product_id": "101d", "physical_network": "net1"}, {"product_id": "101e"}, report=True)
    assert findings.mistakes == ()
    assert [entry for entry, _ in notices(findings)] == [2]
