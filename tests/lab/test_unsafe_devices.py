# SPDX-License-Identifier: Apache-2.0
"""What can't be handed out safely is refused, and the reason names what is in the way: another member of the IOMMU group, or what
the host itself uses the device for.

Where the agent says no, libvirt and the kernel are asked too; and yes is only right where a guest starts.
"""

import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from tests.lab.calling import call
from tests.lab.claiming import claim, driver_of, status_of, statuses
from tests.lab.disk import disk_in_slot
from tests.lab.guests import HOLDER, Guest
from tests.lab.host import LabHost
from tests.lab.ssh import CommandFailed
from tests.lab.waiting import await_equal


def why_refused(host: LabHost, address: str) -> tuple[str, str]:
    """The filter that drops the device when it is asked for by its address, and what it says."""
    wish = {"address": address}
    reply = call(host, "claim", claim_id="refused", consumer=str(uuid.uuid4()), requests=[wish])
    assert reply.get("code") == "no-devices", reply
    (way,) = reply["funnel"]["requests"]
    (dropped,) = way["dropped"]
    assert dropped["address"] == address
    return way["emptied_by"], dropped["reason"]


def uses_of(host: LabHost, address: str) -> Mapping[str, str]:
    """How the host uses it, as the agent sees it: kind → detail."""
    facts = call(host, "explain_device", address=address)["device"]["facts"]
    return {use["kind"]: use["detail"] for use in facts["host_uses"]}


def netdev_of(host: LabHost, address: str) -> str:
    return host.run("ls", f"/sys/bus/pci/devices/{address}/net").stdout.strip()


@contextmanager
def unused_again(host: LabHost, netdev: str) -> Iterator[None]:
    """Afterwards the network interface is as the host has it that does not use it."""
    try:
        yield
    finally:
        host.shell(f"ip link del labbr 2>/dev/null || :; ip address flush dev {netdev}; ip link set {netdev} down")


def test_one_of_two_in_an_iommu_group_is_refused_naming_the_other_and_both_together_are_given(host: LabHost) -> None:
    one, other = host.address("pair.0"), host.address("pair.1")
    facts = call(host, "explain_device", address=one)["device"]["facts"]
    assert other in facts["iommu_group_members"]
    in_the_way = f"its IOMMU group {facts['iommu_group']} also has {other}, bound to e1000"

    name, reason = why_refused(host, one)
    assert (name, reason.startswith(in_the_way)) == ("iommu-group", True), reason
    consumer = str(uuid.uuid4())
    both = claim(host, {"alias": "pair", "count": 2}, consumer=consumer)
    assert sorted(both.addresses) == sorted([one, other])
    elements = re.findall("<hostdev.*?</hostdev>", both.xml, re.DOTALL)
    assert len(elements) == 2
    with pytest.raises(CommandFailed, match="not viable"):
        Guest.create(host, "alone", elements[0], uuid=consumer, shape=HOLDER)
    guest = Guest.create(host, "both", both.xml, uuid=consumer, shape=HOLDER)
    assert [driver_of(host, each) for each in both.addresses] == ["vfio-pci"] * 2
    guest.destroy()
    assert [driver_of(host, each) for each in both.addresses] == ["e1000"] * 2


def test_a_group_with_a_member_that_the_host_uses_is_refused_even_as_a_whole(host: LabHost) -> None:
    one, other = host.address("pair.0"), host.address("pair.1")
    netdev = netdev_of(host, other)
    with unused_again(host, netdev):
        host.shell(f"ip link set {netdev} up; ip address add 192.0.2.7/24 dev {netdev}")
        await_equal(lambda: status_of(host, other), "used-by-host")
        name, reason = why_refused(host, one)
        assert name == "ready"
        assert f"{other}, which the host uses ({netdev} has 192.0.2.7)" in reason
        both = call(host, "claim", claim_id="both", consumer=str(uuid.uuid4()), requests=[{"alias": "pair", "count": 2}])
        assert both["code"] == "no-devices"
    await_equal(lambda: status_of(host, one), "free")


def test_the_root_disks_controller_and_the_nic_with_the_hosts_address_are_refused_and_say_why(host: LabHost) -> None:
    """Entries list both; only that the host uses them keeps them here."""
    disk, nic = host.address("root-disk"), host.address("management")
    assert (status_of(host, disk), status_of(host, nic)) == ("used-by-host", "used-by-host")
    assert why_refused(host, disk) == ("ready", "the host uses it: vda is mounted on /")
    assert why_refused(host, nic) == ("ready", "the host uses it: mgmt0 has 10.0.2.15; mgmt0 carries the default route")


