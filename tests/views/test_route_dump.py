# SPDX-License-Identifier: Apache-2.0
"""Addresses and routes in the kernel's own messages, as Linux 6.18 sent them with net.ipv4.nexthop_compat_mode = 0.

The interfaces 2 and 5 are the two ways out of a router; 3 has an address and no route, 4 a route in table 77.
"""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcipt_agent.views.net_use import Address, Route
from pcipt_agent.views.route_dump import RouteDump, ToldByIndex, told_in

ADDRESS = "022080000300000008000100c000020708000200c00002070700030076300000080008008000000014000600ffffffffffffffff38400b0038400b00"
IN_TABLE_77 = "021800004d03fd010000000008000f004d00000008000100cb0071000800040004000000"
BY_GROUP = "02100000fe0300010000000008000f00fe000000080001000a07000008001e0007000000"
OVER_TWO = "02180000fe0300010000000008000f00fe00000008000100c63364001400090008000000020000000800000005000000"
IPV6_BY_GROUP = (
    "0a200000fe0300010000000008000f00fe0000001400010020010db8000000000000000000000000080006000004000008001e001100000024000c00"
    "00000000000000000000000000000000000000000000000000000000000500140000000000"
)
LINK_LOCAL = (
    "0a400000fe0200010000000008000f00fe00000014000100fe8000000000000000000000000000000800060000010000080004000200000024000c00"
    "00000000000000000000000000000000000000000000000000000000000500140000000000"
)
NEXT_HOPS = (
    "02fe00000000000008000100050000000800050002000000",
    "02fe00000000000008000100060000000800050005000000",
    "000000000000000008000100070000000600030000000000140002000500000000000000060000000000000008000e0000000080",
    "0afd000000000000080001000f000000080005000200000014000600fe800000000000000000000000000001",
    "0afd0000000000000800010010000000080005000500000014000600fe800000000000000000000000000001",
    "000000000000000008000100110000000600030000000000140002000f00000000000000100000000000000008000e0000000080",
)


def told(*routes: str, addresses: tuple[str, ...] = (), next_hops: tuple[str, ...] = NEXT_HOPS) -> ToldByIndex:
    return told_in(RouteDump(*[[bytes.fromhex(each) for each in some] for some in (addresses, routes, next_hops)]))


def ipv4(network: str, prefix: int) -> Route:
    return Route(prefix, 4, int(IPv4Address(network)))


def test_an_address_is_told_with_its_interface() -> None:
    assert told(addresses=(ADDRESS,)).addresses == ((3, Address(4, 0, int(IPv4Address("192.0.2.7")))),)


def test_of_an_interface_to_one_other_end_the_own_address_is_told() -> None:
    other_end = ADDRESS.replace("08000100c0000207", "08000100c0000208")
    assert told(addresses=(other_end,)) == told(addresses=(ADDRESS,))
    assert told(addresses=("0220800003000000" + "08000100c0000207",)) == told(addresses=(ADDRESS,))


def test_a_route_in_any_table_is_told() -> None:
    assert told(IN_TABLE_77).routes == ((4, ipv4("203.0.113.0", 24)),)


@pytest.mark.parametrize(
    ("message", "route"),
    [
        (OVER_TWO, ipv4("198.51.100.0", 24)),
        (BY_GROUP, ipv4("10.7.0.0", 16)),
        (IPV6_BY_GROUP, Route(32, 6, int(IPv6Address("2001:db8::")))),
    ],
    ids=["hops", "group", "IPv6 group"],
)
def test_a_route_over_several_is_told_of_each(message: str, route: Route) -> None:
    assert sorted(told(message).routes) == [(2, route), (5, route)]


def test_the_default_route_has_no_network() -> None:
    assert told("02000000fe030001000000000800040004000000").routes == ((4, ipv4("0.0.0.0", 0)),)
    assert told("0a000000fe030001000000000800040004000000").routes == ((4, Route(0, 6, 0)),)


def test_what_the_kernel_makes_itself_is_not_told() -> None:
    assert told(LINK_LOCAL) == told(LINK_LOCAL.replace("fe8000", "ff0200")) == told()
    assert len(told(LINK_LOCAL.replace("fe8000", "fd0000")).routes) == 1


@pytest.mark.parametrize("kind", range(2, 12))
def test_a_route_that_does_not_lead_out_is_not_told(kind: int) -> None:
    assert told(IN_TABLE_77.replace("03fd01", f"03fd{kind:02x}")) == told()


def test_what_was_learnt_of_a_route_is_not_told() -> None:
    assert told(IN_TABLE_77.replace("fd0100000000", "fd0100020000")) == told()


def test_a_route_that_can_not_be_is_not_told() -> None:
    assert told(IN_TABLE_77.replace("0218", "0221")) == told(IN_TABLE_77.replace("0218", "0a18")) == told()


def test_how_an_attribute_is_written_says_nothing_of_what_it_is() -> None:
    nested = OVER_TWO.replace("14000900", "14000980")
    assert nested != OVER_TWO
    assert told(nested) == told(OVER_TWO)


def test_a_route_by_a_next_hop_that_nobody_tells_of_is_by_no_interface() -> None:
    assert told(BY_GROUP, next_hops=()) == told(BY_GROUP, next_hops=NEXT_HOPS[2:3]) == told()


@given(st.lists(st.binary(max_size=80)), st.lists(st.integers(0, 200)))
def test_whatever_the_messages_hold_the_good_ones_are_told(odd: list[bytes], cut: list[int]) -> None:
    good = [bytes.fromhex(each) for each in (IN_TABLE_77, OVER_TWO, BY_GROUP)]
    hops = [bytes.fromhex(each) for each in NEXT_HOPS]
    cut_short = [each[:at] for each in (*good, *hops, bytes.fromhex(ADDRESS)) for at in cut]
    seen = told_in(RouteDump([*odd, *cut_short, bytes.fromhex(ADDRESS)], [*odd, *cut_short, *good], hops))
    assert set(told(IN_TABLE_77, OVER_TWO, BY_GROUP).routes) <= set(seen.routes)
    assert set(told(addresses=(ADDRESS,)).addresses) <= set(seen.addresses)
    told_in(RouteDump([], good, [*odd, *cut_short, *hops]))
