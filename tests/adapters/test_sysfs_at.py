# SPDX-License-Identifier: Apache-2.0
"""A look at a few functions: it sees what a look at everything would see, reads little, and leaves the rest as it was."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcipt_agent.adapters.sysfs import SysfsReader
from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.device import Device, VdpaDevice
from pcipt_agent.core.host import Host
from pcipt_agent.errors import HostError
from pcipt_agent.views.description import parse_description
from tests.support.hosttree import HostTree, directory_in_memory, vpd
from tests.support.in_use import InUse
from tests.support.machines import card

NAME = "vdpa-over-connectx6dx.host"
HOST = parse_description((Path(__file__).parents[1] / "hosts" / NAME).read_text(), NAME)
PFS = [device for device in HOST.devices.values() if device.sriov is not None]
VFS = [device for device in HOST.devices.values() if device.parent is not None]
PF = PFS[0]
FIRST_VF = HOST.vfs_of(PF.address)[0]


Happening = Callable[[HostTree], set[PciAddress]]
"""Something that happens to the host; returns the addresses of which udev would tell."""


@pytest.fixture
def root() -> Iterator[Path]:
    with directory_in_memory() as directory:
        yield directory


@pytest.fixture
def tree(root: Path) -> HostTree:
    return HostTree(root, HOST)


def happenings() -> st.SearchStrategy[Happening]:
    return st.one_of(
        st.builds(_bound, st.sampled_from([*HOST.devices.values()]), st.sampled_from(["vfio-pci", "mlx5_core"])),
        st.builds(_unplugged, st.sampled_from([*HOST.devices.values()])),
        st.builds(_with_vfs, st.sampled_from(PFS), st.integers(0, 4)),
        st.builds(_with_vdpa, st.sampled_from(VFS), st.sampled_from(["blue", "amber"])),
        st.builds(_replaced, st.sampled_from(PFS)),
    )


def _bound(device: Device, driver: str) -> Happening:
    def happen(tree: HostTree) -> set[PciAddress]:
        if tree.directory_of(device.address).is_dir():
            tree.unbind(device.address)
            tree.bind(device.address, driver)
        return {device.address}

    return happen


def _unplugged(device: Device) -> Happening:
    """Or plugged in again."""

    def happen(tree: HostTree) -> set[PciAddress]:
        if tree.directory_of(device.address).is_dir():
            tree.unplug(device.address)
        else:
            tree.plug(replace(device, vdpa=()))
        return {device.address}

    return happen


def _with_vfs(pf: Device, count: int) -> Happening:
    def happen(tree: HostTree) -> set[PciAddress]:
        for vf in HOST.vfs_of(pf.address):
            if tree.directory_of(vf.address).is_dir():
                tree.unplug(vf.address)
        if tree.directory_of(pf.address).is_dir():
            tree.set_num_vfs(pf, [replace(vf, vdpa=()) for vf in HOST.vfs_of(pf.address)[:count]])
        return {pf.address, *(vf.address for vf in HOST.vfs_of(pf.address))}

    return happen


def _with_vdpa(vf: Device, name: str) -> Happening:
    def happen(tree: HostTree) -> set[PciAddress]:
        if tree.directory_of(vf.address).is_dir() and not (tree.root / "sys/bus/vdpa/devices" / name).is_symlink():
            tree.add_vdpa(vf.address, VdpaDevice(name, "net", "vhost_vdpa", f"/dev/vhost-vdpa-{len(name)}"))
        return {vf.address}

    return happen


def _replaced(pf: Device) -> Happening:
    """Another card in the slot, with another serial number."""

    def happen(tree: HostTree) -> set[PciAddress]:
        if tree.directory_of(pf.address).is_dir():
            tree.write(pf.address, "revision", content=b"0x77\n")
            tree.write(pf.address, "subsystem_device", content=b"0x7777\n")
            tree.write(pf.address, "vpd", content=vpd("ANOTHER"))
        return {pf.address}

    return happen


@settings(max_examples=100)
@given(st.lists(happenings(), min_size=1, max_size=6), st.sampled_from([1, 2, 9]))
def test_looks_at_where_something_happened_see_the_whole_host(happened: list[Happening], at_once: int) -> None:
    with directory_in_memory() as root:
        tree, reader = HostTree(root, HOST), SysfsReader(root)
        assert reader.read() == HOST
        for start in range(0, len(happened), at_once):
            seen = reader.read_at(set[PciAddress]().union(*(happen(tree) for happen in happened[start : start + at_once])))
            afresh = SysfsReader(root).read()
            assert list(seen.devices.items()) == list(afresh.devices.items())
            assert [seen.vfs_of(pf.address) for pf in PFS] == [afresh.vfs_of(pf.address) for pf in PFS]
            groups = {device.iommu_group for device in HOST.devices.values() if device.iommu_group is not None}
            assert [seen.group_members(group) for group in groups] == [afresh.group_members(group) for group in groups]
            assert reader.read() is seen


def test_what_is_unchanged_is_the_same_object_down_to_the_host(tree: HostTree) -> None:
    reader = SysfsReader(tree.root)
    before = reader.read()
    assert reader.read_at([PF.address, FIRST_VF.address]) is before
    tree.bind(FIRST_VF.address, "vfio-pci") if FIRST_VF.driver is None else tree.unbind(FIRST_VF.address)
    after = reader.read_at([FIRST_VF.address])
    assert [address for address in after.devices if after.devices[address] is not before.devices[address]] == [FIRST_VF.address]
    assert before.devices[FIRST_VF.address] == FIRST_VF


def test_nothing_else_is_read(tree: HostTree) -> None:
    reader = SysfsReader(tree.root)
    before = reader.read()
    other = VFS[-1].address
    tree.write(other, "driver_override", content=b"vfio-pci\n")
    assert other not in {FIRST_VF.address, PF.address}
    assert reader.read_at([FIRST_VF.address]) is before
    assert reader.read_at([other]).devices[other].driver_override == "vfio-pci"


def test_the_first_look_is_at_everything(tree: HostTree) -> None:
    assert SysfsReader(tree.root).read_at([FIRST_VF.address]) == HOST


def test_an_address_where_there_is_nothing_changes_nothing(tree: HostTree) -> None:
    reader = SysfsReader(tree.root)
    assert reader.read() is reader.read_at([PciAddress(0, 0x99, 0, 0), PciAddress(0x10000, 0, 0, 0)])


def test_a_hint_of_one_new_vf_finds_all_that_its_pf_has(tree: HostTree) -> None:
    reader = SysfsReader(tree.root)
    vfs = HOST.vfs_of(PF.address)
    tree.set_num_vfs(PF, [])
    assert reader.read().vfs_of(PF.address) == ()
    tree.set_num_vfs(PF, vfs)
    assert reader.read_at([vfs[-1].address]) == SysfsReader(tree.root).read()


def test_a_hint_of_a_pf_alone_finds_the_vfs_that_came_and_those_that_went(tree: HostTree) -> None:
    reader = SysfsReader(tree.root)
    reader.read()
    for count in (2, 5, 0, 3):
        tree.set_num_vfs(PF, HOST.vfs_of(PF.address)[:count])
        assert reader.read_at([PF.address]) == SysfsReader(tree.root).read()


def test_half_of_the_vfs_are_shown_as_half(tree: HostTree) -> None:
    """The kernel links each VF before `sriov_numvfs` says how many there are to be."""
    assert PF.sriov is not None
    reader = SysfsReader(tree.root)
    tree.set_num_vfs(PF, HOST.vfs_of(PF.address)[:2])
    tree.write(PF.address, "sriov_numvfs", content=b"0\n")
    seen = reader.read_at([PF.address])
    assert len(seen.vfs_of(PF.address)) == 2
    assert seen.devices[PF.address].sriov == replace(PF.sriov, num_vfs=0)


def test_vfs_that_appear_while_their_pf_is_read_are_fewer_than_it_says(tree: HostTree) -> None:
    """Never the other way round, which would look settled: the links are listed before `sriov_numvfs` is read."""
    vfs = HOST.vfs_of(PF.address)
    tree.set_num_vfs(PF, vfs[:1])
    reader = SysfsReader(tree.root)
    reader.read()
    path = tree.directory_of(PF.address) / "sriov_numvfs"
    path.unlink()
    os.mkfifo(path)
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(reader.read_at, [PF.address])
        with path.open("wb") as store:  # opens when the reader is there; it waits, as for a store that is under way
            for vf in vfs[1:]:
                tree.plug(vf)
            store.write(f"{len(vfs)}\n".encode())
        seen = looking.result(timeout=30)
    sriov = seen.devices[PF.address].sriov
    assert sriov is not None
    assert (sriov.num_vfs, len(seen.vfs_of(PF.address))) == (len(vfs), 1)


def test_what_is_gone_can_be_known_while_a_look_at_its_pf_would_wait(tree: HostTree) -> None:
    gone, *vfs = HOST.vfs_of(PF.address)
    reader = SysfsReader(tree.root)
    reader.read()
    tree.unplug(gone.address)
    path = tree.directory_of(PF.address) / "sriov_numvfs"
    path.unlink()
    os.mkfifo(path)
    assert reader.gone([PF.address, gone.address, *(vf.address for vf in vfs)]) == {gone.address}


def test_where_nothing_can_be_read_nobody_is_gone_and_it_is_said(tree: HostTree) -> None:
    reader = SysfsReader(tree.root)
    (tree.root / "sys").rename(tree.root / "moved")
    with pytest.raises(HostError):
        reader.gone([PF.address])


@pytest.mark.parametrize(
    "look", [SysfsReader.read, lambda reader: reader.read_at([FIRST_VF.address, PF.address])], ids=["at all", "at both"]
)
def test_a_vf_that_is_read_before_it_says_of_whom_it_is_is_read_again(tree: HostTree, look: Callable[[SysfsReader], Host]) -> None:
    """As without that it would look like a function that is no VF until the next rescan."""
    whole = SysfsReader(tree.root).read()
    physfn, numbers = tree.directory_of(FIRST_VF.address) / "physfn", tree.directory_of(PF.address) / "sriov_numvfs"
    target, content = physfn.readlink(), numbers.read_bytes()
    physfn.unlink()
    reader = SysfsReader(tree.root)
    assert reader.read().devices[FIRST_VF.address].parent is None
    numbers.unlink()
    os.mkfifo(numbers)
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look, reader)
        with numbers.open("wb") as store:  # opens when the reader is there
            physfn.symlink_to(target)
            store.write(content)
        assert looking.result(timeout=30) == whole


def test_a_vf_that_had_not_said_of_whom_it_is_is_looked_at_with_its_pf(tree: HostTree) -> None:
    whole = SysfsReader(tree.root).read()
    physfn = tree.directory_of(FIRST_VF.address) / "physfn"
    target = physfn.readlink()
    physfn.unlink()
    reader = SysfsReader(tree.root)
    assert reader.read() != whole
    physfn.symlink_to(target)
    assert reader.read_at([PF.address]) == whole


def test_a_host_that_can_not_be_read_is_an_error_and_the_next_look_goes_on(tree: HostTree) -> None:
    reader = SysfsReader(tree.root)
    before = reader.read()
    (tree.root / "sys").rename(tree.root / "gone")
    with pytest.raises(HostError):
        reader.read_at([PF.address])
    (tree.root / "gone").rename(tree.root / "sys")
    assert reader.read_at([PF.address]) is before


def test_vfs_that_arrive_one_by_one_share_what_is_equal(root: Path) -> None:
    pf, *vfs = card(0x3B)
    assert pf.sriov is not None
    tree = HostTree(root, Host(devices={pf.address: pf}, numa_nodes={}, boot_id="x"))
    reader = SysfsReader(root)
    reader.read()
    tree.set_num_vfs(pf, vfs)
    seen = reader.read_at([vf.address for vf in vfs])
    assert len(seen.vfs_of(pf.address)) == len(vfs)
    assert len({id(vf.reset_methods) for vf in seen.vfs_of(pf.address)}) == 1


def test_what_the_host_uses_now_is_seen_whatever_the_addresses(tree: HostTree) -> None:
    host, disk = InUse(tree.root), tree.directory_of(FIRST_VF.address)
    host.add_disk(disk, "sda")
    reader = SysfsReader(tree.root)
    assert reader.read().devices[FIRST_VF.address].host_uses == ()
    host.mount("sda", "/srv")
    after = reader.read_at([])
    assert [use.kind for use in after.devices[FIRST_VF.address].host_uses] == ["mounted"]
    assert after == SysfsReader(tree.root).read()
    (tree.root / "proc/self/mountinfo").write_text("22 27 0:21 / /proc rw,relatime - proc proc rw\n")
    assert reader.read_at([PF.address]).devices[FIRST_VF.address].host_uses == ()
