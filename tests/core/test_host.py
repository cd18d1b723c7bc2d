# SPDX-License-Identifier: Apache-2.0
"""One sighting of a host: who is whose relative, who shares an IOMMU group, and what is different in the next sighting."""

from dataclasses import replace
from pathlib import Path

import pytest

from pcipt_agent.core.address import PciAddress, parse_address
from pcipt_agent.core.device import Device
from pcipt_agent.core.host import Arrived, Changed, Departed, Host, difference, host_after, replaced
from pcipt_agent.views.description import parse_description

HOSTS = Path(__file__).parents[1] / "hosts"


def host(name: str) -> Host:
    return parse_description((HOSTS / name).read_text(), name)


def at(text: str) -> PciAddress:
    address = parse_address(text)
    assert address is not None
    return address


def without(seen: Host, address: PciAddress) -> Host:
    return replace(seen, devices={each: device for each, device in seen.devices.items() if each != address})


def with_device(seen: Host, device: Device) -> Host:
    return replace(seen, devices=dict(sorted([*without(seen, device.address).devices.items(), (device.address, device)])))


def test_vfs_come_in_the_order_of_their_numbers() -> None:
    seen = host("connectx6-on-both-sockets.host")
    vfs = seen.vfs_of(at("0000:3b:00.0"))
    assert [vf.vf_number for vf in vfs] == list(range(10))
    assert [str(vf.address) for vf in vfs][6:8] == ["0000:3b:00.7", "0000:3b:01.0"]


def test_the_order_of_vfs_is_not_that_of_their_addresses() -> None:
    seen = host("connectx6-on-both-sockets.host")
    first, second, *_ = seen.vfs_of(at("0000:3b:00.0"))
    turned = with_device(with_device(seen, replace(first, vf_number=1)), replace(second, vf_number=0))
    assert [vf.address for vf in turned.vfs_of(at("0000:3b:00.0"))[:2]] == [second.address, first.address]


def test_a_vf_without_a_number_comes_last() -> None:
    seen = host("connectx6-on-both-sockets.host")
    first = seen.vfs_of(at("0000:3b:00.0"))[0]
    vfs = with_device(seen, replace(first, vf_number=None)).vfs_of(at("0000:3b:00.0"))
    assert vfs[-1].address == first.address


def test_a_pf_with_no_vf_and_a_stranger_have_none() -> None:
    seen = host("connectx6-on-both-sockets.host")
    assert seen.vfs_of(at("0000:d8:00.0")) == ()
    assert seen.vfs_of(at("0000:ff:00.0")) == ()


def test_the_parent_of_a_vf_is_its_pf() -> None:
    seen = host("connectx6-on-both-sockets.host")
    pf = seen.devices[at("0000:3b:00.0")]
    assert seen.parent_of(seen.devices[at("0000:3b:01.0")]) is pf
    assert seen.parent_of(pf) is None


def test_a_pf_that_is_not_here_is_nobodys_parent() -> None:
    seen = host("odd-functions-beside-a-good-one.host")
    assert seen.parent_of(seen.devices[at("0000:02:10.0")]) is None


def test_a_group_has_its_members_in_address_order() -> None:
    seen = host("gpu-and-its-audio-in-one-group.host")
    assert seen.group_members(16) == (at("0000:01:00.0"), at("0000:01:00.1"))
    assert seen.group_members(99) == ()


def test_nothing_is_different_between_equal_sightings() -> None:
    name = "connectx6-on-both-sockets.host"
    assert difference(host(name), host(name)) == ()


def test_what_happened_is_told_in_address_order() -> None:
    before = host("gpu-and-its-audio-in-one-group.host")
    gpu, audio, other = before.devices.values()
    bound = replace(audio, driver="vfio-pci")
    after = with_device(without(without(before, gpu.address), other.address), bound)
    assert difference(before, after) == (Departed(gpu), Changed(audio, bound), Departed(other))
    assert difference(after, before) == (Arrived(gpu), Changed(bound, audio), Arrived(other))


def test_a_link_that_slows_down_is_no_difference_and_one_that_can_do_less_is() -> None:
    before = host("gpu-and-its-audio-in-one-group.host")
    gpu = next(device for device in before.devices.values() if device.link is not None)
    assert gpu.link is not None
    idle = replace(gpu, link=replace(gpu.link, speed=2.5, width=8))
    assert gpu.link != idle.link
    assert difference(before, with_device(before, idle)) == ()
    for other in (replace(gpu, link=replace(gpu.link, max_width=1)), replace(gpu, link=None), replace(idle, driver="other")):
        assert difference(before, with_device(before, other)) == (Changed(gpu, other),)


def test_equal_hosts_are_equal_whatever_was_derived_from_them() -> None:
    seen = host("vdpa-over-connectx6dx.host")
    assert replace(seen) == seen
    assert without(seen, at("0000:3b:00.1")) != seen


@pytest.mark.parametrize("gone", ["first", "last", "a VF", "the PF"])
def test_a_host_after_changes_is_the_host_made_anew(gone: str) -> None:
    seen = host("connectx6-on-both-sockets.host")
    pf = at("0000:3b:00.0")
    address = {"first": min(seen.devices), "last": max(seen.devices), "a VF": seen.vfs_of(pf)[3].address, "the PF": pf}[gone]
    changed = replace(seen.vfs_of(pf)[5], vf_number=77, iommu_group=3)
    after = host_after(seen, {address: None, changed.address: changed})
    afresh = with_device(without(seen, address), changed)
    assert list(after.devices.items()) == list(afresh.devices.items())
    assert (after, after.vfs_of(pf)) == (afresh, afresh.vfs_of(pf))
    assert [after.group_members(group) for group in range(64)] == [afresh.group_members(group) for group in range(64)]
    assert replaced(seen, after) == tuple(sorted({address, changed.address}))
    assert host_after(after, {address: seen.devices[address], changed.address: seen.devices[changed.address]}) == seen


def test_a_host_after_nothing_is_the_same_object() -> None:
    seen = host("connectx6-on-both-sockets.host")
    pf = at("0000:3b:00.0")
    assert host_after(seen, {pf: seen.devices[pf], at("0000:99:00.0"): None}) is seen
    assert replaced(seen, seen) == ()
