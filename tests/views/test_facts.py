# SPDX-License-Identifier: Apache-2.0
"""What the host shows of a device, as parts of an answer."""

from dataclasses import replace

from pcipt_agent.core.device import Fault, FaultKind, Link, Netdev, VdpaDevice
from pcipt_agent.core.spec import Tags
from pcipt_agent.views.facts import facts_part, socket_of, tags_part
from tests.support.planned import host, pci, sriov

PLAIN = pci("3b:00.0")


def test_what_is_not_known_is_null() -> None:
    part = facts_part(replace(PLAIN, numa_node=None, iommu_group=None, serial_unknown="vpd: permission denied"), host(PLAIN))
    assert (part.class_code, part.revision, part.numa_node, part.socket, part.iommu_group, part.link) == (None,) * 6
    assert part.serial_unknown == "vpd: permission denied"
    assert part.iommu_group_members == []


def test_numbers_are_written_as_the_kernel_writes_them() -> None:
    part = facts_part(replace(PLAIN, class_code=0x20000, revision=0xA), host(PLAIN))
    assert (part.class_code, part.revision) == ("020000", "0a")


def test_all_that_hangs_on_a_device_is_shown() -> None:
    device = replace(
        PLAIN,
        netdevs=(Netdev("ens1", None),),
        link=Link(8.0, 4, 16.0, 16),
        vdpa=(VdpaDevice("vdpa0", "net", "vhost_vdpa", "/dev/vhost-vdpa-0"),),
        faults=(Fault(FaultKind.VDPA_NOT_NET, "x"),),
    )
    part = facts_part(device, host(device))
    assert [(each.name, each.mac) for each in part.netdevs] == [("ens1", None)]
    assert part.link is not None
    assert (part.link.speed, part.link.width, part.link.max_speed, part.link.max_width) == (8.0, 4, 16.0, 16)
    assert [(each.name, each.vdpa_class, each.driver, each.node) for each in part.vdpa] == [
        ("vdpa0", "net", "vhost_vdpa", "/dev/vhost-vdpa-0")
    ]
    assert [(each.kind, each.detail) for each in part.faults] == [(FaultKind.VDPA_NOT_NET, "x")]


def test_the_members_of_an_iommu_group_are_shown_in_order() -> None:
    first, second = pci("3b:00.0"), replace(pci("3b:00.1"), iommu_group=PLAIN.iommu_group)
    assert facts_part(second, host(second, first)).iommu_group_members == ["0000:3b:00.0", "0000:3b:00.1"]


def test_a_pf_says_how_many_vfs_it_has_and_could_have() -> None:
    pf, *_ = sriov("3b:00.0", vfs=2)
    part = facts_part(pf, host(pf)).sriov
    assert part is not None
    assert (part.num_vfs, part.total_vfs, part.vf_product_id, part.offset, part.stride) == (2, 64, "00f1", 1, 1)


def test_a_socket_is_that_of_the_numa_node() -> None:
    two = host(PLAIN, sockets=(7, None))
    assert [socket_of(node, two) for node in (0, 1, 2, None)] == [7, None, None, None]


def test_tags_show_the_class_that_the_device_has_where_the_entry_says_none() -> None:
    part = tags_part(PLAIN, Tags(traits=frozenset({"CUSTOM_Z", "CUSTOM_A"}), live_migratable=True))
    assert part.resource_class == "CUSTOM_PCI_8086_0001"
    assert part.live_migratable is True
    assert [trait for trait in part.traits if trait in ("CUSTOM_A", "CUSTOM_Z", "HW_PCI_LIVE_MIGRATABLE")] == [
        "CUSTOM_A",
        "CUSTOM_Z",
        "HW_PCI_LIVE_MIGRATABLE",
    ]
