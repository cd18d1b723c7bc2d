# SPDX-License-Identifier: Apache-2.0
"""Lists of CPUs as the kernel writes them: `0-3,8,10-11`.

Does not know: which NUMA node or socket has them.
Source: Documentation/admin-guide/cputopology.rst, lib/bitmap-str.c.
"""

from collections.abc import Set

_MOST = 1 << 16
"""A list that means more CPUs than any kernel has is no list of CPUs."""


def parse_cpus(text: str) -> frozenset[int]:
    """The CPUs of the list; none for an empty one. Raises ValueError where it is no such list."""
    cpus: set[int] = set()
    for part in text.split(",") if text else ():
        first, dash, last = part.partition("-")
        if not (first.isdecimal() and (last.isdecimal() or not dash)) or int(last or first) >= _MOST:
            raise ValueError(f"{part!r} is no CPU or range of CPUs")
        cpus.update(range(int(first), int(last or first) + 1))
    return frozenset(cpus)


def cpus_text(cpus: Set[int]) -> str:
    """The shortest list that means these CPUs; empty for none."""
    ranges: list[list[int]] = []
    for cpu in sorted(cpus):
        if ranges and ranges[-1][-1] + 1 == cpu:
            ranges[-1] = [ranges[-1][0], cpu]
        else:
            ranges.append([cpu])
    return ",".join("-".join(str(end) for end in each) for each in ranges)
