# SPDX-License-Identifier: Apache-2.0
"""Catalogue: every device against the rules, and the sets that follow."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcipt_agent.core.alias import Alias, Alternative, Readiness, RuleSet
from pcipt_agent.core.catalogue import catalogue_of
from pcipt_agent.core.device import DeviceType, HostUse, HostUseKind
from pcipt_agent.core.deviceset import indexes, set_of
from pcipt_agent.core.host import Host
from pcipt_agent.core.kinship import kinship_of
from pcipt_agent.core.readiness import Unready
from pcipt_agent.core.spec import Tags, mismatch
from tests.support.planned import AUDIO, GPU, VF, at, entry, gpu, host, pci, rules, sriov
from tests.support.strategies import ALTERNATIVES, hosts, rule_sets


@settings(max_examples=150)
@given(hosts(), rule_sets())
def test_the_first_entry_that_matches_is_the_devices_own(machine: Host, ruleset: RuleSet) -> None:
    catalogue = catalogue_of(machine, ruleset)
    for device, spec in zip(catalogue.devices, catalogue.spec_of, strict=True):
        matching = [each for each in ruleset.specs if mismatch(each, device, machine.parent_of(device)) is None]
        assert spec == (matching[0] if matching else None)


@settings(max_examples=150)
@given(hosts(), rule_sets(), st.lists(ALTERNATIVES, min_size=1, max_size=3))
def test_what_an_alias_is_offered_is_the_same_configured_or_not(machine: Host, ruleset: RuleSet, wanted: list[Alternative]) -> None:
    alternatives = tuple(wanted)
    for device_type in DeviceType:
        alias = Alias(name="a", device_type=device_type, numa_policy=None, alternatives=alternatives)
        asked = catalogue_of(machine, ruleset).on_offer(device_type, alternatives)
        assert catalogue_of(machine, replace(ruleset, aliases={"a": alias})).on_offer(device_type, alternatives) == asked
        of_any_type = catalogue_of(machine, ruleset).on_offer(None, alternatives)
        assert asked == of_any_type & catalogue_of(machine, ruleset).by_type.get(device_type, 0)


def test_devices_are_indexed_in_address_order() -> None:
    catalogue = catalogue_of(host(pci("03:00.0"), pci("01:00.0")), rules())
    assert [str(device.address) for device in catalogue.devices] == ["0000:01:00.0", "0000:03:00.0"]
    assert catalogue.index_of[at("03:00.0")] == 1


def test_the_kinship_is_that_of_its_devices() -> None:
    catalogue = catalogue_of(host(pci("01:00.0"), *sriov("02:00.0", vfs=2)), rules())
    assert catalogue.kinship == kinship_of(catalogue.devices, catalogue.index_of)


def test_harmless_is_what_takes_nothing_usable_from_others() -> None:
    machine = host(pci("01:00.0"), *sriov("02:00.0", vfs=1), *sriov("03:00.0", vfs=1), *sriov("04:00.0", vfs=0))
    ruleset = rules(entry(1, product=VF), entry(2, address="02:00.0"), entry(3, address="04:00.0"))
    catalogue = catalogue_of(machine, ruleset)
    names = {str(catalogue.devices[index].address)[5:] for index in indexes(catalogue.harmless)}
    assert names == {"01:00.0", "03:00.1", "04:00.0"}


def test_devices_of_one_kind_share_ids_class_traits_and_tag() -> None:
    machine = host(pci("01:00.0"), pci("02:00.0"), pci("03:00.0", product="000a"))
    ruleset = rules(entry(1, address="01:00.0", tags=Tags(live_migratable=True)), entry(2))
    catalogue = catalogue_of(machine, ruleset)
    assert sorted(catalogue.by_kind.values()) == [0b001, 0b010, 0b100]
    kind = catalogue.kind_of(0)
    assert kind is not None
    assert kind.live_migratable
    assert "HW_PCI_LIVE_MIGRATABLE" in kind.traits
    assert (catalogue.kind_of(2), kind.resource_class) != (kind, "")


def test_what_no_entry_matches_has_no_kind_and_is_not_offered() -> None:
    catalogue = catalogue_of(host(pci("01:00.0")), rules(entry(1, product="ffff")))
    assert (catalogue.kind_of(0), catalogue.assignable, catalogue.offered) == (None, 0, 0)
    assert catalogue.by_ids == {("8086", "0001"): 1}


def test_the_sets_by_place_and_type_cover_every_device_once() -> None:
    catalogue = catalogue_of(host(pci("01:00.0", numa_node=None), *sriov("02:00.0", vfs=2, numa_node=1)), rules())
    assert catalogue.by_numa_node == {None: 0b0001, 1: 0b1110}
    assert catalogue.by_type == {DeviceType.PCI: 0b0001, DeviceType.PF: 0b0010, DeviceType.VF: 0b1100}
    assert catalogue.all_devices == set_of(range(4))


def test_the_driver_is_judged_by_libvirts_version() -> None:
    machine = host(replace(pci("01:00.0"), driver="mlx5_vfio_pci", vfio_driver=True))
    old, new, unknown = (catalogue_of(machine, rules(), version) for version in ((9, 0, 0), (10, 0, 0), None))
    assert ([why.reason for why in old.not_ready(0)], old.warnings(0), old.offered) == ([Unready.DRIVER], (), 0)
    for each in (new, unknown):
        assert (each.not_ready(0), [why.reason for why in each.warnings(0)], each.offered) == ((), [Unready.DRIVER], 1)


def test_all_reasons_are_told_and_the_most_telling_first() -> None:
    used = replace(pci("01:00.0"), iommu_group=None, host_uses=(HostUse(HostUseKind.SWAP, "swap on nvme0n1p2"),))
    ruleset = rules(entry(1, tags=Tags(managed=False)))
    reasons = [Unready.USED_BY_HOST, Unready.NO_IOMMU_GROUP, Unready.DRIVER]
    catalogue = catalogue_of(host(used), ruleset)
    assert [why.reason for why in catalogue.not_ready(0)] == reasons
    lax = catalogue_of(host(used), replace(ruleset, readiness=Readiness.WARN))
    assert [why.reason for why in lax.not_ready(0)] == reasons[:1]
    assert [why.reason for why in lax.warnings(0)] == reasons[1:]


def test_an_alias_is_offered_what_needs_company() -> None:
    catalogue = catalogue_of(host(*gpu("41:00.0")), rules())
    assert (catalogue.ready, catalogue.coupled, catalogue.offered) == (0b11, 0b11, 0b11)
    assert (catalogue.company_of(0), catalogue.company_of(1)) == (0b10, 0b01)


def test_an_unlisted_function_in_the_way_keeps_its_group_from_everybody() -> None:
    catalogue = catalogue_of(host(*gpu("41:00.0")), rules(entry(1, product=GPU)))
    assert (catalogue.ready & 1, catalogue.coupled, catalogue.offered) == (0, 0, 0)
    (why,) = catalogue.not_ready(0)
    assert (why.reason, why.detail) == (
        Unready.GROUP_NOT_VIABLE,
        "its IOMMU group 65 also has 0000:41:00.1, bound to snd_hda_intel",
    )


def test_what_is_for_ports_only_comes_along_with_nobody() -> None:
    card, audio = gpu("41:00.0", driver=None)
    managed_elsewhere = rules(entry(1, product=AUDIO, tags=Tags(remote_managed=True)), entry(2))
    catalogue = catalogue_of(host(card, replace(audio, serial="SN")), managed_elsewhere)
    assert (catalogue.offered, catalogue.coupled) == (0, 0)
    pf, vf = sriov("41:00.2", vfs=1)
    vdpa = replace(vf, device_type=DeviceType.VDPA, driver="vp_vdpa", iommu_group=0x41)
    assert catalogue_of(host(card, pf, vdpa), rules()).not_ready(0)


def test_a_vdpa_device_needs_no_group_of_its_own_and_all_vfs_of_a_settling_pf_are_kept() -> None:
    pf, first, second = sriov("41:00.0", vfs=2)
    grouped = [replace(each, iommu_group=0x41, driver="mlx5_core") for each in (first, second)]
    over = replace(grouped[0], device_type=DeviceType.VDPA)
    assert catalogue_of(host(pf, over, grouped[1]), rules()).ready == 0b011
    assert catalogue_of(host(pf, first), rules()).ready == 0


@pytest.mark.parametrize(("driver", "viable"), [(None, True), ("pcieport", True), ("shpchp", False)])
def test_a_bridge_is_in_the_way_by_its_driver_alone(driver: str | None, viable: bool) -> None:
    bridge = replace(pci("40:00.0"), class_code=0x060400, iommu_group=7, driver=driver)
    catalogue = catalogue_of(host(bridge, *(replace(pci(f"41:00.{each}"), iommu_group=7) for each in (0, 1))), rules())
    assert (catalogue.not_ready(1) == ()) == viable
    assert catalogue.ready == (0b110 if viable else 0)
