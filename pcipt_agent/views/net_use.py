# SPDX-License-Identifier: Apache-2.0
"""What the kernel says of how the host uses its network interfaces: in /proc/net, and over rtnetlink where that is asked.

An interface that is up gets a link-local IPv6 address and multicast routes from the kernel itself; those are no use of it. An IPv4
address has no interface in /proc: it is taken to be on the one with the narrowest connected route around it, which only chooses the
words, since the route has told already. A line that can't be understood is passed over, so that it does not hide the others.

Not said by /proc alone: an IPv4 address without any route (a /32 alone), any but the first next hop of a route over several, and a
route in another table than main where it is IPv4. `views.route_dump` says them, of the running kernel. What is in another network
namespace is not seen either way.

Does not know: files, links, functions, messages.
Source: net/ipv4/fib_trie.c (fib_route_seq_show, fib_trie_seq_show), net/ipv6/route.c (rt6_info_route), net/ipv6/addrconf.c
(if6_seq_show), include/uapi/linux/route.h, include/uapi/linux/ipv6_route.h.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import NamedTuple, TypeVar

from pcipt_agent.core.device import HostUse, HostUseKind
from pcipt_agent.views.host_names import name_of, shown

_GATEWAY, _REJECT = 0x2, 0x200
_ANYCAST, _LOCAL = 0x100000, 0x80000000
"""Flags of a route; the last two are IPv6's own."""
_PERMANENT = 0x80
"""Flag of an IPv6 address that no timer takes away (include/uapi/linux/if_addr.h)."""
_KERNEL_MADE = (b"fe8", b"fe9", b"fea", b"feb", b"ff")
"""How link-local and multicast addresses begin in hexadecimal: fe80::/10, ff00::/8."""

_ROUTE = re.compile(rb"^(\S+)\t([0-9A-F]{8})\t[0-9A-F]{8}\t([0-9A-F]{4})\t\d+\t\d+\t-?\d+\t([0-9A-F]{8})\t", re.MULTILINE)
_LEAF = re.compile(rb"\|-- (\d{1,3}(?:\.\d{1,3}){3})\n((?: +/\d+ [^\n]*\n)+)")
_IPV6_ROUTE = re.compile(
    rb"([0-9a-f]{32}) ([0-9a-f]{2}) [0-9a-f]{32} [0-9a-f]{2} [0-9a-f]{32} (?:[0-9a-f]{8} ){3}([0-9a-f]{8}) +(\S+)"
)
_IF_INET6 = re.compile(rb"([0-9a-f]{32}) [0-9a-f]+ [0-9a-f]{2} [0-9a-f]{2} ([0-9a-f]{2,}) +(\S+)")


class Address(NamedTuple):
    """An address of an interface. Of several the least is told; chosen so that it seldom changes."""

    version: int
    fleeting: int
    """Whether a timer may take it away."""
    number: int


class Route(NamedTuple):
    """A route by an interface. Of several the least is told."""

    prefix: int
    version: int
    network: int


class Told(NamedTuple):
    """Addresses and routes that /proc need not be asked for, by name of the interface."""

    addresses: Sequence[tuple[bytes, Address]]
    routes: Sequence[tuple[bytes, Route]]


NOTHING_TOLD = Told((), ())


class NetTexts(NamedTuple):
    """Files of /proc/net, each of the name of its field; empty where the kernel has none."""

    route: bytes
    fib_trie: bytes
    ipv6_route: bytes
    if_inet6: bytes


class _IPv4Route(NamedTuple):
    netdev: bytes
    prefix: int
    network: int
    flags: int


