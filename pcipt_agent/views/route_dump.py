# SPDX-License-Identifier: Apache-2.0
"""What the kernel answers over rtnetlink when it is asked for all addresses, routes and next hops.

It says what /proc/net does not: IPv4 addresses by their interface, also one without any route (a /32 alone); every next hop of a
route over several, as routers that run on the host set them (ECMP, BGP unnumbered); IPv4 routes in other tables than main. A
message that can't be understood is passed over, so that it does not hide the others.

Does not know: sockets, how messages are framed, names of interfaces.
Source: rtnetlink(7); include/uapi/linux/rtnetlink.h, if_addr.h, nexthop.h; net/ipv4/fib_semantics.c (fib_dump_info),
net/ipv6/route.c (rt6_fill_node), net/ipv4/nexthop.c (nh_fill_node).
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from pcipt_agent.views.net_use import Address, Route, is_kernel_made

_IPV4, _IPV6 = 2, 10
"""AF_INET, AF_INET6."""
_BITS = {_IPV4: (4, 32), _IPV6: (6, 128)}
"""Address family → version of IP, bits of an address."""

_ADDRESS_HEAD, _ROUTE_HEAD, _NEXT_HOP_HEAD = struct.Struct("=BxxxI"), struct.Struct("=BBxxxxxBI"), struct.Struct("=8x")
_ATTRIBUTE, _HOP, _INDEX, _MEMBER = struct.Struct("=HH"), struct.Struct("=HxxI"), struct.Struct("=I"), struct.Struct("=I4x")
_TYPE = 0x3FFF
"""Of an attribute's type; the other bits say how it is written."""

_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_DST, _RTA_OIF, _RTA_MULTIPATH, _RTA_NH_ID = 1, 4, 9, 30
_NHA_ID, _NHA_GROUP, _NHA_OIF = 1, 2, 5
_UNICAST = 1
"""Type of a route that leads out; the others are for the host itself, to nobody, or refuse."""
_CLONED = 0x200
"""Flag of what was learnt about one destination of a route; older kernels tell it too."""


class RouteDump(NamedTuple):
    """The messages, without their netlink heads, by what was asked for."""

    addresses: Sequence[bytes]
    routes: Sequence[bytes]
    next_hops: Sequence[bytes]


class ToldByIndex(NamedTuple):
    """Of the interface, which is how the kernel names it here."""

    addresses: tuple[tuple[int, Address], ...]
    routes: tuple[tuple[int, Route], ...]


def told_in(dump: RouteDump) -> ToldByIndex:
    """IPv4 addresses, and all routes that leave by an interface, but for what the kernel makes itself."""
    hops = _hops_by_id(dump.next_hops)
    addresses = [each for message in dump.addresses for each in _address(message)]
    return ToldByIndex(tuple(addresses), tuple([each for message in dump.routes for each in _routes(message, hops)]))


def _address(message: bytes) -> Iterator[tuple[int, Address]]:
    if len(message) < _ADDRESS_HEAD.size or message[0] != _IPV4:
        return
    _, index = _ADDRESS_HEAD.unpack_from(message)
    said = _attributes(message[_ADDRESS_HEAD.size :])
    # Of a point-to-point interface IFA_ADDRESS is the other end's.
    octets = said.get(_IFA_LOCAL, said.get(_IFA_ADDRESS, b""))
    if len(octets) == 4:
        yield index, Address(4, 0, int.from_bytes(octets, "big"))


def _routes(message: bytes, hops: Mapping[int, frozenset[int]]) -> Iterator[tuple[int, Route]]:
    if len(message) < _ROUTE_HEAD.size or message[0] not in _BITS:
        return
    family, prefix, kind, flags = _ROUTE_HEAD.unpack_from(message)
    version, bits = _BITS[family]
    said = _attributes(message[_ROUTE_HEAD.size :])
    network = said.get(_RTA_DST, bytes(bits // 8))  # the default route has none
    if kind != _UNICAST or flags & _CLONED or len(network) != bits // 8 or prefix > bits:
        return
    if version == 6 and is_kernel_made(network.hex().encode()):
        return
    indexes = {*_numbers(said.get(_RTA_OIF, b"")), *_hops(said.get(_RTA_MULTIPATH, b""))}
    for number in _numbers(said.get(_RTA_NH_ID, b"")):
        indexes |= hops.get(number, frozenset())
    for index in indexes:
        yield index, Route(prefix, version, int.from_bytes(network, "big"))


def _hops_by_id(messages: Sequence[bytes]) -> dict[int, frozenset[int]]:
    """Next hop, or group of them → its interfaces. A route names no more than the id where net.ipv4.nexthop_compat_mode is 0."""
    single: dict[int, frozenset[int]] = {}
    groups: dict[int, list[int]] = {}
    for message in messages:
        said = _attributes(message[_NEXT_HOP_HEAD.size :])
        for number in _numbers(said.get(_NHA_ID, b"")):
            single[number] = frozenset(_numbers(said.get(_NHA_OIF, b"")))
            groups[number] = [each for (each,) in _MEMBER.iter_unpack(_whole(said.get(_NHA_GROUP, b""), _MEMBER.size))]
    nobody: frozenset[int] = frozenset()
    return {number: single[number].union(*(single.get(each, nobody) for each in groups[number])) for number in single}


def _attributes(octets: bytes) -> dict[int, bytes]:
    """Type → value, as far as they can be understood."""
    found, at = {}, 0
    while at + _ATTRIBUTE.size <= len(octets):
        length, kind = _ATTRIBUTE.unpack_from(octets, at)
        if length < _ATTRIBUTE.size:
            break
        found[kind & _TYPE] = octets[at + _ATTRIBUTE.size : at + length]
        at += _aligned(length)
    return found


def _hops(octets: bytes) -> Iterator[int]:
    """Indexes of the interfaces of a route over several."""
    at = 0
    while at + _HOP.size <= len(octets):
        length, index = _HOP.unpack_from(octets, at)
        if length < _HOP.size:
            break
        yield index
        at += _aligned(length)


def _numbers(octets: bytes) -> tuple[int, ...]:
    """The one number that the value of an attribute is; none where it is something else."""
    return _INDEX.unpack(octets) if len(octets) == _INDEX.size else ()


def _aligned(length: int) -> int:
    return (length + 3) & ~3


def _whole(octets: bytes, size: int) -> bytes:
    return octets[: len(octets) // size * size]
