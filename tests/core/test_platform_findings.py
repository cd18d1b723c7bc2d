# SPDX-License-Identifier: Apache-2.0
"""Firmware, kernel command line, IOMMU groups and vfio-pci: what shows that passthrough can work, and what mends it."""

from dataclasses import replace

import pytest

from pcipt_agent.core.diagnosis import Finding, Unseen, Verdict
from pcipt_agent.core.host import Host
from pcipt_agent.core.platform_findings import BootLoader, Platform, VfioPci, platform_findings
from tests.support.demo import demo_host

INTEL = Platform(
    cpu_vendor="GenuineIntel",
    firmware_tables=frozenset({"DMAR", "FACP"}),
    command_line=("quiet", "intel_iommu=on"),
    kernel="6.12.48",
    vfio_pci=VfioPci.LOADED,
    boot_loader=BootLoader.UPDATE_GRUB,
)
AMD = replace(INTEL, cpu_vendor="AuthenticAMD", firmware_tables=frozenset({"IVRS"}), command_line=("amd_iommu=on",))
SILENT = Unseen("a reason")
NO_GROUPS = Host(devices={}, numa_nodes={}, boot_id="x")


def found(platform: Platform, host: Host = NO_GROUPS) -> dict[str, Finding]:
    return {each.check: each for each in platform_findings(platform, host)}


def test_a_host_that_has_all_of_it_is_well() -> None:
    for platform in (INTEL, AMD):
        assert {each.verdict for each in found(platform, demo_host()).values()} == {Verdict.OK}


def test_each_of_four_is_said_whatever_is_known() -> None:
    blind = Platform(
        cpu_vendor=SILENT, firmware_tables=SILENT, command_line=SILENT, kernel=SILENT, vfio_pci=SILENT, boot_loader=BootLoader.OTHER
    )
    for platform in (INTEL, AMD, blind):
        for host in (NO_GROUPS, demo_host()):
            assert list(found(platform, host)) == ["firmware", "kernel-command-line", "iommu-groups", "vfio-pci"]
    assert {name: each.verdict for name, each in found(blind).items()} == {
        "firmware": Verdict.UNKNOWN,
        "kernel-command-line": Verdict.UNKNOWN,
        "iommu-groups": Verdict.PROBLEM,
        "vfio-pci": Verdict.UNKNOWN,
    }


@pytest.mark.parametrize(
    ("platform", "table", "feature"),
    [
        (INTEL, "DMAR", "VT-d"),
        (AMD, "IVRS", "AMD-Vi"),
        (replace(INTEL, cpu_vendor=None), "DMAR, IVRS, IORT or VIOT", "VT-d, AMD-Vi"),
    ],
)
def test_firmware_without_an_iommu_table_is_a_problem_that_names_the_vendor_s_own(
    platform: Platform, table: str, feature: str
) -> None:
    firmware = found(replace(platform, firmware_tables=frozenset({"FACP", "APIC"})))["firmware"]
    assert firmware.verdict is Verdict.PROBLEM
    assert f"no {table}: " in firmware.seen
    assert feature in firmware.seen
    assert str(firmware.mend).startswith("systemctl reboot --firmware-setup")


def test_groups_prove_the_firmware_and_the_kernel_right_whatever_they_show() -> None:
    odd = replace(INTEL, firmware_tables=frozenset(), command_line=("quiet",))
    assert found(odd, demo_host())["firmware"].verdict is Verdict.OK
    assert found(odd, demo_host())["kernel-command-line"].seen == "the IOMMU is on, by the kernel's own default"
    assert found(INTEL, demo_host())["kernel-command-line"].seen == "the IOMMU is on, proc/cmdline has intel_iommu=on"


@pytest.mark.parametrize(("platform", "wanted"), [(INTEL, "intel_iommu=on"), (AMD, "amd_iommu=on")])
def test_a_command_line_without_the_vendor_s_parameter_is_a_problem(platform: Platform, wanted: str) -> None:
    line = found(replace(platform, command_line=("quiet", "iommu=pt")))["kernel-command-line"]
    assert (line.verdict, line.seen) == (Verdict.PROBLEM, f"proc/cmdline has no {wanted}, and there are no groups")
    assert f"{wanted} /' /etc/default/grub && update-grub" in str(line.mend)


@pytest.mark.parametrize("word", ["intel_iommu=off", "iommu=off", "amd_iommu=off"])
@pytest.mark.parametrize(
    ("loader", "command"),
    [
        (BootLoader.UPDATE_GRUB, "update-grub"),
        (BootLoader.GRUBBY, 'grubby --update-kernel=ALL --remove-args="{}"'),
        (BootLoader.OTHER, "# take {} from"),
    ],
)
def test_an_iommu_that_is_switched_off_is_switched_on_by_the_host_s_own_tool(word: str, loader: BootLoader, command: str) -> None:
    line = found(replace(INTEL, command_line=("intel_iommu=on", word), boot_loader=loader))["kernel-command-line"]
    assert (line.verdict, line.seen) == (Verdict.PROBLEM, f"proc/cmdline has {word}")
    assert command.format(word) in str(line.mend)


@pytest.mark.parametrize(("word", "verdict"), [("intel_iommu=on,sm_on", Verdict.OK), ("intel_iommu=sm_on", Verdict.PROBLEM)])
def test_the_parameter_s_values_are_a_list(word: str, verdict: Verdict) -> None:
    assert found(replace(INTEL, command_line=(word,)))["kernel-command-line"].verdict is verdict


@pytest.mark.parametrize("vendor", [None, "CentaurHauls", SILENT])
def test_a_cpu_of_which_nothing_is_known_is_not_guessed_about(vendor: str | Unseen | None) -> None:
    assert found(replace(INTEL, cpu_vendor=vendor))["kernel-command-line"].verdict is Verdict.UNKNOWN


def test_a_host_without_groups_can_hand_out_nothing() -> None:
    assert found(INTEL)["iommu-groups"].verdict is Verdict.PROBLEM


@pytest.mark.parametrize("state", VfioPci)
def test_only_a_kernel_without_vfio_pci_is_a_problem(state: VfioPci) -> None:
    finding = found(replace(INTEL, vfio_pci=state))["vfio-pci"]
    assert finding.verdict is (Verdict.PROBLEM if state is VfioPci.ABSENT else Verdict.OK)
    assert ("CONFIG_VFIO_PCI" in str(finding.mend)) == (state is VfioPci.ABSENT)
