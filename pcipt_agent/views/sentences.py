# SPDX-License-Identifier: Apache-2.0
"""Refusals as sentences for people, and as typed parts of an answer for programs.

The one place where a refusal's fields become words, so that the CLI, the log and the wire say the same.

Does not know: where the sentence is shown; the funnel in full (`views.text`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from pcipt_agent.core.funnel import RequestFunnel, Unsatisfied
from pcipt_agent.errors import (
    AliasDiffers,
    BadConfiguration,
    BadExtraSpec,
    BadRequest,
    ClaimDiffers,
    ClaimEnded,
    ClaimIsAllocated,
    ClaimUnknown,
    DeviceHeld,
    DeviceUnknown,
    Difference,
    DomainUnknown,
    GenerationMoved,
    JournalUnwritable,
    LibvirtUnreachable,
    Mistake,
    PolicyConflict,
    Refusal,
    UnknownAlias,
)
from pcipt_agent.views import wire_refusals as wire
from pcipt_agent.views.funnel_answers import funnel_part
from pcipt_agent.views.mistakes import mistakes_text


def sentence(refusal: Refusal) -> str:
    """What to tell a person; one line, no full stop."""
    return wire_refusal(refusal).message


def wire_refusal(refusal: Refusal) -> wire.AnyRefusal:
    """What to answer a program."""
    match refusal:
        case BadRequest() | BadExtraSpec() | UnknownAlias() | AliasDiffers() | PolicyConflict():
            return _of_the_payload(refusal)
        case ClaimDiffers() | ClaimEnded() | ClaimUnknown() | ClaimIsAllocated():
            return _of_the_claim(refusal)
        case DeviceHeld() | LibvirtUnreachable() | DomainUnknown():
            return _of_adoption(refusal)
        case Unsatisfied(funnel=funnel):
            return wire.NoDevicesRefusal(message=_no_devices(refusal), funnel=funnel_part(funnel))
        case DeviceUnknown(address=address):
            return wire.DeviceUnknownRefusal(
                message=f"there is no device {address} on this host, and no claim holds one", address=address
            )
        case GenerationMoved(asked=asked, current=current):
            return wire.GenerationMovedRefusal(
                message=f"the inventory has moved on from generation {asked} to {current}: read it again and decide anew",
                asked=asked,
                current=current,
            )
        case BadConfiguration(mistakes=mistakes):
            return wire.BadConfigurationRefusal(
                message="the new configuration is not taken, and the old rules stay:\n" + mistakes_text(mistakes),
                mistakes=[mistake_part(mistake) for mistake in mistakes],
            )
        case JournalUnwritable(problem=problem):
            return wire.JournalUnwritableRefusal(
                message=f"the journal can't be written, so nothing was changed: {problem}", problem=problem
            )
        case _:
            raise AssertionError(f"{type(refusal).__name__} has no sentence")


def _of_the_payload(
    refusal: BadRequest | BadExtraSpec | UnknownAlias | AliasDiffers | PolicyConflict,
) -> wire.AnyRefusal:
    match refusal:
        case BadRequest(problems=problems):
            return wire.BadRequestRefusal(
                message="the request is not as it must be: " + "; ".join(f"{field}: {problem}" for field, problem in problems),
                problems=[wire.ProblemPart(field=field, problem=problem) for field, problem in problems],
            )
        case BadExtraSpec(text=text, position=position, problem=problem):
            return wire.BadExtraSpecRefusal(
                message=f"{text!r} can't be read at character {position + 1}: {problem}",
                text=text,
                position=position,
                problem=problem,
            )
        case UnknownAlias(name=name, known=known):
            there = f"known are: {', '.join(known)}" if known else "none is configured"
            return wire.UnknownAliasRefusal(
                message=f"no alias {name!r} is configured on this host; {there}", name=name, known=list(known)
            )
        case AliasDiffers(name=name, differences=differences):
            return wire.AliasDiffersRefusal(
                message=f"alias {name!r} means something else on this host: {_differences(differences)}",
                name=name,
                differences=_parts(differences),
            )
        case PolicyConflict(flavor=flavor, image=image):
            return wire.PolicyConflictRefusal(
                message=f"the flavor's PCI NUMA affinity policy is {flavor!r} and the image's is {image!r}: remove one of them",
                flavor=flavor,
                image=image,
            )


def _of_adoption(refusal: DeviceHeld | LibvirtUnreachable | DomainUnknown) -> wire.AnyRefusal:
    match refusal:
        case DeviceHeld(address=address, held=held, claim_id=claim_id, consumer=consumer):
            what = "it" if held == address else f"its relative {held}"
            return wire.DeviceHeldRefusal(
                message=f"{address} can't be adopted: claim {claim_id} of consumer {consumer} holds {what}",
                address=address,
                held=held,
                claim_id=claim_id,
                consumer=consumer,
            )
        case LibvirtUnreachable(problem=problem):
            return wire.LibvirtUnreachableRefusal(
                message=f"libvirt can't be asked what its domains hold: {problem}", problem=problem
            )
        case DomainUnknown(domain=domain, known=known):
            there = f"without a claim of theirs have devices: {', '.join(known)}" if known else "none has a device without a claim"
            return wire.DomainUnknownRefusal(message=f"libvirt has no domain {domain!r}; {there}", domain=domain, known=list(known))


def mistake_part(mistake: Mistake) -> wire.MistakePart:
    return wire.MistakePart(
        option=mistake.option,
        entry=mistake.entry,
        key=mistake.key,
        problem=mistake.problem,
        remedy=mistake.remedy,
        source=mistake.source,
    )


def _of_the_claim(refusal: ClaimDiffers | ClaimEnded | ClaimUnknown | ClaimIsAllocated) -> wire.AnyRefusal:
    match refusal:
        case ClaimDiffers(claim_id=claim_id, differences=differences):
            return wire.ClaimDiffersRefusal(
                message=f"claim {claim_id} is held for something else: {_differences(differences)}",
                claim_id=claim_id,
                differences=_parts(differences),
            )
        case ClaimEnded(claim_id=claim_id, ended_at=ended_at):
            when = datetime.fromtimestamp(ended_at, UTC).isoformat(sep=" ", timespec="seconds")
            return wire.ClaimEndedRefusal(
                message=f"claim {claim_id} ended at {when}; a claim_id is never used again", claim_id=claim_id, ended_at=ended_at
            )
        case ClaimUnknown(claim_id=claim_id):
            return wire.ClaimUnknownRefusal(message=f"no claim {claim_id} is held here", claim_id=claim_id)
        case ClaimIsAllocated(claim_id=claim_id):
            return wire.ClaimIsAllocatedRefusal(
                message=f"claim {claim_id} is allocated: it does not expire, and `free` ends it", claim_id=claim_id
            )


def _differences(differences: Sequence[Difference]) -> str:
    return "; ".join(f"{each.field} is {each.here} here, {each.asked} was asked" for each in differences)


def _parts(differences: Sequence[Difference]) -> list[wire.DifferencePart]:
    return [wire.DifferencePart(field=each.field, here=each.here, asked=each.asked) for each in differences]


def _no_devices(refusal: Unsatisfied) -> str:
    clauses = [_short(each) for each in refusal.short_of]
    if refusal.funnel.together is not None:
        clauses.append(refusal.funnel.together)
    return "the requests can't be met: " + "; ".join(clauses)


def _short(way: RequestFunnel) -> str:
    """Such as: request 1 (2 of alias 'gpu') has 1 left after the filter 'numa'."""
    request = way.request
    if request.address is not None:
        wanted = f"device {request.address}"
    else:
        wanted = "its alternatives" if request.alias is None else f"alias {request.alias!r}"
    left = next((stage.left for stage in way.stages if stage.filter == way.emptied_by), 0)
    return f"request {way.index + 1} ({request.count} of {wanted}) has {left} left after the filter {way.emptied_by!r}"
