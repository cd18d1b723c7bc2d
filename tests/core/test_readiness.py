# SPDX-License-Identifier: Apache-2.0
"""Readiness: what a host says against handing a device out, and what its driver and its entry say to each other."""

from dataclasses import replace

import pytest

from pcipt_agent.core.device import Device, DeviceType, Fault, FaultKind, HostUse, HostUseKind
from pcipt_agent.core.domain import Version
from pcipt_agent.core.readiness import NotReady, Unready, driver_trouble, of_itself, unsettled
from tests.support.planned import host, pci, sriov

DEVICE = pci("01:00.0")
FAULTS = (Fault(FaultKind.VF_WITHOUT_PF, "physfn"), Fault(FaultKind.UNDECODABLE, "class"))
USES = (HostUse(HostUseKind.ADDRESS, "eth0 has 192.0.2.7"), HostUse(HostUseKind.ROUTE, "eth0 carries the route to 192.0.2.0/24"))


def reasons(device: Device, *others: Device) -> list[NotReady]:
    return list(of_itself(device, host(device, *others)))


@pytest.mark.parametrize("group", [7, None])
def test_nothing_is_said_of_a_device_that_nothing_is_wrong_with_whatever_its_group(group: int | None) -> None:
    assert reasons(replace(DEVICE, iommu_group=group)) == []


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        (
            replace(DEVICE, host_uses=USES),
            NotReady(Unready.USED_BY_HOST, "the host uses it: eth0 has 192.0.2.7; eth0 carries the route to 192.0.2.0/24"),
        ),
        (replace(DEVICE, faults=FAULTS), NotReady(Unready.FAULT, "vf-without-pf: physfn; undecodable: class")),
        (
            replace(DEVICE, faults=(Fault(FaultKind.OUTSIDE_LIMITS, "domain 10000"),)),
            NotReady(Unready.FAULT, "outside-limits: domain 10000"),
        ),
        (replace(DEVICE, class_code=0x060400), NotReady(Unready.BRIDGE, "class 060400 is a bridge")),
    ],
)
def test_each_reason_has_its_particulars(device: Device, expected: NotReady) -> None:
    assert reasons(device) == [expected]


def test_all_reasons_are_told_in_the_order_of_the_table() -> None:
    pf, vf = sriov("02:00.0", vfs=1)
    odd = replace(pf, host_uses=USES, faults=FAULTS, class_code=0x060400, sriov=replace(pf.sriov, num_vfs=2) if pf.sriov else None)
    told = [each.reason for each in reasons(odd, vf)]
    assert told == [Unready.USED_BY_HOST, Unready.SETTLING, Unready.FAULT, Unready.BRIDGE]
    assert told == [each for each in Unready if each in told]


def test_a_pf_whose_vfs_the_host_uses_is_used_with_them_and_the_vfs_of_a_used_pf_are_not() -> None:
    pf, *vfs = sriov("02:00.0", vfs=6)
    used = [replace(vf, host_uses=USES) for vf in vfs]
    (one,) = reasons(pf, used[0], *vfs[1:])
    assert one == NotReady(Unready.USED_BY_HOST, "the host uses its VF 0000:02:00.1 (eth0 has 192.0.2.7)")
    (both,) = reasons(replace(pf, host_uses=USES[:1]), *used)
    assert both.detail.startswith("the host uses it: eth0 has 192.0.2.7; the host uses its VFs 0000:02:00.1 (eth0 has 192.0.2.7), ")
    assert both.detail.endswith(" and 2 more")
    assert reasons(vfs[0], replace(pf, host_uses=USES), *vfs[1:]) == []


def test_a_pf_whose_vfs_are_not_all_here_is_settling_and_so_are_they() -> None:
    pf, first, second, *_ = sriov("02:00.0", vfs=4)
    assert reasons(pf, first, second) == [NotReady(Unready.SETTLING, "2 of 4 VFs are here")]
    assert reasons(first, pf, second) == [NotReady(Unready.SETTLING, "its PF 0000:02:00.0 is settling: 2 of 4 VFs are here")]


def test_a_pf_that_has_more_vfs_than_it_says_is_settling_too() -> None:
    pf, first, second = sriov("02:00.0", vfs=2)
    assert pf.sriov is not None
    going = replace(pf, sriov=replace(pf.sriov, num_vfs=0))
    assert reasons(going, first, second) == [NotReady(Unready.SETTLING, "2 VFs are here, and sriov_numvfs is 0")]


def test_a_vf_of_which_a_file_is_not_there_yet_is_settling_before_it_is_at_fault() -> None:
    pf, first, _ = sriov("02:00.0", vfs=2)
    half = replace(first, faults=(Fault(FaultKind.MISSING_FILE, "vendor"),))
    assert [each.reason for each in reasons(half, pf)] == [Unready.SETTLING, Unready.FAULT]


def test_a_pf_with_all_its_vfs_or_with_none_enabled_is_settled() -> None:
    pf, vf = sriov("02:00.0", vfs=1)
    (alone,) = sriov("03:00.0", vfs=0)
    assert (reasons(pf, vf), reasons(vf, pf), reasons(alone)) == ([], [], [])
    assert unsettled(DEVICE, 0) is None


def test_a_host_use_of_the_pf_is_not_its_vfs() -> None:
    pf, vf = sriov("02:00.0", vfs=1)
    assert reasons(vf, replace(pf, host_uses=USES)) == []


VFIO = replace(DEVICE, driver="vfio-pci", vfio_driver=True)
VARIANT = replace(DEVICE, driver="mlx5_vfio_pci", vfio_driver=True)
NETWORK = replace(DEVICE, driver="mlx5_core")
OLD, NEW = (9, 10, 0), (10, 0, 0)

DRIVERS: list[tuple[Device, bool, Version | None, tuple[bool, str] | None]] = [
    (DEVICE, True, None, None),
    (NETWORK, True, OLD, None),
    (VFIO, True, OLD, None),
    (VFIO, False, OLD, None),
    (VARIANT, False, OLD, None),
    (VARIANT, False, None, None),
    (DEVICE, False, NEW, (True, "managed is no, and it is bound to no driver: bind it to vfio-pci or a variant driver")),
    (NETWORK, False, NEW, (True, "managed is no, and it is bound to mlx5_core: bind it to vfio-pci or a variant driver")),
    (VARIANT, True, OLD, (True, "libvirt 9.10.0 would bind vfio-pci in place of mlx5_vfio_pci: set managed to no in its entry")),
    (
        VARIANT,
        True,
        NEW,
        (False, "it is bound to mlx5_vfio_pci, and with managed yes libvirt 10.0.0 binds the variant that it finds best"),
    ),
    (VARIANT, True, None, (False, "it is bound to mlx5_vfio_pci and managed is yes: right with libvirt 10.0.0, wrong before")),
    (replace(NETWORK, device_type=DeviceType.VDPA), False, NEW, None),
    (replace(VARIANT, device_type=DeviceType.VDPA), True, OLD, None),
]


@pytest.mark.parametrize(("device", "managed", "version", "expected"), DRIVERS)
def test_the_driver_must_be_what_managed_needs(
    device: Device, managed: bool, version: Version | None, expected: tuple[bool, str] | None
) -> None:
    trouble = driver_trouble(device, managed=managed, libvirt_version=version)
    assert (None if trouble is None else (trouble.refused, trouble.why.detail)) == expected
    assert trouble is None or trouble.why.reason is Unready.DRIVER
