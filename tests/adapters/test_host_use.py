# SPDX-License-Identifier: Apache-2.0
"""What the host uses itself, found in a tree: each kind, what is no use, and that odd files hide nothing else."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcipt_agent.adapters.sysfs.host_use import host_uses
from pcipt_agent.errors import HostError
from tests.support.hosttree import directory_in_memory
from tests.support.in_use import InUse, link

NIC, DISK, OTHER = "0000:3b:00.0", "0000:00:17.0", "0000:5e:00.0"


@pytest.fixture
def root() -> Iterator[Path]:
    with directory_in_memory() as directory:
        (directory / "sys/class/net").mkdir(parents=True)
        yield directory


@pytest.fixture
def used(root: Path) -> InUse:
    return InUse(root)


def directory_of(root: Path, name: str) -> Path:
    return root / "sys/devices" / f"pci{name[:7]}" / name


@pytest.fixture
def nic(root: Path, used: InUse) -> str:
    used.add_netdev(directory_of(root, NIC), "eth0")
    return "eth0"


@pytest.fixture
def disk(root: Path, used: InUse) -> str:
    used.add_disk(directory_of(root, DISK) / "ata1/host0/target0:0:0/0:0:0:0", "sda")
    return "sda"


def found(root: Path) -> dict[str, list[str]]:
    return {name: [f"{use.kind}: {use.detail}" for use in uses] for name, uses in host_uses(root).items()}


def test_an_empty_tree_is_not_used(root: Path) -> None:
    assert found(root) == {}
    assert found(root / "nothing") == {}


def test_an_interface_that_is_down_or_up_without_address_is_not_used(root: Path, used: InUse, nic: str) -> None:
    assert found(root) == {}
    used.bring_up(nic)
    assert found(root) == {}


@pytest.mark.parametrize("address", ["192.0.2.7/24", "10.1.2.3/8", "169.254.7.7/16", "2001:db8::7/64", "fd00::1/128"])
def test_an_interface_with_an_address_is_used(root: Path, used: InUse, nic: str, address: str) -> None:
    used.bring_up(nic)
    used.add_address(nic, address)
    assert found(root) == {NIC: [f"address: eth0 has {address.partition('/')[0]}"]}


def test_of_several_addresses_the_plainest_is_told(root: Path, used: InUse, nic: str) -> None:
    for address in ("2001:db8::7/64", "203.0.113.9/24", "192.0.2.7/24"):
        used.add_address(nic, address)
    assert found(root) == {NIC: ["address: eth0 has 192.0.2.7"]}


def test_an_address_with_the_default_route_is_two_uses(root: Path, used: InUse, nic: str) -> None:
    used.add_address(nic, "192.0.2.7/24")
    used.add_route(nic, "0.0.0.0/0", gateway=True)
    used.add_route(nic, "198.51.100.0/24", gateway=True)
    assert found(root) == {NIC: ["address: eth0 has 192.0.2.7", "route: eth0 carries the default route"]}


@pytest.mark.parametrize("network", ["198.51.100.0/24", "192.0.2.1/32", "2001:db8::/32"])
def test_a_route_alone_is_a_use(root: Path, used: InUse, nic: str, network: str) -> None:
    used.bring_up(nic)
    used.add_route(nic, network)
    assert found(root) == {NIC: [f"route: eth0 carries a route to {network}"]}


def test_an_ipv6_default_route_is_the_default_route(root: Path, used: InUse, nic: str) -> None:
    used.bring_up(nic)
    used.add_route(nic, "::/0")
    assert found(root) == {NIC: ["route: eth0 carries the default route"]}


def test_of_two_interfaces_in_one_network_nobody_says_which_has_the_address(root: Path, used: InUse, nic: str) -> None:
    used.add_netdev(directory_of(root, OTHER), "eth1")
    used.add_address(nic, "192.0.2.7/24")
    used.add_address("eth1", "192.0.2.8/24")
    told = "carries a route to 192.0.2.0/24"
    assert found(root) == {NIC: [f"route: eth0 {told}"], OTHER: [f"route: eth1 {told}"]}


def test_an_address_is_on_the_interface_with_the_narrowest_network(root: Path, used: InUse, nic: str) -> None:
    used.add_netdev(directory_of(root, OTHER), "eth1")
    used.add_address(nic, "10.1.2.3/8")
    used.add_address("eth1", "10.9.0.1/16")
    assert found(root) == {NIC: ["address: eth0 has 10.1.2.3"], OTHER: ["address: eth1 has 10.9.0.1"]}


def test_an_interface_that_is_down_is_not_used_whatever_proc_says(root: Path, used: InUse, nic: str) -> None:
    used.add_address(nic, "192.0.2.7/24")
    flags = root / "sys/class/net/eth0/flags"
    flags.write_text("0x1002\n")
    assert found(root) == {}
    for content in ("", "garbled\n"):
        flags.write_text(content)
        assert NIC in found(root)
    flags.unlink()
    assert NIC in found(root)


@pytest.mark.parametrize("upper", ["bond0", "br-ex", "ovs-system", "team0", "eth0.100", "macvtap0"])
def test_whatever_is_over_an_interface_uses_it(root: Path, used: InUse, nic: str, upper: str) -> None:
    used.enslave(nic, upper)
    assert found(root) == {NIC: [f"enslaved: {upper} is over eth0"]}


def test_the_address_of_a_bridge_is_the_bridges_own(root: Path, used: InUse, nic: str) -> None:
    used.enslave(nic, "bond0")
    used.enslave("bond0", "br0")
    used.add_address("br0", "192.0.2.7/24")
    assert found(root) == {NIC: ["enslaved: bond0 is over eth0"]}


def test_an_interface_over_a_vf_need_not_be_virtual(root: Path, used: InUse, nic: str) -> None:
    vmbus = root / "sys/devices/LNXSYSTM:00/VMBUS:00/f8b3781a"
    used.add_netdev(vmbus, "netvsc0")
    used.add_address("netvsc0", "192.0.2.7/24")
    link(vmbus / "net/netvsc0" / f"lower_{nic}", directory_of(root, NIC) / "net" / nic)
    assert found(root) == {NIC: ["enslaved: netvsc0 is over eth0"]}


def test_a_representor_that_is_enslaved_is_the_pfs(root: Path, used: InUse, nic: str) -> None:
    used.add_netdev(directory_of(root, NIC), "eth0_0")
    used.enslave("eth0_0", "ovs-system")
    used.enslave(nic, "ovs-system")
    assert found(root) == {NIC: ["enslaved: ovs-system is over eth0"]}


def test_what_a_vf_has_is_no_use_of_its_pf(root: Path, used: InUse) -> None:
    vf = "0000:3b:00.1"
    used.add_netdev(directory_of(root, NIC), "eth0")
    used.add_netdev(directory_of(root, vf).with_name(vf), "eth0v0")
    used.add_address("eth0v0", "192.0.2.7/24")
    assert found(root) == {vf: ["address: eth0v0 has 192.0.2.7"]}


def test_a_virtio_interface_behind_a_bridge_belongs_to_the_last_function(root: Path, used: InUse) -> None:
    used.add_netdev(directory_of(root, "0000:00:1c.0") / "0000:02:00.0" / "virtio1", "eth0")
    used.add_address("eth0", "192.0.2.7/24")
    assert list(found(root)) == ["0000:02:00.0"]


def test_a_disk_that_is_only_there_is_not_used(root: Path, disk: str) -> None:
    assert (root / "sys/class/block" / disk).is_dir()
    assert found(root) == {}


def test_a_mounted_disk_is_used_and_its_shortest_mount_point_told(root: Path, used: InUse, disk: str) -> None:
    used.mount(disk, "/srv/data")
    used.mount(disk, "/srv")
    assert found(root) == {DISK: ["mounted: sda is mounted on /srv"]}


def test_a_mounted_partition_is_its_disks(root: Path, used: InUse, disk: str) -> None:
    used.add_disk(root, "sda2")
    used.mount("sda2", "/mnt/a\\040b")
    assert found(root) == {DISK: ["mounted: sda2 is mounted on /mnt/a\\040b"]}
    assert disk


def test_a_swap_partition_is_used_and_a_swap_file_is_not_looked_for(root: Path, used: InUse, disk: str) -> None:
    used.add_swap("/swapfile\\040(deleted)                 file\t\t2097148\t\t0\t\t-2")
    used.add_swap(f"/{disk}                 file\t\t2097148\t\t0\t\t-2")
    assert found(root) == {}
    used.add_swap(f"/dev/{disk}                                partition\t2097148\t\t0\t\t-3")
    assert found(root) == {DISK: ["swap: sda is swap"]}


def test_a_disk_or_partition_with_a_holder_is_used(root: Path, used: InUse, disk: str) -> None:
    used.add_disk(root, "sda1")
    used.hold("sda1", "dm-0")
    assert found(root) == {DISK: ["holder: dm-0 is over sda1"]}
    used.hold(disk, "md127")
    assert found(root) == {DISK: ["holder: md127 is over sda"]}


def test_every_member_of_a_mounted_btrfs_is_used(root: Path, used: InUse, disk: str) -> None:
    used.add_disk(directory_of(root, OTHER) / "nvme/nvme0", "nvme0n1")
    used.add_mount("40 1 0:44 /root / rw,relatime - btrfs /dev/sda rw,subvol=/root")
    assert found(root) == {DISK: ["mounted: sda is mounted on /"]}
    for name in (disk, "nvme0n1"):
        link(root / "sys/fs/btrfs/8a3c" / "devices" / name, (root / "sys/class/block" / name).resolve())
    assert found(root) == {
        DISK: ["mounted: sda is mounted on /"],
        OTHER: ["mounted: nvme0n1 is part of a mounted btrfs"],
    }


def test_bcachefs_names_all_its_disks(root: Path, used: InUse, disk: str) -> None:
    used.add_disk(directory_of(root, OTHER) / "nvme/nvme0", "nvme0n1")
    used.add_mount(f"40 1 0:44 / /srv rw - bcachefs /dev/{disk}:/dev/nvme0n1 rw")
    assert found(root) == {DISK: ["mounted: sda is mounted on /srv"], OTHER: ["mounted: nvme0n1 is mounted on /srv"]}


def test_of_an_nvme_namespace_those_controllers_are_used_that_reach_it(root: Path, used: InUse) -> None:
    subsystem = root / "sys/devices/virtual/nvme-subsystem/nvme-subsys0"
    link(root / "sys/class/nvme-subsystem/nvme-subsys0", subsystem)
    names = ("0000:41:00.0", "0000:41:00.1", "0000:41:00.2")
    for number, name in enumerate(names):
        controller = directory_of(root, names[0]).with_name(name) / f"nvme/nvme{number}"
        controller.mkdir(parents=True)
        subsystem.mkdir(parents=True, exist_ok=True)
        link(subsystem / f"nvme{number}", controller)
    used.add_disk(subsystem, "nvme0n3")
    used.add_disk(subsystem, "nvme0n3p1")
    used.mount("nvme0n3p1", "/")
    told = ["mounted: nvme0n3p1 is mounted on /"]
    assert found(root) == dict.fromkeys(names, told)
    for number in (0, 2):
        (subsystem / f"nvme{number}/nvme0c{number}n3").mkdir()
    (subsystem / "nvme1/nvme0c1n4").mkdir()
    assert found(root) == {names[0]: told, names[2]: told}


def test_a_function_with_a_root_bus_of_its_own_is_used_with_what_is_behind_it(root: Path, used: InUse) -> None:
    vmd, disk = "0000:64:00.5", "10000:e1:00.0"
    bridge = directory_of(root, vmd) / "pci10000:e0/10000:e0:02.0"
    used.add_disk(bridge / disk / "nvme/nvme0", "nvme0n1")
    used.mount("nvme0n1", "/")
    assert sorted(found(root)) == [vmd, disk]


def test_what_is_mounted_from_no_function_is_nobodys(root: Path, used: InUse) -> None:
    used.add_disk(root / "sys/devices/platform/host7/session1/target7:0:0/7:0:0:1", "sdb")
    used.mount("sdb", "/srv")
    used.add_mount("41 1 0:45 / /nfs rw - nfs4 server:/export rw")
    used.add_mount("42 1 9:127 / /gone rw - ext4 /dev/md127 rw")
    assert found(root) == {}


def test_all_kinds_are_told_in_their_order(root: Path, used: InUse, disk: str) -> None:
    used.add_disk(root, "sda1")
    used.hold("sda1", "dm-0")
    used.add_swap("/dev/sda partition\t1\t0\t-2")
    used.mount("sda1", "/")
    used.add_netdev(directory_of(root, DISK), "usb0")
    used.enslave("usb0", "br0")
    used.add_address("usb0", "192.0.2.7/24")
    used.add_route("usb0", "0.0.0.0/0")
    (uses,) = found(root).values()
    assert [use.partition(":")[0] for use in uses] == ["address", "route", "enslaved", "mounted", "swap", "holder"]
    assert disk


def test_of_two_interfaces_of_one_function_the_kinds_are_still_in_their_order(root: Path, used: InUse, nic: str) -> None:
    used.add_netdev(directory_of(root, NIC), "eth1")
    used.bring_up(nic)
    used.add_route(nic, "0.0.0.0/0", gateway=True)
    used.add_address("eth1", "192.0.2.7/24")
    assert found(root) == {NIC: ["address: eth1 has 192.0.2.7", "route: eth0 carries the default route"]}


def test_a_tap_is_not_looked_into_for_it_is_over_nothing(root: Path, used: InUse, nic: str) -> None:
    used.enslave(nic, "tap0")
    assert NIC in found(root)
    (root / "sys/devices/virtual/net/tap0/tun_flags").write_text("0x5002\n")
    assert found(root) == {}


ODD_LINES = [b"", b"garbled", b"\xff\xfe\x00", b"27 1", b"27 1 x:y / / rw - ext4 /dev/sda rw", b"eth0\t0\t0", b"-" * 5000]


@pytest.mark.parametrize("odd", ODD_LINES, ids=lambda line: repr(line[:20]))
@pytest.mark.parametrize("name", ["self/mountinfo", "swaps", "net/route", "net/fib_trie", "net/ipv6_route", "net/if_inet6"])
def test_a_line_that_is_odd_hides_no_other(root: Path, used: InUse, name: str, odd: bytes) -> None:
    used.add_netdev(directory_of(root, NIC), "eth0")
    used.add_disk(directory_of(root, DISK), "sda")
    used.add_address("eth0", "192.0.2.7/24")
    used.add_address("eth0", "2001:db8::7/64")
    used.mount("sda", "/")
    used.add_swap("/dev/sda partition\t1\t0\t-2")
    before = found(root)
    path = root / "proc" / name
    path.write_bytes(odd + b"\n" + path.read_bytes() + odd + b"\n")
    assert found(root) == before


@pytest.mark.parametrize("name", ["net/route", "net/fib_trie", "net/ipv6_route", "net/if_inet6"])
def test_a_file_that_the_kernel_does_not_have_hides_no_other(root: Path, used: InUse, nic: str, name: str) -> None:
    used.add_address(nic, "192.0.2.7/24")
    used.add_address(nic, "2001:db8::7/64")
    (root / "proc" / name).unlink()
    assert list(found(root)) == [NIC]


@pytest.mark.parametrize("name", ["proc/net/route", "proc/self/mountinfo", "proc/swaps", "proc/net/if_inet6"])
def test_evidence_that_can_not_be_read_is_an_error_and_not_no_evidence(root: Path, name: str) -> None:
    (root / name).mkdir(parents=True)
    with pytest.raises(HostError) as caught:
        host_uses(root)
    assert caught.value.path == str(root / name)
    assert caught.value.problem == "Is a directory"


def test_links_that_lead_nowhere_or_round_and_round_are_passed_over(root: Path, used: InUse, nic: str, disk: str) -> None:
    used.add_address(nic, "192.0.2.7/24")
    used.mount(disk, "/")
    before = found(root)
    over = used.add_virtual("bond0")
    (over / "lower_round").symlink_to("lower_round")
    (over / "lower_plain").mkdir()
    (root / "sys/devices/virtual/net/round").symlink_to("round")
    (root / "sys/class/net/round").symlink_to("round")
    (root / "sys/class/block/round").symlink_to("round")
    (root / "sys/class/block/sdz").symlink_to("../../devices/gone")
    (root / "sys/class/block/plain").write_text("")
    (root / "sys/class/nvme-subsystem/nvme-subsys0").mkdir(parents=True)
    (root / "sys/class/nvme-subsystem/nvme-subsys0/nvme0").symlink_to("nvme0")
    (root / "sys/class/block/nvme0n1").symlink_to("../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1")
    used.add_mount("50 1 8:99 / /round rw - ext4 /dev/round rw")
    used.add_route("bond0", "0.0.0.0/0")
    used.add_route("round", "0.0.0.0/0")
    assert found(root) == before


def test_names_that_are_no_text_are_written_so_that_they_can_be_answered(root: Path, used: InUse) -> None:
    odd = os.fsdecode(b"e\xff\x1b[0m")
    used.add_netdev(directory_of(root, NIC), odd)
    (root / "sys/class/net" / odd / "flags").write_text("0x1003\n")
    (root / "proc/net").mkdir(parents=True)
    line = b"\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n"
    (root / "proc/net/route").write_bytes(os.fsencode(odd) + line + b"e\x00" + line)
    used.add_disk(directory_of(root, DISK), os.fsdecode(b"sd\xfe"))
    used.hold(os.fsdecode(b"sd\xfe"), "dm\n0")
    assert found(root) == {
        DISK: ["holder: dm\\n0 is over sd\\udcfe"],
        NIC: ["route: e\\udcff\\x1b[0m carries the default route"],
    }


NAMES = st.sampled_from(["net/route", "net/fib_trie", "net/ipv6_route", "net/if_inet6", "self/mountinfo", "swaps"])


@given(st.dictionaries(NAMES, st.binary(max_size=400) | st.text("0123456789abcdefABCDEF:/. \t\n-|+eth0sda", max_size=400)))
def test_whatever_the_files_hold_there_is_an_answer(files: dict[str, bytes | str]) -> None:
    with directory_in_memory() as root:
        (root / "sys/class/net").mkdir(parents=True)
        used = InUse(root)
        used.add_netdev(directory_of(root, NIC), "eth0")
        used.add_disk(directory_of(root, DISK), "sda")
        for name, content in files.items():
            path = root / "proc" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        assert set(host_uses(root)) <= {NIC, DISK}


def test_this_machines_own_root_disk_is_found_as_used() -> None:
    number = Path("/").stat().st_dev
    disk = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve()
    # What a path of real directories says without links: every ancestor that the bus of functions lists.
    functions = [parent.name for parent in disk.parents if Path("/sys/bus/pci/devices", parent.name).exists()]
    seen = host_uses(Path("/"))
    if not disk.exists() or not functions:
        assert "mounted on / " not in str(seen)  # overlay, network: the root is on no function
        return
    assert any(use.kind == "mounted" for use in seen[functions[0]])


def test_this_machines_own_interfaces_with_a_default_route_are_found_as_used() -> None:
    seen = host_uses(Path("/"))
    with_default = re.findall(
        r"^(\S+)\t00000000\t\S+\t[0-9A-F]{4}\t\d+\t\d+\t\d+\t00000000", Path("/proc/net/route").read_text(), re.M
    )
    for netdev in with_default:
        device = Path("/sys/class/net", netdev).resolve()
        functions = [parent.name for parent in device.parents if Path("/sys/bus/pci/devices", parent.name).exists()]
        for function in functions[:1]:
            assert "route" in [use.kind for use in seen[function]]
