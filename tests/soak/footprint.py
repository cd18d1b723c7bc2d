# SPDX-License-Identifier: Apache-2.0
"""What the process takes, and whether that has grown.

The resident set is what an operator sees, and it moves by itself: the allocator keeps what it has had once. A leak of one object a
step is 80,000 objects between the first fifth and the end, some 5 MiB at 64 octets each, so 4 MiB is the limit there. The memory
blocks that Python has given out are counted beside it: at rest the same facts take the same number, give or take caches and hash
tables of another size, and what is more than a leak of one block in twenty steps is seen long before it makes a MiB.

Does not know: what the process does.
"""

import gc
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

RSS_LIMIT_MIB: Final = 4.0
BLOCKS_LIMIT: Final = 2500
"""Of some 240,000. Up to 1300 more were seen in the first thousands of steps, while caches fill, and in a hundred thousand."""
STEPS_PER_BLOCK: Final = 20
"""The limit is higher in a longer life, by one block in so many steps."""


@dataclass(frozen=True, slots=True)
class Footprint:
    step: int
    rss_mib: float
    blocks: int
    """`sys.getallocatedblocks`."""
    descriptors: int
    threads: int


def footprint(step: int) -> Footprint:
    """Now, once what is garbage is gone."""
    gc.collect()
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return Footprint(
        step=step,
        rss_mib=resident / 2**20,
        blocks=sys.getallocatedblocks(),
        descriptors=len(list(Path("/proc/self/fd").iterdir())),
        threads=threading.active_count(),
    )


def growth(samples: Sequence[Footprint]) -> Iterator[str]:
    """What has grown since the first sample, as sentences."""
    first = samples[0]
    for later in samples[1:]:
        since = f"between step {first.step} and step {later.step}"
        if later.rss_mib - first.rss_mib > RSS_LIMIT_MIB:
            yield f"the resident set has grown by {later.rss_mib - first.rss_mib:.1f} MiB {since}"
        if later.blocks - first.blocks > BLOCKS_LIMIT + (later.step - first.step) // STEPS_PER_BLOCK:
            yield f"memory has grown by {later.blocks - first.blocks} blocks {since}"
        if later.descriptors > first.descriptors:
            yield f"open files have grown from {first.descriptors} to {later.descriptors} {since}"
        if later.threads > first.threads:
            yield f"threads have grown from {first.threads} to {later.threads} {since}"