def test_a_vf_is_the_hosts_while_its_netdev_has_an_address_and_so_is_its_pf_but_not_the_other_vfs(host: LabHost) -> None:
    pf, (vf, *others) = host.address("nic0"), host.vfs("nic0")
    netdev = netdev_of(host, vf)
    with unused_again(host, netdev):
        host.shell(f"ip link set {netdev} up; ip address add 192.0.2.8/32 dev {netdev}")
        await_equal(lambda: statuses(host, [vf, pf]), {vf: "used-by-host", pf: "used-by-host"})
        assert why_refused(host, vf) == ("ready", f"the host uses it: {netdev} has 192.0.2.8")
        assert why_refused(host, pf) == ("ready", f"the host uses its VF {vf} ({netdev} has 192.0.2.8)")
        assert set(statuses(host, others).values()) == {"free"}
    await_equal(lambda: statuses(host, [vf, pf]), {vf: "free", pf: "free"})


def test_a_pf_whose_netdev_is_in_a_bridge_or_carries_a_route_is_the_hosts_and_its_vfs_are_not(host: LabHost) -> None:
    pf, vfs = host.address("nic0"), host.vfs("nic0")
    netdev = netdev_of(host, pf)
    with unused_again(host, netdev):
        host.shell(f"ip link add labbr type bridge; ip link set {netdev} master labbr")
        await_equal(lambda: dict(uses_of(host, pf)), {"enslaved": f"labbr is over {netdev}"})
        assert statuses(host, [pf, *vfs]) == {**dict.fromkeys(vfs, "free"), pf: "used-by-host"}
        host.shell(f"ip link del labbr; ip link set {netdev} up; ip route add 198.51.100.0/24 dev {netdev}")
        await_equal(lambda: dict(uses_of(host, pf)), {"route": f"{netdev} carries a route to 198.51.100.0/24"})
        assert statuses(host, [pf, *vfs]) == {**dict.fromkeys(vfs, "free"), pf: "used-by-host"}
    await_equal(lambda: status_of(host, pf), "free")


def test_a_disk_is_the_hosts_while_it_is_swapped_to_or_mounted_or_something_is_over_it(host: LabHost) -> None:
    with disk_in_slot(host) as disk:
        await_equal(lambda: statuses(host, [disk.address]), {disk.address: "free"})

        host.shell(f"mkswap /dev/{disk.name}; swapon /dev/{disk.name}")
        await_equal(lambda: dict(uses_of(host, disk.address)), {"swap": f"{disk.name} is swap"})
        host.shell(f"swapoff /dev/{disk.name}; dmsetup create lab --table '0 2048 linear /dev/{disk.name} 0'")
        await_equal(lambda: dict(uses_of(host, disk.address)), {"holder": f"dm-0 is over {disk.name}"})
        host.shell(f"dmsetup remove --retry lab; mkfs.ext4 -q /dev/{disk.name}; mount /dev/{disk.name} /mnt")
        await_equal(lambda: dict(uses_of(host, disk.address)), {"mounted": f"{disk.name} is mounted on /mnt"})
        assert why_refused(host, disk.address) == ("ready", f"the host uses it: {disk.name} is mounted on /mnt")
        host.shell("umount /mnt")
        await_equal(lambda: statuses(host, [disk.address]), {disk.address: "free"})


def test_a_namespace_that_several_controllers_may_reach_is_the_hosts_by_the_one_that_does(host: LabHost) -> None:
    """The kernel shows it once, below no function (nvme_core's multipath)."""
    pf, vfs = host.address("nvme2"), host.vfs("nvme2")
    name = host.shell("cd /sys/class/nvme-subsystem/; ls -d */nvme*n* | xargs -n1 basename").strip()
    assert host.run("readlink", f"/sys/class/block/{name}").stdout.startswith("../../devices/virtual/")
    host.shell(f"dmsetup create lab --table '0 2048 linear /dev/{name} 0'")
    try:
        await_equal(lambda: dict(uses_of(host, pf)), {"holder": f"dm-0 is over {name}"})
        assert statuses(host, vfs) == dict.fromkeys(vfs, "free")
    finally:
        host.shell("dmsetup remove --retry lab")
    await_equal(lambda: dict(uses_of(host, pf)), {})
