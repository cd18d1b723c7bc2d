# SPDX-License-Identifier: Apache-2.0
"""All kinds of use together, odd files that hide nothing else, and what this machine itself uses."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcipt_agent.adapters.sysfs.host_use import host_uses
from pcipt_agent.errors import HostError
from tests.adapters.host_use.seen import DISK, NIC, directory_of, found
from tests.support.hosttree import directory_in_memory
from tests.support.in_use import InUse


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
    places = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    if not disk.exists() or not functions or "/" not in places:
        # Overlay, network: the root is on no function. A chroot: the kernel does not tell it of mounts above.
        assert "mounted on /'" not in str(seen)
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
