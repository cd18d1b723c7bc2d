# SPDX-License-Identifier: Apache-2.0
"""The failure tree; its second level says who is at fault, and so what we do.

    PciptError
    ├── ConfigError      the operator's fault   → do not start (or keep the old rules); every mistake listed
    ├── Refusal          the caller's fault     → an ordinary answer with reasons, no traceback
    ├── HostError        the machine's fault    → log once, keep serving the rest, retry
    └── JournalError     our memory is at risk  → stop, or refuse to write; never guess

Errors carry fields; sentences for people are made by `views.sentences`.

Does not know: how a failure is shown, logged or sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class PciptError(Exception):
    """Anything this program can say went wrong."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong in what the operator wrote, and what would be right."""

    option: str
    """The option as it is written in the file, such as `[pci] device_spec`."""
    entry: int | None
    """1-based number of the entry among the option's values; None for the option as a whole."""
    key: str | None
    """The JSON key at fault, dotted below the top (`address.bus`); None for the whole entry."""
    problem: str
    """What is wrong: one clause, lower case, no full stop."""
    remedy: str
    """What would be right: one clause, often the entry as it must be written."""
    source: str | None = None
    """The operator's own text of the entry."""
    span: tuple[int, int] | None = None
    """Start and end (exclusive) of the fault in `source`, in characters."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What works and is probably not meant: nothing is refused for it. The fields are a mistake's."""

    option: str
    entry: int | None
    key: str | None
    problem: str
    remedy: str
    source: str | None = None
    span: tuple[int, int] | None = None


class ConfigError(PciptError):
    """The configuration can't be used; carries every mistake, in the operator's order."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        first = "; ".join(f"{mistake.option}: {mistake.problem}" for mistake in mistakes[:1])
        super().__init__(f"{first} (and {len(mistakes) - 1} more mistakes)" if len(mistakes) > 1 else first)
        self.mistakes = tuple(mistakes)


class HostError(PciptError):
    """The machine can't be read at all (one odd device is a `Fault` of that device instead)."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class JournalError(PciptError):
    """The journal can't be trusted or opened; the way out is part of the error."""

    def __init__(self, path: str, problem: str, way_out: str) -> None:
        super().__init__(f"{path}: {problem}; {way_out}")
        self.path = path
        self.problem = problem
        self.way_out = way_out


class Refusal(PciptError):
    """The caller asked for what can't be granted; `code` is the stable name of the kind."""

    code: ClassVar[str]


class BadRequest(Refusal):
    """A payload that does not parse: each problem is (dotted field, what is wrong)."""

    code = "bad-request"

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{field}: {problem}" for field, problem in problems))
        self.problems = tuple(problems)


class BadExtraSpec(Refusal):
    """A `pci_passthrough:alias` text (or a policy beside it) that can't be read."""

    code = "bad-extra-spec"

    def __init__(self, text: str, position: int, problem: str) -> None:
        super().__init__(f"{problem} at position {position} of {text!r}")
        self.text = text
        self.position = position
        """0-based character position of the fault in `text`."""
        self.problem = problem


class UnknownAlias(Refusal):
    """No alias of that name is configured here; `known` are those that are, sorted."""

    code = "unknown-alias"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"no alias {name!r}")
        self.name = name
        self.known = tuple(known)


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which what is asked differs from what is held or configured."""

    field: str
    here: str
    asked: str


class AliasDiffers(Refusal):
    """A request's resolved alternatives are not what the alias means on this host."""

    code = "alias-differs"

    def __init__(self, name: str, differences: Sequence[Difference]) -> None:
        super().__init__(f"alias {name!r} differs: {differences}")
        self.name = name
        self.differences = tuple(differences)


class PolicyConflict(Refusal):
    """Flavor and image both give the value, and not the same one."""

    code = "policy-conflict"

    def __init__(self, flavor: str, image: str) -> None:
        super().__init__(f"flavor says {flavor!r}, image says {image!r}")
        self.flavor = flavor
        self.image = image


class ClaimDiffers(Refusal):
    """The claim_id is in use for something else."""

    code = "claim-differs"

    def __init__(self, claim_id: str, differences: Sequence[Difference]) -> None:
        super().__init__(f"claim {claim_id} differs: {differences}")
        self.claim_id = claim_id
        self.differences = tuple(differences)


class ClaimEnded(Refusal):
    """The claim_id was freed or expired before; an ended claim_id is never claimed again."""

    code = "claim-ended"

    def __init__(self, claim_id: str, ended_at: float) -> None:
        super().__init__(f"claim {claim_id} has ended")
        self.claim_id = claim_id
        self.ended_at = ended_at
        """Seconds since the epoch."""


class ClaimUnknown(Refusal):
    """No claim of that id is held here."""

    code = "claim-unknown"

    def __init__(self, claim_id: str) -> None:
        super().__init__(f"no claim {claim_id}")
        self.claim_id = claim_id


class ClaimIsAllocated(Refusal):
    """What was asked ends only a claim that was never allocated."""

    code = "claim-is-allocated"

    def __init__(self, claim_id: str) -> None:
        super().__init__(f"claim {claim_id} is allocated")
        self.claim_id = claim_id


class DeviceHeld(Refusal):
    """The device can't be adopted: a claim holds it, or a relative of it."""

    code = "device-held"

    def __init__(self, address: str, held: str, claim_id: str, consumer: str) -> None:
        super().__init__(f"{held} is held by claim {claim_id} of consumer {consumer}")
        self.address = address
        self.held = held
        """The same address, or the relative's."""
        self.claim_id = claim_id
        self.consumer = consumer


class LibvirtUnreachable(Refusal):
    """What was asked needs libvirt's word, and it can't be asked now."""

    code = "libvirt-unreachable"

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class DomainUnknown(Refusal):
    """libvirt knows no domain of that name or UUID; `known` are the names of those that have a device without a claim, sorted."""

    code = "domain-unknown"

    def __init__(self, domain: str, known: Sequence[str]) -> None:
        super().__init__(f"no domain {domain}")
        self.domain = domain
        self.known = tuple(known)


class BadConfiguration(Refusal):
    """New rules were not taken: the configuration has mistakes, and the old rules stay."""

    code = "bad-configuration"

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__(f"{len(mistakes)} mistakes in the configuration")
        self.mistakes = tuple(mistakes)


class DeviceUnknown(Refusal):
    """No device of that address is on this host, and no claim holds one."""

    code = "device-unknown"

    def __init__(self, address: str) -> None:
        super().__init__(f"no device {address}")
        self.address = address


class GenerationMoved(Refusal):
    """The caller's `if_generation` is not the inventory's generation any more."""

    code = "generation-moved"

    def __init__(self, asked: str, current: str) -> None:
        super().__init__(f"generation is {current}, not {asked}")
        self.asked = asked
        self.current = current


class JournalUnwritable(Refusal):
    """The decision could not be made durable, so it was not made."""

    code = "journal-unwritable"

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
