# SPDX-License-Identifier: Apache-2.0
"""One-time use: which devices of a claim are dirty once it has ended.

A guest may have had what it was given the XML of, so every device of a one-time-use entry is dirty afterwards. The caller's word
that it was never used is believed only where we know no better: the claim was never allocated, and libvirt was watched since it was
made and has shown the device in no domain.

Does not know: cleaning, what a dirty device is kept from (`core.inventory`).
Source: admin guide, "One-Time-Use Devices". nova differs: there the guard is Placement's reserved inventory alone, and only PFs and
plain functions can have it.
"""

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.claim import Claim, ClaimState, Held
from pcipt_agent.core.inventory import Inventory


def made_dirty(inventory: Inventory, claim: Claim, *, unused: bool) -> tuple[PciAddress, ...]:
    """Addresses, in the claim's order; `unused` is the caller's word."""
    once = [held.address for held in claim.held if _once(inventory, held)]
    if unused and claim.state is ClaimState.CLAIMED:
        hypervisor = inventory.hypervisor
        once = [address for address in once if not hypervisor.surely_unused_since(address, claim.claimed_at)]
    return tuple(once)


def _once(inventory: Inventory, held: Held) -> bool:
    """By the entry that listed it when it was claimed, or by the one that lists it now: a tag added meanwhile is meant too."""
    index = inventory.catalogue.index_of.get(held.address)
    spec = None if index is None else inventory.catalogue.spec_of[index]
    return held.one_time_use or (spec is not None and spec.tags.one_time_use)
