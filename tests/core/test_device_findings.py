# SPDX-License-Identifier: Apache-2.0
"""What keeps assignable devices back, each reason once and with its command; and which features the rules need."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.alias import RuleSet
from pcipt_agent.core.catalogue import Catalogue, catalogue_of
from pcipt_agent.core.device_findings import device_findings, needed_features, nodedev_name, vpd_findings
from pcipt_agent.core.diagnosis import Finding, Verdict
from pcipt_agent.core.floors import Feature
from pcipt_agent.views.description import parse_description
from pcipt_agent.views.vpd import NO_SERIAL
from tests.support.rules import specs

HOSTS = Path(__file__).parents[1] / "hosts"
HEAD = "host boot x\n"
GPU = (
    "0000:01:00.0 10de:2230 PCI group 16 driver nouveau\n    class 030000\n"
    "0000:01:00.1 10de:1aef PCI group 16 driver snd_hda_intel\n    class 040300\n"
)


def catalogue(text: str, *entries: object, libvirt: tuple[int, int, int] | None = (11, 0, 0)) -> Catalogue:
    rules = RuleSet(specs=specs(*entries), aliases={}, report_in_placement=False, pci_in_placement=False)
    return catalogue_of(parse_description(text, "a.host"), rules, libvirt)


def findings(text: str, *entries: object) -> Sequence[Finding]:
    return list(device_findings(catalogue(text, *entries)))


def test_devices_that_may_be_handed_out_are_well_and_counted() -> None:
    text = (HOSTS / "connectx6-on-both-sockets.host").read_text()
    [found] = findings(text, {"product_id": "101e"})
    assert (found.verdict, found.seen[:22]) == (Verdict.OK, "all 12 assignable devi")


def test_rules_that_take_nothing_are_pointed_at() -> None:
    for entries in ((), ({"product_id": "ffff", "vendor_id": "ffff"},)):
        [found] = findings(HEAD + GPU, *entries)
        assert (found.verdict, found.mend) == (Verdict.WARNING, "pcipt check-config")


def test_a_group_that_is_not_viable_is_mended_by_detaching_whoever_stands_in_the_way() -> None:
    [found] = findings(HEAD + GPU, {"product_id": "2230"})
    assert found.verdict is Verdict.PROBLEM
    assert "0000:01:00.1" in found.seen
    assert "snd_hda_intel" in found.seen
    assert found.mend == "virsh nodedev-detach pci_0000_01_00_1"


def test_a_member_that_the_host_uses_is_not_advised_to_be_detached() -> None:
    text = GPU.replace("class 040300\n", 'class 040300 used mounted "sda1 is mounted on /"\n')
    [found] = findings(HEAD + text, {"product_id": "2230"})
    assert found.verdict is Verdict.PROBLEM
    assert found.mend == "pcipt explain device 0000:01:00.0"


def test_a_device_of_managed_no_that_a_host_driver_has_is_mended_by_a_section_that_binds_it_at_every_boot() -> None:
    text = HEAD + "0000:01:00.0 10de:2230 PCI group 16 driver nouveau\n    class 030000\n"
    [found] = findings(text, {"product_id": "2230", "managed": "no"})
    assert found.verdict is Verdict.PROBLEM
    section, command = str(found.mend).split(" >> /etc/pcipt-agent/devices.conf && ")
    assert (section, command) == (r"printf '[0000:01:00.0]\ndriver = vfio-pci\n'", "pcipt set-up 0000:01:00.0")


VARIANT = HEAD + "0000:01:00.0 10de:25b6 PCI group 16 driver nvidia vfio\n    class 030200\n"


def test_an_entry_of_a_pf_s_address_that_is_meant_for_its_vfs_is_no_problem_and_the_pf_is_not_advised_to_be_bound() -> None:
    pf = "0000:41:00.0 8086:10c9 PF group 21 driver igb totalvfs 7 numvfs 1 vfproduct 10ca offset 128 stride 2\n    class 020000\n"
    vf = "0000:41:10.0 8086:10ca VF 0 of 0000:41:00.0 group 33 driver vfio-pci\n    class 020000\n"
    alone = "0000:42:00.0 8086:10c9 PCI group 22 driver igb\n    class 020000\n"
    entries = ({"address": "0000:41:00.0", "managed": "no"}, {"address": "0000:42:00.0", "managed": "no"})
    of_pf, of_nic = findings(HEAD + pf + vf + alone, *entries)
    assert (of_pf.verdict, of_pf.seen[:12], of_nic.verdict, of_nic.seen[:12]) == (
        *(Verdict.WARNING, "0000:41:00.0"),
        *(Verdict.PROBLEM, "0000:42:00.0"),
    )
    assert of_pf.mend == '# if its VFs alone are meant, name them in the entry, by "product_id": "10ca"'
    [of_pf] = findings(HEAD + (pf + vf).replace("10ca", "10c9"), entries[0])
    assert of_pf.mend == "# if its VFs alone are meant, name them in the entry, by their addresses"


def test_a_variant_driver_that_an_old_libvirt_would_replace_is_a_problem_and_detaching_is_no_advice() -> None:
    [found] = device_findings(catalogue(VARIANT, {"product_id": "25b6"}, libvirt=(9, 0, 0)))
    assert (found.verdict, found.mend) == (Verdict.PROBLEM, "pcipt explain device 0000:01:00.0")
    assert "set managed to no" in found.seen


def test_a_variant_driver_that_libvirt_finds_by_itself_is_a_warning_and_one_that_nobody_manages_is_well() -> None:
    [found] = device_findings(catalogue(VARIANT, {"product_id": "25b6"}))
    assert (found.verdict, "libvirt 11.0.0 binds the variant" in found.seen) == (Verdict.WARNING, True)
    [well] = device_findings(catalogue(VARIANT, {"product_id": "25b6", "managed": "no"}))
    assert well.verdict is Verdict.OK


def test_devices_without_a_group_are_a_problem_once_for_all_of_them() -> None:
    text = HEAD + "".join(f"0000:01:00.{function} 10de:2230 PCI\n" for function in range(8))
    [found] = findings(text, {"product_id": "2230"})
    assert found.verdict is Verdict.PROBLEM
    assert found.seen.startswith("0000:01:00.0, 0000:01:00.1, 0000:01:00.2, 0000:01:00.3 and 4 more: ")
    assert found.mend == "pcipt explain device 0000:01:00.0  # and so for 7 more"


@pytest.mark.parametrize(
    ("device", "seen"),
    [
        ("0000:01:00.0 8086:1572 PCI group 1\n    class 060400\n", "is a bridge"),
        ('0000:01:00.0 8086:1572 PCI group 1\n    fault missing-file "class"\n', "missing-file: class"),
        ('0000:01:00.0 8086:1572 PCI group 1\n    used route "ens4 carries the default route"\n', "the default route"),
        ("0000:01:00.0 8086:1572 PF group 1 totalvfs 4 numvfs 2\n", "0 of 2 VFs are here"),
    ],
)
def test_what_a_wide_rule_takes_along_is_a_warning(device: str, seen: str) -> None:
    [found] = findings(HEAD + device, {"vendor_id": "8086", "product_id": "1572"})
    assert (found.verdict, found.mend) == (Verdict.WARNING, "pcipt explain device 0000:01:00.0")
    assert seen in found.seen


def test_what_is_not_assignable_is_nobody_s_business() -> None:
    text = HEAD + GPU + "0000:02:00.0 8086:1572 PCI\n"
    assert all("0000:02:00.0" not in each.seen for each in findings(text, {"product_id": "2230"}))


@pytest.mark.parametrize(
    ("device", "tags", "features"),
    [
        ("PCI driver vfio-pci vfio", {}, set()),
        ("PCI driver nvidia vfio", {}, {Feature.VARIANT_DRIVER, Feature.VARIANT_DRIVER_MANAGED}),
        ("PCI driver nvidia vfio", {"managed": "no"}, {Feature.VARIANT_DRIVER}),
        ("PCI driver vfio-pci vfio", {"live_migratable": "yes"}, {Feature.LIVE_MIGRATION}),
        ("PCI driver vfio-pci vfio", {"live_migratable": "no"}, set()),
        ("VF driver x serial S1", {"remote_managed": "true"}, {Feature.REMOTE_MANAGED}),
        ("vdpa driver x\n    vdpa vdpa0 net vhost_vdpa /dev/vhost-vdpa-0", {}, {Feature.VDPA}),
    ],
)
def test_the_rules_and_devices_say_which_features_are_needed(device: str, tags: dict[str, str], features: set[Feature]) -> None:
    text = f"{HEAD}0000:01:00.0 10de:2230 {device}\n"
    assert needed_features(catalogue(text, {"product_id": "2230", **tags})) == features | {Feature.PASSTHROUGH}


def test_without_assignable_devices_nothing_is_needed() -> None:
    assert needed_features(catalogue(HEAD + GPU)) == frozenset()


def test_cards_whose_vpd_can_not_be_had_are_named_and_those_without_a_serial_number_are_not() -> None:
    lines = [
        f"0000:{bus}:00.0 144d:a824 PCI\n    class 010802  serial-unknown {why}\n"
        for bus, why in ((41, f'"{NO_SERIAL}"'), (42, '"its VPD can\'t be decoded"'))
    ]
    [found] = vpd_findings(parse_description(HEAD + "".join(lines), "a.host"), none=NO_SERIAL)
    assert found.verdict is Verdict.WARNING
    assert found.seen.startswith("0000:42:00.0: its VPD can't be decoded")


def test_a_card_is_told_once_and_not_with_each_of_its_vfs() -> None:
    lines = [
        "0000:42:00.0 144d:a824 PF totalvfs 4 numvfs 1 vfproduct a824 offset 1 stride 1",
        "0000:42:00.1 144d:a824 VF 0 of 0000:42:00.0",
    ]
    described = "".join(f'{line}\n    class 010802  serial-unknown "vpd: I/O error"\n' for line in lines)
    [found] = vpd_findings(parse_description(HEAD + described, "a.host"), none=NO_SERIAL)
    assert found.seen.startswith("0000:42:00.0: vpd: I/O error")


def test_a_function_has_libvirt_s_name() -> None:
    assert nodedev_name(PciAddress(0x10000, 0x3B, 0x1F, 7)) == "pci_10000_3b_1f_7"
