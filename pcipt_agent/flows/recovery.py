# SPDX-License-Identifier: Apache-2.0
"""Recovery: from what the journal remembers and what the host shows now, to a ledger that may answer.

    look ─▶ replay ─▶ compare ─▶ check ─▶ ledger

What was promised stays promised, whatever the host shows: a held device that is gone, listed no more or another piece of hardware
is said, and shown from then on, and only `free` ends it. Two things stop the start. Rules that hand out a held device's PF or VFs
instead of it would give the same hardware twice. And a book that breaks one of our own laws can't be reasoned from.

Does not know: the configuration's files, RPC, SQLite.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pcipt_agent.core.alias import RuleSet
from pcipt_agent.core.catalogue import Catalogue
from pcipt_agent.core.claim import Claim, Fingerprint, Held
from pcipt_agent.core.device import Device
from pcipt_agent.core.invariant import violations
from pcipt_agent.core.inventory import DeviceStatus, Inventory
from pcipt_agent.errors import ConfigError, Mistake
from pcipt_agent.flows.ledger import Ledger, first_inventory
from pcipt_agent.ports import Clock, HostReader, Journal, Listener, Recovered

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Drifted:
    """A held device that is another piece of hardware now, by these parts of its fingerprint."""

    claim: Claim
    held: Held
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """A held device that is not on the host, or not listed."""

    claim: Claim
    held: Held


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a start found that an operator should look at."""

    rebooted: bool
    """The machine has been started anew since the last record."""
    drifted: tuple[Drifted, ...]
    lost: tuple[Missing, ...]
    unlisted: tuple[Missing, ...]
    """Here, and matched by no device_spec now."""
    unwritable: str | None
    """Why nothing can be claimed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the ledger is put between."""

    reader: HostReader
    journal: Journal
    clock: Clock
    listeners: tuple[Listener, ...] = ()


def recover(world: World, rules: RuleSet, *, ended_claims_kept_seconds: float) -> tuple[Ledger, Findings]:
    """Raises HostError where the host can't be read, JournalError where the journal can't be trusted, ConfigError for the rules."""
    host, at = world.reader.read(), world.clock.now()
    recovered = world.journal.recover(host.boot_id, at, at - ended_claims_kept_seconds)
    inventory = first_inventory(host, rules, recovered, at)
    if mistakes := list(given_instead(inventory)):
        raise ConfigError(mistakes)
    if broken := violations(inventory):
        raise world.journal.distrust(f"what it holds breaks {len(broken)} of our own laws: {'; '.join(map(str, broken))}")
    found = findings(inventory, recovered)
    _say(found, recovered)
    ledger = Ledger(inventory, world.journal, clock=world.clock, listeners=world.listeners, unwritable=recovered.unwritable)
    return ledger, found


def findings(inventory: Inventory, recovered: Recovered) -> Findings:
    """Pure; in claim_id order."""
    claims = [inventory.book.claims[claim_id] for claim_id in sorted(inventory.book.claims)]
    return Findings(
        rebooted=recovered.boot_id not in (None, inventory.catalogue.host.boot_id),
        drifted=tuple(each for claim in claims for each in _drifted(inventory.catalogue, claim)),
        lost=_with_status(inventory, claims, DeviceStatus.LOST),
        unlisted=_with_status(inventory, claims, DeviceStatus.UNLISTED),
        unwritable=recovered.unwritable,
    )


def given_instead(inventory: Inventory) -> Iterator[Mistake]:
    """A held PF is listed no more and its VFs are, or the reverse: one mistake for each such pair of a claim and an entry.

    Not of what was adopted when no entry listed it: no rules have changed under that claim.
    """
    catalogue = inventory.catalogue
    for claim_id in sorted(inventory.book.claims):
        claim = inventory.book.claims[claim_id]
        for held in claim.held:
            index = catalogue.index_of.get(held.address)
            if index is None or held.entry is None or catalogue.spec_of[index] is not None:
                continue
            device = catalogue.devices[index]
            relatives = [*catalogue.host.vfs_of(device.address), *filter(None, [catalogue.host.parent_of(device)])]
            by_entry: dict[int, list[Device]] = defaultdict(list)
            for relative in relatives:
                spec = catalogue.spec_of[catalogue.index_of[relative.address]]
                if spec is not None:
                    by_entry[spec.entry].append(relative)
            yield from (_mistake(catalogue, claim, held, listed) for _, listed in sorted(by_entry.items()))


def _mistake(catalogue: Catalogue, claim: Claim, held: Held, listed: Sequence[Device]) -> Mistake:
    """`listed` are the relatives that one entry lists."""
    spec = catalogue.spec_of[catalogue.index_of[listed[0].address]]
    assert spec is not None, "a listed device has its entry"
    role = "the PF of" if listed[0].address == held.fingerprint.parent else "of the VFs of" if len(listed) > 1 else "a VF of"
    named = ", ".join(str(device.address) for device in listed)
    return Mistake(
        option="[pci] device_spec",
        entry=spec.entry,
        key=None,
        problem=f"lists {named}, {role} {held.address}, which no entry lists any more and which claim {claim.claim_id} "
        f"of consumer {claim.wish.consumer} holds",
        remedy=f"{held.entry} instead of this entry until the claim is freed (it listed {held.address})",
        source=spec.source,
    )


def _drifted(catalogue: Catalogue, claim: Claim) -> Iterator[Drifted]:
    for held in claim.held:
        device = catalogue.host.devices.get(held.address)
        parts = () if device is None else held.fingerprint.differing(Fingerprint.of(device))
        if parts:
            yield Drifted(claim, held, parts)


def _with_status(inventory: Inventory, claims: Sequence[Claim], status: DeviceStatus) -> tuple[Missing, ...]:
    return tuple(Missing(claim, held) for claim in claims for held in claim.held if inventory.status(held.address) is status)


def _say(found: Findings, recovered: Recovered) -> None:
    book = recovered.book
    LOG.info("start %d: %d claims from %d records", recovered.incarnation, len(book.claims), recovered.decisions)
    if found.unwritable is not None:
        LOG.error("nothing can be claimed, allocated or freed until the journal can be written: %s", found.unwritable)
    if found.rebooted:
        LOG.warning("the machine has been started anew since the last record (boot id was %s)", recovered.boot_id)
    for each in found.drifted:
        LOG.warning("%s is another device than the one that was claimed: %s", _whose(each), ", ".join(each.parts))
    for missing in found.lost:
        LOG.warning("%s is lost: it is not on the host", _whose(missing))
    for missing in found.unlisted:
        LOG.warning("%s is unlisted: no device_spec matches it now", _whose(missing))


def _whose(each: Drifted | Missing) -> str:
    return f"{each.held.address}, held by claim {each.claim.claim_id} of consumer {each.claim.wish.consumer},"
