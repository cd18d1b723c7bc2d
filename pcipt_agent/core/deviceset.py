# SPDX-License-Identifier: Apache-2.0
"""DeviceSet: a set of a host's devices as one integer, bit N standing for the N-th device in address order.

Sets of devices are what selection is made of: the free ones, those of a NUMA node, those an alternative fits. As integers they are
immutable, a filter is one `&`, a count is `bit_count`, "the lowest address" is the lowest bit, and 16384 devices are 2 KiB, so the
cost of a claim hardly grows with the host.

Does not know: which device a bit stands for (`core.catalogue`).
"""

from collections.abc import Iterable, Iterator

DeviceSet = int
"""Bit N is the device with index N of one catalogue."""

EMPTY: DeviceSet = 0


def set_of(indexes: Iterable[int]) -> DeviceSet:
    """The set of these indexes; linear in the highest of them."""
    found = list(indexes)
    if not found:
        return EMPTY
    octets = bytearray(max(found) // 8 + 1)
    for index in found:
        octets[index >> 3] |= 1 << (index & 7)
    return int.from_bytes(octets, "little")


def lowest(devices: DeviceSet) -> int:
    """The index of the lowest address in a set that is not empty."""
    return (devices & -devices).bit_length() - 1


def indexes(devices: DeviceSet) -> Iterator[int]:
    """The indexes in the set, in address order."""
    digits = f"{devices:b}"[::-1]  # one pass in C; taking the lowest bit off again and again is quadratic
    index = digits.find("1")
    while index >= 0:
        yield index
        index = digits.find("1", index + 1)
