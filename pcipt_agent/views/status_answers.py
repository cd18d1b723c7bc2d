# SPDX-License-Identifier: Apache-2.0
"""`status` as an answer: an inventory and what the agent knows of itself, side by side.

Pure, and linear in the devices and claims.

Does not know: where the facts come from (`views.agent_facts`), what of it needs attention (`views.attention`).
"""

from pcipt_agent.core.claim import Claim, ClaimState, Fingerprint
from pcipt_agent.core.domain import Version
from pcipt_agent.core.expiry import overdue
from pcipt_agent.core.inventory import DeviceStatus, Inventory
from pcipt_agent.views.agent_facts import AgentFacts, Failure, Standing
from pcipt_agent.views.answers import domain_gone
from pcipt_agent.views.attention import attention
from pcipt_agent.views.contract import VERSION
from pcipt_agent.views.upkeep_answers import disabled_part
from pcipt_agent.views.wire_status import (
    ClaimsPart,
    FailurePart,
    JournalPart,
    LibvirtPart,
    PlacementPart,
    RulesPart,
    ScanPart,
    StatusReply,
    TransportPart,
)


def status_reply(inventory: Inventory, facts: AgentFacts) -> StatusReply:
    book, claims, devices = inventory.book, _claims(inventory, facts.standing), _devices(inventory)
    return StatusReply(
        generation=inventory.generation,
        agent=facts.version,
        api=VERSION,
        host=facts.host,
        started_at=facts.started_at,
        readiness=inventory.catalogue.rules.readiness,
        rules=_rules(inventory, facts),
        scan=_scan(facts),
        libvirt=_libvirt(inventory, facts),
        transport=TransportPart(
            where=facts.transport.where,
            broker=facts.transport.broker,
            notifications=facts.transport.notifications,
            notifications_lost=facts.transport.notifications_lost,
        ),
        placement=_placement(inventory),
        journal=JournalPart(
            records=facts.journal.records, size_bytes=facts.journal.size_bytes, unwritable=facts.journal.unwritable
        ),
        devices=devices,
        claims=claims,
        dirty=[str(address) for address in sorted(book.dirty)],
        disabled=None if book.host_disabled is None else disabled_part(book.host_disabled),
        devices_disabled=[disabled_part(each) for _, each in sorted(book.disabled.items())],
        attention=attention(inventory, facts, claims),
    )


def _rules(inventory: Inventory, facts: AgentFacts) -> RulesPart:
    rules = inventory.catalogue.rules
    return RulesPart(
        digest=rules.digest,
        loaded_at=facts.rules_loaded_at,
        entries=len(rules.specs),
        aliases=len(rules.aliases),
        reload_failure=_failure(facts.reload_failure),
    )


def _scan(facts: AgentFacts) -> ScanPart:
    return ScanPart(
        at=None if facts.scan is None else facts.scan.at,
        took_seconds=None if facts.scan is None else facts.scan.took_seconds,
        failure=_failure(facts.scan_failure),
        hints=facts.hints.working,
        hints_problem=facts.hints.problem,
    )


def _libvirt(inventory: Inventory, facts: AgentFacts) -> LibvirtPart:
    seen = inventory.hypervisor
    return LibvirtPart(
        reachable=seen.reachable,
        problem=seen.problem,
        since=seen.watched_since if seen.reachable else facts.libvirt_lost_at,
        version=_version(seen.version),
        qemu_version=_version(seen.qemu_version),
        domains=len(seen.domains),
    )


def _placement(inventory: Inventory) -> PlacementPart:
    configured = inventory.catalogue.rules.report_in_placement
    problem = "this version of the agent reports nothing to Placement" if configured else None
    return PlacementPart(configured=configured, reachable=None, problem=problem)


def _devices(inventory: Inventory) -> dict[DeviceStatus, int]:
    count = dict.fromkeys(DeviceStatus, 0)
    for address in inventory.catalogue.index_of.keys() | set(inventory.book.holders):
        status = inventory.status(address)
        assert status is not None, "what is here or held has a status"
        count[status] += 1
    return count


def _claims(inventory: Inventory, standing: Standing) -> ClaimsPart:
    """Ids in their order."""
    claims = [claim for _, claim in sorted(inventory.book.claims.items())]
    return ClaimsPart(
        claimed=sum(claim.state is ClaimState.CLAIMED for claim in claims),
        allocated=sum(claim.state is ClaimState.ALLOCATED for claim in claims),
        lost=[claim.claim_id for claim in inventory.lost()],
        unlisted=[claim.claim_id for claim in claims if _has(inventory, claim, DeviceStatus.UNLISTED)],
        overdue=[claim.claim_id for claim in overdue(inventory, standing.at, standing.claim_timeout_seconds)],
        domain_gone=[claim.claim_id for claim in claims if domain_gone(inventory, claim)],
        fingerprint_differs=[claim.claim_id for claim in claims if _differs(inventory, claim)],
    )


def _has(inventory: Inventory, claim: Claim, status: DeviceStatus) -> bool:
    return any(inventory.status(held.address) is status for held in claim.held)


def _differs(inventory: Inventory, claim: Claim) -> bool:
    devices = inventory.catalogue.host.devices
    here = [(held.fingerprint, devices[held.address]) for held in claim.held if held.address in devices]
    return any(fingerprint.differing(Fingerprint.of(device)) for fingerprint, device in here)


def _failure(failure: Failure | None) -> FailurePart | None:
    return None if failure is None else FailurePart(at=failure.at, problem=failure.problem)


def _version(version: Version | None) -> str | None:
    return None if version is None else ".".join(map(str, version))
