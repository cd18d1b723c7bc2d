# SPDX-License-Identifier: Apache-2.0
"""Addresses and routes, in the kernel's own lines."""

import sys

from pcipt_agent.views.net_use import NetTexts, netdev_uses

ROUTE = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
ens2\t00643362\t010200C0\t0003\t0\t0\t100\t00FFFFFF\t0\t0\t0
*\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0
eth4\t0000000B\t00000000\t0201\t0\t0\t0\t000000FF\t0\t0\t0
"""
FIB_TRIE = b"""\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
     +-- 192.0.2.0/24 2 0 2
        +-- 192.0.2.0/30 2 0 2
           |-- 192.0.2.0
              /24 link UNICAST
           |-- 192.0.2.2
              /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
     |-- 203.0.113.9
        /32 host LOCAL
"""
IPV6_ROUTE = b"""\
20010db8000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000002 00000000 00000001     eth1
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe8000000000000000fc00fffe000009 00000400 00000002 00000000 00000003     eth2
00000000000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000002 00000000 80200001       lo
20010db8000000000000000000000002 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000003 00000000 80200001     eth3
20010db8000000000000000000000000 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000003 00000000 00300001     eth4
fe8000000000000000fc00fffe000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000002 00000000 80200001     eth1
ff000000000000000000000000000000 08 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000003 00000000 00000001     eth1
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
"""  # noqa: E501
IF_INET6 = b"""\
20010db8000000000000000000000abc 04 40 00 00     eth0
20010db8000000000000000000000fff 04 40 00 80     eth0
fe8000000000000000fc00fffe000001 04 40 20 80     eth1
febfffffffffffffffffffffffffffff 04 40 20 80     eth1
00000000000000000000000000000001 01 80 10 80       lo
20010db8000000000000000000000002 05 40 00 02 a-name-of-15
"""


def uses(*, route: str = "", fib_trie: bytes = b"", ipv6_route: bytes = b"", if_inet6: bytes = b"") -> dict[str, list[str]]:
    found = netdev_uses(NetTexts(little(route), fib_trie, ipv6_route, if_inet6))
    return {name: [use.detail for use in each] for name, each in found.items()}


def little(text: str) -> bytes:
    """The lines above are a little-endian machine's; this is what they are on the one that runs the test."""
    if sys.byteorder == "little":
        return text.encode()
    rows = [line.split("\t") for line in text.splitlines()]
    for row in rows[1:]:
        for column in (1, 2, 7):
            row[column] = bytes.fromhex(row[column])[::-1].hex().upper()
    return "".join("\t".join(row) + "\n" for row in rows).encode()


def test_ipv4_is_told_by_the_interface_of_each_route() -> None:
    assert uses(route=ROUTE, fib_trie=FIB_TRIE) == {
        "ens2": ["ens2 carries a route to 98.51.100.0/24"],
        "eth0": ["eth0 has 192.0.2.2", "eth0 carries the default route"],
    }


def test_an_address_is_on_no_interface_that_only_routes_to_it() -> None:
    narrow = ROUTE + "ens3\t000200C0\t010200C0\t0003\t0\t0\t0\tF0FFFFFF\t0\t0\t0\n"
    narrow += "ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n"
    told = uses(route=narrow, fib_trie=FIB_TRIE)
    assert told["eth0"] == ["eth0 has 192.0.2.2", "eth0 carries the default route"]
    assert told["ens3"] == ["ens3 carries a route to 192.0.2.0/28"]
    assert told["ppp0"] == ["ppp0 carries the default route"]


def test_an_address_or_prefix_that_can_not_be_is_passed_over() -> None:
    odd = b"     |-- 192.0.2.999\n        /32 host LOCAL\n"
    assert uses(route=ROUTE, fib_trie=odd) == uses(route=ROUTE)
    assert uses(ipv6_route=IPV6_ROUTE + IPV6_ROUTE.splitlines()[0].replace(b" 40 ", b" 81 ").replace(b"eth0", b"eth9")) == uses(
        ipv6_route=IPV6_ROUTE
    )


def test_without_its_addresses_the_routes_still_tell() -> None:
    assert uses(route=ROUTE)["eth0"] == ["eth0 carries the default route"]
    assert uses(fib_trie=FIB_TRIE) == {}


def test_an_ipv6_route_is_told_that_the_kernel_did_not_make_itself() -> None:
    assert uses(ipv6_route=IPV6_ROUTE) == {
        "eth0": ["eth0 carries a route to 2001:db8::/64"],
        "eth2": ["eth2 carries the default route"],
    }


def test_an_ipv6_address_is_told_that_is_not_link_local_and_one_that_stays_before_one_that_goes() -> None:
    found = uses(if_inet6=IF_INET6)
    assert found.pop("lo") == ["lo has ::1"]
    assert found == {"eth0": ["eth0 has 2001:db8::fff"], "a-name-of-15": ["a-name-of-15 has 2001:db8::2"]}


def test_ipv4_is_told_before_ipv6() -> None:
    told = uses(route=ROUTE, fib_trie=FIB_TRIE, ipv6_route=IPV6_ROUTE, if_inet6=IF_INET6)
    assert told["eth0"] == ["eth0 has 192.0.2.2", "eth0 carries the default route"]
