# SPDX-License-Identifier: Apache-2.0
"""`reload` on the wire: new rules, and what they change on this host.

Does not know: what is compared (`core.rules_difference`), where the configuration is.
"""

from dataclasses import dataclass

from pydantic import Field

from pcipt_agent.core.alias import Readiness
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.core.rules_difference import RulesDifference
from pcipt_agent.views.wire import Payload
from pcipt_agent.views.wire_replies import Part, Reply


class RulesPayload(Payload):
    """The options that make the rules, as an operator has written them."""

    device_spec: list[str] = Field(default_factory=list, max_length=10000)
    alias: list[str] = Field(default_factory=list, max_length=10000)
    report_in_placement: bool = False
    pci_in_placement: bool = False
    readiness: Readiness = Readiness.ENFORCE


class ReloadPayload(Payload):
    """The configuration is read again. With `dry_run` nothing is taken; only then may rules be given."""

    dry_run: bool = False
    rules: RulesPayload | None = None
    """Compare these; null: what the agent's own files say now."""


class MovedPart(Part):
    address: str
    entry: str
    """Its text."""


class KeptPart(Part):
    address: str
    entry: str
    """The text of the entry that listed it."""
    claim_id: str
    consumer: str


class AlteredPart(Part):
    address: str
    before: str
    after: str
    waiting: str | None
    """Consumer for whose claim the old entry counts until it is freed."""


class ReloadReply(Reply):
    dry_run: bool
    rules: str
    """Digest of the rules that were read."""
    arriving: list[MovedPart]
    """Listed now, and not before."""
    leaving: list[MovedPart]
    """Not listed any more, and nobody's."""
    kept: list[KeptPart]
    """Not listed any more, and kept by their consumer until the claim is freed."""
    altered: list[AlteredPart]
    """Listed before and after, by entries that say different things."""
    aliases_new: list[str]
    aliases_gone: list[str]
    aliases_changed: list[str]
    options: list[str]
    """Other options that changed and are taken at once, such as `[agent] rescan_interval`."""
    needs_restart: list[str]
    """Options that changed and count only after a restart."""


@dataclass(frozen=True, slots=True)
class OtherOptions:
    """Options that changed beside the rules, as they are written in the file: `[agent] rescan_interval`."""

    taken: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()


def reload_reply(difference: RulesDifference, after: Inventory, options: OtherOptions, *, dry_run: bool) -> ReloadReply:
    return ReloadReply(
        generation=after.generation,
        dry_run=dry_run,
        rules=after.catalogue.rules.digest,
        arriving=[MovedPart(address=str(each.address), entry=each.entry) for each in difference.arriving],
        leaving=[MovedPart(address=str(each.address), entry=each.entry) for each in difference.leaving],
        kept=[
            KeptPart(address=str(each.address), entry=each.entry, claim_id=each.claim_id, consumer=each.consumer)
            for each in difference.kept
        ],
        altered=[
            AlteredPart(address=str(each.address), before=each.before, after=each.after, waiting=each.waiting)
            for each in difference.altered
        ],
        aliases_new=list(difference.aliases_new),
        aliases_gone=list(difference.aliases_gone),
        aliases_changed=list(difference.aliases_changed),
        options=list(options.taken),
        needs_restart=list(options.needs_restart),
    )
