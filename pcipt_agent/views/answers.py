# SPDX-License-Identifier: Apache-2.0
"""Claims as answers: the reply to claim, allocate, free and render, and the listing.

Pure: an inventory and a payload go in, a reply comes out. A reply is made from what the claim recorded when it was made, so the
same call gets the same answer after any restart; only a device's status and what differs of it are of now.

Does not know: how a claim came to be, the XML itself (`hostdev` is given), devices as such (`views.device_answers`).
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence

from pcipt_agent.core.address import PciAddress, first_of
from pcipt_agent.core.claim import Claim, ClaimState, Fingerprint, Held
from pcipt_agent.core.expiry import is_overdue, kept_by_libvirt
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.core.onetime import made_dirty
from pcipt_agent.errors import ClaimUnknown
from pcipt_agent.views.agent_facts import Standing
from pcipt_agent.views.funnel_answers import request_part
from pcipt_agent.views.status_reason import warnings_of
from pcipt_agent.views.wire import ClaimsPayload
from pcipt_agent.views.wire_replies import (
    ClaimPart,
    ClaimReply,
    ClaimsReply,
    FingerprintPart,
    FreeReply,
    HeldPart,
    HeldXmlPart,
    OverduePart,
    RenderReply,
)

Hostdev = Callable[[Held], str]
"""A held device as its libvirt element, in text."""

_NAMED = 4
"""Addresses that a sentence names before it counts the rest."""


def claim_reply(inventory: Inventory, claim_id: str, hostdev: Hostdev, *, changed: bool, dry_run: bool = False) -> ClaimReply:
    """The claim as it stands in `inventory`; raises ClaimUnknown where it does not."""
    claim = _held_claim(inventory, claim_id)
    return ClaimReply(
        generation=inventory.generation,
        changed=changed,
        dry_run=dry_run,
        claim_id=claim.claim_id,
        consumer=claim.wish.consumer,
        move_id=claim.wish.move_id,
        state=claim.state,
        claimed_at=claim.claimed_at,
        devices=[
            HeldXmlPart(**dict(held_part(inventory, held)), xml=hostdev(held), warnings=warnings_of(inventory, held.address))
            for held in claim.held
        ],
    )


def free_reply(before: Inventory, after: Inventory, claim_id: str, *, unused: bool = False) -> FreeReply:
    """What `free` did between two inventories; the same one twice where it had nothing to do. `unused` is the caller's word."""
    claim = before.book.claims.get(claim_id)
    dirty = sorted(address for address, each in after.book.dirty.items() if each.claim_id == claim_id)
    return FreeReply(
        generation=after.generation,
        changed=claim_id not in before.book.ended,
        claim_id=claim_id,
        ended_at=after.book.ended[claim_id],
        freed=[] if claim is None else [str(held.address) for held in claim.held],
        dirty=[str(address) for address in dirty],
        unused_doubted=_doubt(before, claim, dirty) if unused and claim is not None and dirty else None,
    )


def _doubt(inventory: Inventory, claim: Claim, dirty: Sequence[PciAddress]) -> str:
    """Why devices are dirty although the caller said that nobody has had them; the reasons of `core.onetime`."""
    hypervisor = inventory.hypervisor
    if claim.state is ClaimState.ALLOCATED:
        return "it was allocated"
    if not hypervisor.reachable:
        return f"libvirt can't be asked who has had its devices: {hypervisor.problem}"
    shown = [address for address in dirty if hypervisor.shown.get(address, claim.claimed_at - 1) >= claim.claimed_at]
    if shown:
        return f"libvirt has shown {first_of(shown, _NAMED)} in a domain since it was claimed"
    if hypervisor.puzzling:
        return f"nobody can tell what domain {first_of([domain.name for domain in hypervisor.puzzling], _NAMED)} names"
    return "libvirt was not watched all the time since it was claimed"


def render_reply(inventory: Inventory, claim_id: str, elements: Sequence[str], domain: str | None) -> RenderReply:
    return RenderReply(generation=inventory.generation, claim_id=claim_id, elements=list(elements), domain=domain)


