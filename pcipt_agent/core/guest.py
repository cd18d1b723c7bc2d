# SPDX-License-Identifier: Apache-2.0
"""Guest: what the caller says of the guest that a claim is for.

Does not know: flavors and images (the caller's edge resolves them), the consumer, libvirt.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guest:
    """The guest's NUMA cells as host NUMA nodes; None where it has no NUMA topology, and policies then do not apply."""

    numa_nodes: frozenset[int] | None = None
