# SPDX-License-Identifier: Apache-2.0
"""Contest: PFs beside VFs in numbers for which no search has time, and what is proven without one."""

import pytest

from pcipt_agent.core.catalogue import Catalogue, catalogue_of
from pcipt_agent.core.contest import EFFORT, Chosen, Excluded, resolve
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.deviceset import DeviceSet, lowest, set_of
from pcipt_agent.core.matching import Prefer, Shortage, Want
from tests.support.machines import VFS_PER_PF, sriov_host
from tests.support.planned import rules

PFS = 64


@pytest.fixture(scope="module")
def full() -> Catalogue:
    """64 PFs with 63 VFs each."""
    return catalogue_of(sriov_host(PFS * (VFS_PER_PF + 1)), rules())


def fresh() -> Prefer:
    return lambda _want, among: lowest(among)


def of_type(catalogue: Catalogue, device_type: DeviceType) -> DeviceSet:
    return catalogue.by_type[device_type]


def wants(catalogue: Catalogue, *, pfs: int, vfs: int) -> list[Want]:
    return [Want(pfs, of_type(catalogue, DeviceType.PF)), Want(vfs, of_type(catalogue, DeviceType.VF))]


def clashes(catalogue: Catalogue, found: Chosen) -> DeviceSet:
    taken = set_of(index for each in found for index in each)
    return set_of(pf for pf, vfs in catalogue.kinship.members.items() if taken >> pf & 1 and taken & vfs)


@pytest.mark.parametrize("pfs", [1, 32, 63])
def test_pfs_and_all_vfs_of_the_others_are_found(full: Catalogue, pfs: int) -> None:
    vfs = (PFS - pfs) * VFS_PER_PF
    found = resolve(full, wants(full, pfs=pfs, vfs=vfs), fresh)
    assert isinstance(found, tuple), found
    assert [len(set(each)) for each in found] == [pfs, vfs]
    assert not clashes(full, found)


@pytest.mark.parametrize("pfs", [1, 32, 63])
def test_one_vf_more_is_proven_to_be_too_many(full: Catalogue, pfs: int) -> None:
    found = resolve(full, wants(full, pfs=pfs, vfs=(PFS - pfs) * VFS_PER_PF + 1), fresh)
    assert isinstance(found, Excluded), found
    assert found.decided


def test_more_than_a_search_may_place_is_still_found_by_taking_the_pfs_last(full: Catalogue) -> None:
    crowding = wants(full, pfs=8, vfs=EFFORT + 1)
    found = resolve(full, crowding, fresh)
    assert isinstance(found, tuple), found
    assert not clashes(full, found)


def test_too_few_of_all_is_a_shortage_whatever_is_contested(full: Catalogue) -> None:
    assert isinstance(resolve(full, wants(full, pfs=PFS + 1, vfs=1), fresh), Shortage)
