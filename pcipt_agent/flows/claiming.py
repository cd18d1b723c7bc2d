# SPDX-License-Identifier: Apache-2.0
"""claim, allocate, free: a caller's payload, obeyed by the ledger, and the reply that was made before it became durable.

Does not know: RPC, how devices are chosen (`core.selection`), how a decision becomes durable (`flows.ledger`).
"""

from collections.abc import Callable, Collection

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.claim import Held, Wish
from pcipt_agent.core.decide import Allocate, ClaimDevices, Free
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.errors import ClaimEnded, HostError
from pcipt_agent.flows.ledger import Ledger, Terms
from pcipt_agent.flows.resolving import resolved
from pcipt_agent.views.answers import claim_reply, free_reply
from pcipt_agent.views.domxml import hostdev, text
from pcipt_agent.views.wire import AllocatePayload, ClaimPayload, FreePayload
from pcipt_agent.views.wire_replies import ClaimReply, FreeReply

Gone = Callable[[Collection[PciAddress]], frozenset[PciAddress]]
"""`ports.HostReader.gone`."""


class _Departing(Exception):
    """What was chosen, or what goes before it, is not there any more."""

    def __init__(self, gone: frozenset[PciAddress]) -> None:
        super().__init__(gone)
        self.gone = gone


def nothing_gone(_: Collection[PciAddress]) -> frozenset[PciAddress]:
    """Where the last sighting is all that is known of the host."""
    return frozenset()


def claim(
    ledger: Ledger, payload: ClaimPayload, request_id: str | None = None, *, caller: str | None = None, gone: Gone = nothing_gone
) -> ClaimReply:
    """The devices are promised to the consumer, and the reply says how a guest is given them. Raises Refusal.

    What `gone` says of the devices that were chosen counts before anything is promised: the last look may be of some time ago,
    because a look waits while a PF's VFs are being removed (`adapters.sysfs`).
    """
    book = ledger.inventory.book
    if payload.claim_id in book.ended:
        # Before anything is resolved: what an alias means by now is of no interest to a claim that has ended.
        raise ClaimEnded(payload.claim_id, book.ended[payload.claim_id])
    held = book.claims.get(payload.claim_id)
    content = resolved(payload, ledger.inventory.catalogue.rules, None if held is None else held.wish)
    wish = Wish(
        consumer=str(payload.consumer),
        requests=content.requests,
        guest=content.guest,
        group_policy=content.group_policy,
        move_id=payload.move_id,
    )
    command = ClaimDevices(claim_id=payload.claim_id, wish=wish, at=ledger.now(), by=caller)
    terms = Terms(dry_run=payload.dry_run, if_generation=payload.if_generation, request_id=request_id, caller=caller)

    def render(before: Inventory, after: Inventory) -> ClaimReply:
        if after is not before and (departing := _gone_of(after, payload.claim_id, gone)):
            raise _Departing(departing)
        return claim_reply(after, payload.claim_id, _element, changed=after is not before, dry_run=payload.dry_run)

    while True:
        try:
            return ledger.obey(command, render=render, terms=terms)
        except _Departing as departing:
            ledger.depart(departing.gone)


def _gone_of(inventory: Inventory, claim_id: str, gone: Gone) -> frozenset[PciAddress]:
    """Of what the claim holds and, for each PF concerned, of its first VF: where that is gone the others are going, because the
    kernel removes it first (drivers/pci/iov.c, sriov_del_vfs)."""
    host = inventory.catalogue.host
    held = {each.address for each in inventory.book.claims[claim_id].held}
    pfs = held | {parent for address in held if (parent := host.devices[address].parent) is not None}
    try:
        return gone(held | {vf.address for pf in pfs for vf in host.vfs_of(pf)[:1]})
    except HostError:
        return frozenset()  # the host is taken to be as it was; the looks meet the same, and say so


def allocate(ledger: Ledger, payload: AllocatePayload, request_id: str | None = None, *, caller: str | None = None) -> ClaimReply:
    """The claim is allocated. Raises ClaimUnknown and ClaimEnded."""
    return ledger.obey(
        Allocate(claim_id=payload.claim_id, at=ledger.now()),
        render=lambda before, after: claim_reply(after, payload.claim_id, _element, changed=after is not before),
        terms=Terms(request_id=request_id, caller=caller),
    )


def free(ledger: Ledger, payload: FreePayload, request_id: str | None = None, *, caller: str | None = None) -> FreeReply:
    """The claim has ended, also where none was held: a late claim with its id is refused from now on."""
    return ledger.obey(
        Free(claim_id=payload.claim_id, at=ledger.now(), unused=payload.unused),
        render=lambda before, after: free_reply(before, after, payload.claim_id, unused=payload.unused),
        terms=Terms(request_id=request_id, caller=caller),
    )


def _element(held: Held) -> str:
    return text(hostdev(held))