def claims_reply(inventory: Inventory, payload: ClaimsPayload, standing: Standing) -> ClaimsReply:
    """The claims that pass the filters, in claim_id order, from the page that was asked for."""
    consumer = None if payload.consumer is None else str(payload.consumer)
    found = sorted(
        claim_id
        for claim_id, claim in inventory.book.claims.items()
        if payload.state in (None, claim.state) and payload.claim_id in (None, claim_id) and consumer in (None, claim.wish.consumer)
    )
    start = 0 if payload.after is None else bisect_right(found, payload.after)
    page = found[start : start + payload.limit]
    return ClaimsReply(
        generation=inventory.generation,
        claims=[claim_part(inventory, inventory.book.claims[claim_id], standing) for claim_id in page],
        next=page[-1] if start + payload.limit < len(found) else None,
    )


def claim_part(inventory: Inventory, claim: Claim, standing: Standing) -> ClaimPart:
    numa_nodes = claim.wish.guest.numa_nodes
    return ClaimPart(
        claim_id=claim.claim_id,
        consumer=claim.wish.consumer,
        move_id=claim.wish.move_id,
        state=claim.state,
        claimed_at=claim.claimed_at,
        requests=[request_part(request) for request in claim.wish.requests],
        numa_nodes=None if numa_nodes is None else sorted(numa_nodes),
        group_policy=claim.wish.group_policy,
        claimed_by=claim.claimed_by,
        allocated_at=claim.allocated_at,
        adopted_from=claim.adopted_from,
        overdue=_overdue(inventory, claim, standing),
        domain_gone=domain_gone(inventory, claim),
        lost=[str(held.address) for held in claim.held if held.address not in inventory.catalogue.index_of],
        dirty_after=[str(address) for address in made_dirty(inventory, claim, unused=False)],
        devices=[held_part(inventory, held) for held in claim.held],
    )


def domain_gone(inventory: Inventory, claim: Claim) -> bool:
    """Whether a guest should have its devices, and libvirt, which can be asked, shows them in no domain."""
    if claim.state is not ClaimState.ALLOCATED or not inventory.hypervisor.reachable:
        return False
    return not any(held.address in inventory.domains_of for held in claim.held)


def _overdue(inventory: Inventory, claim: Claim, standing: Standing) -> OverduePart | None:
    if not is_overdue(claim, standing.at, standing.claim_timeout_seconds):
        return None
    stays = standing.staying.get(claim.claim_id) or kept_by_libvirt(inventory, claim)
    return OverduePart(since=claim.claimed_at + standing.claim_timeout_seconds, stays=stays)


def held_part(inventory: Inventory, held: Held) -> HeldPart:
    status = inventory.status(held.address)
    assert status is not None, "a held device has a status"
    return HeldPart(
        request=held.request,
        address=str(held.address),
        device_type=held.device_type,
        managed=held.managed,
        status=status,
        fingerprint=fingerprint_part(held.fingerprint),
        fingerprint_differs=_differs(inventory, held),
    )


def fingerprint_part(fingerprint: Fingerprint) -> FingerprintPart:
    return FingerprintPart(
        vendor_id=fingerprint.vendor_id,
        product_id=fingerprint.product_id,
        subsystem_vendor_id=fingerprint.subsystem_vendor_id,
        subsystem_product_id=fingerprint.subsystem_product_id,
        parent=None if fingerprint.parent is None else str(fingerprint.parent),
        vf_number=fingerprint.vf_number,
        serial=fingerprint.serial,
    )


def _differs(inventory: Inventory, held: Held) -> list[str]:
    device = inventory.catalogue.host.devices.get(held.address)
    if device is None:
        return []
    return list(held.fingerprint.differing(Fingerprint.of(device)))


def _held_claim(inventory: Inventory, claim_id: str) -> Claim:
    claim = inventory.book.claims.get(claim_id)
    if claim is None:
        raise ClaimUnknown(claim_id)
    return claim
