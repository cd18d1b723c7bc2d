# SPDX-License-Identifier: Apache-2.0
"""Refusals on the wire: an ordinary answer `{"refusal": {…}}`, told apart by `code`, with the fields of its kind.

A program reads the code and the fields, a person the message. The codes are the contract; the message may be worded anew.

Does not know: how a refusal is worded (`views.sentences`), the answers that are none (`views.wire_replies`).
"""

from typing import Annotated, Literal

from pydantic import Field

from pcipt_agent.views.wire_replies import FunnelPart, Part


class RefusalPart(Part):
    message: str
    """For people."""


class ProblemPart(Part):
    field: str
    """Dotted path into the payload, such as `requests.0.count`."""
    problem: str


class DifferencePart(Part):
    field: str
    here: str
    asked: str


class BadRequestRefusal(RefusalPart):
    code: Literal["bad-request"] = "bad-request"
    problems: list[ProblemPart]


class BadExtraSpecRefusal(RefusalPart):
    code: Literal["bad-extra-spec"] = "bad-extra-spec"
    text: str
    position: int
    """0-based character position of the fault in `text`."""
    problem: str


class UnknownAliasRefusal(RefusalPart):
    code: Literal["unknown-alias"] = "unknown-alias"
    name: str
    known: list[str]


class AliasDiffersRefusal(RefusalPart):
    code: Literal["alias-differs"] = "alias-differs"
    name: str
    differences: list[DifferencePart]


class PolicyConflictRefusal(RefusalPart):
    code: Literal["policy-conflict"] = "policy-conflict"
    flavor: str
    image: str


class NoDevicesRefusal(RefusalPart):
    code: Literal["no-devices"] = "no-devices"
    funnel: FunnelPart


class ClaimDiffersRefusal(RefusalPart):
    code: Literal["claim-differs"] = "claim-differs"
    claim_id: str
    differences: list[DifferencePart]


class ClaimEndedRefusal(RefusalPart):
    code: Literal["claim-ended"] = "claim-ended"
    claim_id: str
    ended_at: float
    """Seconds since the epoch."""


class ClaimUnknownRefusal(RefusalPart):
    code: Literal["claim-unknown"] = "claim-unknown"
    claim_id: str


class ClaimIsAllocatedRefusal(RefusalPart):
    code: Literal["claim-is-allocated"] = "claim-is-allocated"
    claim_id: str


class DeviceHeldRefusal(RefusalPart):
    code: Literal["device-held"] = "device-held"
    address: str
    """What was to be adopted."""
    held: str
    """The same address, or a relative's."""
    claim_id: str
    consumer: str


class LibvirtUnreachableRefusal(RefusalPart):
    code: Literal["libvirt-unreachable"] = "libvirt-unreachable"
    problem: str


class DomainUnknownRefusal(RefusalPart):
    code: Literal["domain-unknown"] = "domain-unknown"
    domain: str
    known: list[str]
    """Names of the domains that have a device without a claim."""


class MistakePart(Part):
    """One mistake in the configuration."""

    option: str
    """Such as `[pci] device_spec`."""
    entry: int | None
    """Which of the option's values; the first is 1."""
    key: str | None
    problem: str
    remedy: str
    """What to write instead."""
    source: str | None
    """The operator's text."""


class BadConfigurationRefusal(RefusalPart):
    code: Literal["bad-configuration"] = "bad-configuration"
    mistakes: list[MistakePart]


class DeviceUnknownRefusal(RefusalPart):
    code: Literal["device-unknown"] = "device-unknown"
    address: str


class GenerationMovedRefusal(RefusalPart):
    code: Literal["generation-moved"] = "generation-moved"
    asked: str
    current: str


class JournalUnwritableRefusal(RefusalPart):
    code: Literal["journal-unwritable"] = "journal-unwritable"
    problem: str


AnyRefusal = Annotated[
    BadRequestRefusal
    | BadExtraSpecRefusal
    | UnknownAliasRefusal
    | AliasDiffersRefusal
    | PolicyConflictRefusal
    | NoDevicesRefusal
    | ClaimDiffersRefusal
    | ClaimEndedRefusal
    | ClaimUnknownRefusal
    | ClaimIsAllocatedRefusal
    | DeviceHeldRefusal
    | LibvirtUnreachableRefusal
    | DomainUnknownRefusal
    | BadConfigurationRefusal
    | DeviceUnknownRefusal
    | GenerationMovedRefusal
    | JournalUnwritableRefusal,
    Field(discriminator="code"),
]


class RefusalAnswer(Part):
    """What any method may answer instead of its reply."""

    refusal: AnyRefusal
