# SPDX-License-Identifier: Apache-2.0
"""Adopting: what guests have without a claim becomes theirs by an allocated claim, a domain at a time.

For a host that ran guests before the agent came, and for a journal that was lost. One domain's claim is one decision; a device that
another claim holds is left with it, and said.

Does not know: RPC, how libvirt is asked (`flows.guests`), which devices may be adopted (`core.adoption`).
"""

from collections.abc import Callable, Sequence

from pcipt_agent.core.adoption import Adopt, Adoptable, Left, adoptable
from pcipt_agent.core.domain import Domain
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.errors import DeviceHeld, DeviceUnknown, DomainUnknown, LibvirtUnreachable
from pcipt_agent.flows.ledger import Ledger, Terms
from pcipt_agent.views.wire_adoption import AdoptedPart, AdoptPayload, AdoptReply, LeftPart


def adopt(
    ledger: Ledger,
    payload: AdoptPayload,
    request_id: str | None = None,
    *,
    caller: str | None = None,
    new_id: Callable[[], str],
) -> AdoptReply:
    """What was adopted and what was left. `new_id` makes claim_ids. Raises LibvirtUnreachable and DomainUnknown."""
    inventory = ledger.inventory
    found, left = adoptable(inventory, _domains(inventory, payload.domain))
    if payload.dry_run:
        adopted: list[AdoptedPart | LeftPart] = [_part(inventory, each, None) for each in found]
    else:
        terms = Terms(request_id=request_id, caller=caller)
        adopted = [_adopted(ledger, each, new_id(), terms) for each in found]
    return AdoptReply(
        generation=ledger.inventory.generation,
        adopted=[each for each in adopted if isinstance(each, AdoptedPart)],
        left=[*(_left(each) for each in left), *(each for each in adopted if isinstance(each, LeftPart))],
    )


def _adopted(ledger: Ledger, each: Adoptable, claim_id: str, terms: Terms) -> AdoptedPart | LeftPart:
    """LeftPart where a device was claimed, or went, since it was looked at."""
    command = Adopt(
        claim_id=claim_id,
        consumer=each.domain.uuid,
        domain=each.domain.name,
        devices=each.devices,
        at=ledger.now(),
        by=terms.caller,
    )
    try:
        return ledger.obey(command, render=lambda _, after: _part(after, each, claim_id), terms=terms)
    except (DeviceHeld, DeviceUnknown) as refusal:
        return LeftPart(domain=each.domain.name, address=refusal.address, why=str(refusal))


def _domains(inventory: Inventory, wanted: str | None) -> Sequence[Domain]:
    hypervisor = inventory.hypervisor
    if not hypervisor.reachable:
        raise LibvirtUnreachable(hypervisor.problem or "it does not answer")
    if wanted is None:
        return hypervisor.domains
    found = [domain for domain in hypervisor.domains if wanted in (domain.name, domain.uuid)]
    if not found:
        known, _ = adoptable(inventory, hypervisor.domains)
        raise DomainUnknown(wanted, sorted(each.domain.name for each in known))
    return found


def _part(inventory: Inventory, each: Adoptable, claim_id: str | None) -> AdoptedPart:
    catalogue = inventory.catalogue
    unlisted = [kept for kept in each.devices if catalogue.spec_of[catalogue.index_of[kept.address]] is None]
    return AdoptedPart(
        domain=each.domain.name,
        consumer=each.domain.uuid,
        running=each.domain.running,
        claim_id=claim_id,
        addresses=[str(kept.address) for kept in each.devices],
        unlisted=[str(kept.address) for kept in unlisted],
    )


def _left(left: Left) -> LeftPart:
    return LeftPart(domain=left.domain.name, address=None if left.address is None else str(left.address), why=left.why)
