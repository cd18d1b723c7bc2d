# SPDX-License-Identifier: Apache-2.0
"""DeviceSet: a set of a host's devices as one integer, bit N standing for the N-th device in address order.

Sets of devices are what selection is made of: the free ones, those of a NUMA node, those an alternative fits. As integers they are
immutable, a filter is one `&`, a count is `bit_count`, "the lowest address" is the lowest bit, and 16384 devices are 2 KiB, so the
cost of a claim hardly grows with the host.

Does not know: which device a bit stands for (`core.catalogue`).
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from typing import TypeVar

DeviceSet = int
"""Bit N is the device with index N of one catalogue."""

EMPTY: DeviceSet = 0

Label = TypeVar("Label", bound=Hashable)


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


def filed(pairs: Iterable[tuple[int, Label]]) -> dict[Label, DeviceSet]:
    """Label → the set of the indexes that bear it."""
    found: dict[Label, list[int]] = defaultdict(list)
    for index, label in pairs:
        found[label].append(index)
    return {label: set_of(those) for label, those in found.items()}


def union(sets: Iterable[DeviceSet]) -> DeviceSet:
    """What is in any of them."""
    found = EMPTY
    for each in sets:
        found |= each
    return found
