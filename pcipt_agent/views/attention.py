# SPDX-License-Identifier: Apache-2.0
"""What an operator should look at, each with what to do; monitoring asks whether there is any.

What an operator has said himself (a device that is disabled) is none. What goes away by itself, were everything well, is one
while it lasts: it is the agent's own word that it can't go on.

Does not know: how it is shown, exit codes.
"""

import shlex
from collections.abc import Iterator, Sequence

from pcipt_agent.core.address import first_of
from pcipt_agent.core.deviceset import indexes
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.views.agent_facts import AgentFacts
from pcipt_agent.views.wire_status import AttentionPart, ClaimsPart

_NAMED = 4
"""Claims, addresses or domains that a sentence names before it counts the rest."""


def attention(inventory: Inventory, facts: AgentFacts, claims: ClaimsPart) -> list[AttentionPart]:
    """The most pressing first."""
    return [*_of_the_agent(inventory, facts), *_of_claims(claims), *_of_devices(inventory)]


def _of_the_agent(inventory: Inventory, facts: AgentFacts) -> Iterator[AttentionPart]:
    if facts.journal.unwritable is not None:
        what = f"the journal can't be written, so nothing can be claimed or freed: {facts.journal.unwritable}"
        remedy = "make room on the disk of [agent] state_path (df shows it), or mount it writable; the agent goes on by itself"
        yield AttentionPart(code="journal-unwritable", what=what, remedy=remedy)
    if facts.scan_failure is not None:
        what = f"the host can't be read, so what is shown is old: {facts.scan_failure.problem}"
        yield AttentionPart(code="scan-failed", what=what, remedy="pcipt doctor")
    if facts.reload_failure is not None:
        what = f"the last reload was refused, and the rules stayed as they were: {facts.reload_failure.problem}"
        remedy = "mend what pcipt check-config names, then systemctl reload pcipt-agent"
        yield AttentionPart(code="reload-failed", what=what, remedy=remedy)
    if not inventory.hypervisor.reachable:
        what = f"libvirt can't be asked, so no claim expires and no guest's device is noticed: {inventory.hypervisor.problem}"
        yield AttentionPart(code="libvirt-unreachable", what=what, remedy="pcipt doctor says what is missing")
    if facts.hints.problem is not None:
        what = f"the kernel's news of devices do not arrive, so a device is seen only by the next rescan: {facts.hints.problem}"
        yield AttentionPart(code="hints-not-working", what=what, remedy="pcipt doctor says what is missing")
    if facts.transport.notifications_lost:
        what = f"the message bus takes nothing; {facts.transport.notifications_lost} notifications were lost"
        yield AttentionPart(code="notifications-lost", what=what, remedy="look at the broker; the agent goes on by itself")


def _of_claims(claims: ClaimsPart) -> Iterator[AttentionPart]:
    if claims.lost:
        what = f"{_claims(claims.lost)} a device that is no longer on the host"
        yield AttentionPart(code="lost", what=what, remedy=f"bring the device back, or: pcipt free {_one(claims.lost)}")
    if claims.fingerprint_differs:
        what = f"{_claims(claims.fingerprint_differs)} an address at which there is other hardware now"
        remedy = f"pcipt claims {_one(claims.fingerprint_differs)} says what differs; put the hardware back, or free the claim"
        yield AttentionPart(code="fingerprint-differs", what=what, remedy=remedy)
    if claims.unlisted:
        what = f"{_claims(claims.unlisted)} a device that no device_spec entry lists now"
        remedy = "write the entry back, or free the claim once its guest has gone"
        yield AttentionPart(code="unlisted", what=what, remedy=remedy)
    if claims.domain_gone:
        what = f"libvirt shows the devices of {_named('claim', claims.domain_gone)} in no domain"
        remedy = f"if the guest does not come back: pcipt free {_one(claims.domain_gone)}"
        yield AttentionPart(code="domain-gone", what=what, remedy=remedy)
    if claims.overdue:
        what = f"{_named('claim', claims.overdue)} {'was' if len(claims.overdue) == 1 else 'were'} not allocated in time"
        remedy = f"pcipt claims {_one(claims.overdue)} says why it stays; if nobody is going to: pcipt free {_one(claims.overdue)}"
        yield AttentionPart(code="overdue", what=what, remedy=remedy)


def _of_devices(inventory: Inventory) -> Iterator[AttentionPart]:
    puzzling = [domain.name for domain in inventory.hypervisor.domains if domain.problem is not None]
    if puzzling:
        what = f"the XML of {_named('domain', puzzling)} is not understood, so it may have devices that are shown as free"
        remedy = f"virsh dumpxml {_one(puzzling, 'DOMAIN')}"
        yield AttentionPart(code="domain-not-understood", what=what, remedy=remedy)
    catalogue = inventory.catalogue
    occupied = [catalogue.devices[index].address for index in indexes(inventory.occupied & catalogue.assignable)]
    if occupied:
        names = sorted({domain.name for address in occupied for domain in inventory.domains_of[address]})
        what = f"{_named('domain', names)} {'has' if len(names) == 1 else 'have'} what no claim holds: {first_of(occupied, _NAMED)}"
        yield AttentionPart(code="occupied", what=what, remedy="pcipt adopt makes claims of it; --dry-run shows which")
    dirty = sorted(inventory.book.dirty)
    if dirty:
        what = f"dirty after one-time use, and handed out to nobody: {first_of(dirty, _NAMED)}"
        yield AttentionPart(
            code="dirty", what=what, remedy=f"clean it, then: pcipt clean {_one([str(each) for each in dirty], 'ADDRESS')}"
        )


def _claims(claim_ids: Sequence[str]) -> str:
    return f"{_named('claim', claim_ids)} {'holds' if len(claim_ids) == 1 else 'hold'}"


def _named(noun: str, names: Sequence[str]) -> str:
    return f"{noun if len(names) == 1 else f'{noun}s'} {first_of(names, _NAMED)}"


def _one(names: Sequence[str], place: str = "CLAIM") -> str:
    """For a command line: the name where there is one, else a place for each. Callers and owners of guests choose the names."""
    if len(names) != 1:
        return place
    return f"-- {shlex.quote(names[0])}" if names[0].startswith("-") else shlex.quote(names[0])
