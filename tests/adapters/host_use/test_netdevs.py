# SPDX-License-Identifier: Apache-2.0
"""Network interfaces that the host uses: by address, by route, by what is over them; and what is no use."""

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from pcipt_agent.adapters.sysfs.host_use import host_uses
from pcipt_agent.views.net_use import Address, Route, Told
from tests.adapters.host_use.seen import NIC, OTHER, directory_of, found
from tests.support.in_use import InUse, link


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


def test_what_the_kernel_tells_is_taken_for_what_proc_says_of_ipv4_and_of_routes(root: Path, used: InUse, nic: str) -> None:
    used.add_netdev(directory_of(root, OTHER), "eth1")
    used.bring_up(nic)
    used.bring_up("eth1")
    used.add_route(nic, "198.51.100.0/24")  # /proc says the first next hop
    hop = Route(24, 4, int(IPv4Address("198.51.100.0")))
    told = Told([(b"eth0", Address(4, 0, int(IPv4Address("192.0.2.7"))))], [(b"eth0", hop), (b"eth1", hop)])
    uses = host_uses(root, lambda: told)
    assert [use.detail for use in uses[NIC]] == ["eth0 has 192.0.2.7"]
    assert [use.detail for use in uses[OTHER]] == ["eth1 carries a route to 198.51.100.0/24"]
    assert host_uses(root, lambda: Told((), ())) == {}
    used.add_address("eth1", "2001:db8::7/64")
    assert [use.detail for use in host_uses(root, lambda: Told((), ()))[OTHER]] == ["eth1 has 2001:db8::7"]
