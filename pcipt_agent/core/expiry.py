# SPDX-License-Identifier: Apache-2.0
"""Expiry: claims that nobody allocated in time, and whether one of them may end by itself.

A caller that died between claim and allocate leaves a promise that nobody will ever free. It ends by itself only where libvirt says
that no domain has the devices; where libvirt can't be asked it stays, and is shown as overdue.

Does not know: the clock, processes that hold a device without libvirt (`flows.expiring` asks).
"""

from pcipt_agent.core.address import first_of
from pcipt_agent.core.claim import Claim, ClaimState
from pcipt_agent.core.inventory import Inventory


def overdue(inventory: Inventory, at: float, timeout_seconds: float) -> tuple[Claim, ...]:
    """Claims that at `at` (seconds since the epoch) were not allocated in time, oldest first; none where the timeout is 0."""
    if not timeout_seconds:
        return ()
    late = [claim for claim in inventory.book.claims.values() if is_overdue(claim, at, timeout_seconds)]
    return tuple(sorted(late, key=lambda claim: (claim.claimed_at, claim.claim_id)))


def is_overdue(claim: Claim, at: float, timeout_seconds: float) -> bool:
    return bool(timeout_seconds) and claim.state is ClaimState.CLAIMED and at - claim.claimed_at >= timeout_seconds


def kept_by_libvirt(inventory: Inventory, claim: Claim) -> str | None:
    """Why an overdue claim stays, in a clause; None where libvirt has nothing against its end."""
    hypervisor = inventory.hypervisor
    if not hypervisor.reachable:
        return f"libvirt can't be asked who has its devices: {hypervisor.problem}"
    for held in claim.held:
        domains = inventory.domains_of.get(held.address, ())
        if domains:
            return f"{held.address} is named by domain {first_of([domain.name for domain in domains], 4)}"
    if hypervisor.puzzling:
        return f"nobody can tell what domain {first_of([domain.name for domain in hypervisor.puzzling], 4)} names"
    return None


def kept_by_news(inventory: Inventory) -> str | None:
    """Why an overdue claim stays for now, in a clause: what libvirt shows may be older than what it has done since."""
    if inventory.hypervisor.watched_since is None:
        return "libvirt has told of a domain that was not looked at yet, or tells of none"
    return None