def netdev_uses(texts: NetTexts, told: Told = NOTHING_TOLD) -> Mapping[str, tuple[HostUse, ...]]:
    """Interface → its address, and its route: the default route, or any where it has no address; of those that have either."""
    ipv4 = tuple(_ipv4_routes(texts.route))
    addresses = _least([*told.addresses, *_ipv4_addresses(texts.fib_trie, ipv4), *_ipv6_addresses(texts.if_inet6)])
    own = [(route.netdev, Route(route.prefix, 4, route.network)) for route in ipv4]
    routes = _least([*told.routes, *own, *_ipv6_routes(texts.ipv6_route)])
    found: dict[str, tuple[HostUse, ...]] = {}
    for netdev in sorted({*addresses, *routes}):
        name, uses = shown(name_of(netdev)), []
        if netdev in addresses:
            version, _, address = addresses[netdev]
            uses.append(
                HostUse(HostUseKind.ADDRESS, f"{name} has {IPv4Address(address) if version == 4 else IPv6Address(address)}")
            )
        if netdev in routes:
            prefix, version, network = routes[netdev]
            if prefix == 0:
                uses.append(HostUse(HostUseKind.ROUTE, f"{name} carries the default route"))
            elif not uses:
                where = (
                    IPv4Network((network, prefix), strict=False) if version == 4 else IPv6Network((network, prefix), strict=False)
                )
                uses.append(HostUse(HostUseKind.ROUTE, f"{name} carries a route to {where}"))
        found[name_of(netdev)] = tuple(uses)
    return found


_Fact = TypeVar("_Fact", Address, Route)


def _least(found: list[tuple[bytes, _Fact]]) -> dict[bytes, _Fact]:
    least: dict[bytes, _Fact] = {}
    for netdev, fact in found:
        least[netdev] = min(fact, least.get(netdev, fact))
    return least


def is_kernel_made(network: bytes) -> bool:
    """Whether the IPv6 address or network, in hexadecimal, is such as an interface has that is up and not used."""
    return network.startswith(_KERNEL_MADE)


def _ipv4_routes(text: bytes) -> Iterator[_IPv4Route]:
    for netdev, network, flags, mask in _ROUTE.findall(text):
        # `*` stands for a route that goes nowhere: blackhole, unreachable, prohibit.
        if netdev != b"*" and not int(flags, 16) & _REJECT:
            yield _IPv4Route(netdev, _word(mask).bit_count(), _word(network), int(flags, 16))


def _word(octets: bytes) -> int:
    """Printed as the machine's own number of what is in network order."""
    return int.from_bytes(int(octets, 16).to_bytes(4, sys.byteorder), "big")


def _ipv4_addresses(text: bytes, routes: tuple[_IPv4Route, ...]) -> Iterator[tuple[bytes, Address]]:
    connected: dict[tuple[int, int], set[bytes]] = defaultdict(set)
    for route in routes:
        if not route.flags & _GATEWAY and route.prefix:
            connected[route.prefix, route.network].add(route.netdev)
    prefixes = sorted({prefix for prefix, _ in connected}, reverse=True)
    for address in sorted({leaf for leaf, said in _LEAF.findall(text) if b"/32 host LOCAL" in said}):
        octets = [int(octet) for octet in address.split(b".")]
        number = int.from_bytes(bytes(octets), "big") if max(octets) < 256 else 0
        around = ((prefix, number >> (32 - prefix) << (32 - prefix)) for prefix in prefixes)
        netdevs = next((connected[each] for each in around if each in connected), set())
        if len(netdevs) == 1:  # Of two in the same network nobody says which has it.
            yield next(iter(netdevs)), Address(4, 0, number)


def _ipv6_routes(text: bytes) -> Iterator[tuple[bytes, Route]]:
    """All tables'."""
    for line in _lines(text):
        parts = _IPV6_ROUTE.match(line)
        if parts is not None and not int(parts[3], 16) & (_REJECT | _ANYCAST | _LOCAL) and int(parts[2], 16) <= 128:
            yield parts[4], Route(int(parts[2], 16), 6, int(parts[1], 16))


def _ipv6_addresses(text: bytes) -> Iterator[tuple[bytes, Address]]:
    for line in _lines(text):
        parts = _IF_INET6.match(line)
        if parts is not None:
            yield parts[3], Address(6, not int(parts[2], 16) & _PERMANENT, int(parts[1], 16))


def _lines(text: bytes) -> list[bytes]:
    """But for what the kernel makes itself, which is most of it: three lines of every interface that is up."""
    return [line for line in text.split(b"\n") if not is_kernel_made(line)]
