# SPDX-License-Identifier: Apache-2.0
"""Whether those who must agree do: the agent's claims, the journal on the disk, and libvirt's domains.

Does not know: how any of them was asked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from pcipt_agent.core.diagnosis import Finding, Unseen, Verdict, ok, unknown
from pcipt_agent.core.floors import Version

_NAMED: Final = 4


@dataclass(frozen=True, slots=True)
class Libvirt:
    """What libvirt says of itself."""

    uri: str
    version: Version | Unseen
    qemu: Version | Unseen
    domains: frozenset[str]
    """UUIDs, running and defined."""


@dataclass(frozen=True, slots=True)
class NoLibvirt:
    """It was asked, and there is no answer."""

    uri: str
    problem: str


@dataclass(frozen=True, slots=True)
class HeldClaim:
    claim_id: str
    consumer: str
    allocated: bool


@dataclass(frozen=True, slots=True)
class OddDevice:
    """One that the agent shows with a status that somebody should look at."""

    address: str
    status: str
    reason: str
    claim_id: str | None


@dataclass(frozen=True, slots=True)
class Agent:
    """What the running agent says."""

    version: str
    claims: tuple[HeldClaim, ...]
    odd: tuple[OddDevice, ...]


@dataclass(frozen=True, slots=True)
class Journal:
    """What a replay of it came to."""

    path: str
    decisions: int
    claims: int


@dataclass(frozen=True, slots=True)
class DamagedJournal:
    path: str
    problem: str
    way_out: str


def libvirt_finding(libvirt: Libvirt | NoLibvirt | Unseen) -> Finding:
    match libvirt:
        case Unseen():
            return unknown("libvirt", libvirt)
        case NoLibvirt(uri, problem):
            mend = "systemctl start virtqemud.socket || systemctl start libvirtd.socket"
            return Finding("libvirt", Verdict.PROBLEM, f"{uri} does not answer: {problem}", mend)
        case Libvirt(uri, version, qemu, domains):
            numbers = ", ".join(f"{name} {_version(number)}" for name, number in (("libvirt", version), ("QEMU", qemu)))
            return ok("libvirt", f"{uri} answers: {numbers}, {_counted(len(domains), 'domain')}")
        case _:
            assert_never(libvirt)


def agent_finding(agent: Agent | Unseen, version: str) -> Finding:
    """`version`: this program's."""
    if isinstance(agent, Unseen):
        return unknown("agent", agent)
    if agent.version != version:
        seen = f"the agent that runs is {agent.version}, and {version} is installed"
        return Finding("agent", Verdict.WARNING, seen, "systemctl restart pcipt-agent.service")
    return ok("agent", f"it answers: version {agent.version}, {_counted(len(agent.claims), 'claim')}")


def journal_finding(journal: Journal | DamagedJournal | Unseen | None) -> Finding:
    """None: there is none yet."""
    match journal:
        case None:
            return ok("journal", "there is none yet; the first start makes it")
        case Unseen():
            return unknown("journal", journal)
        case DamagedJournal(path, problem, way_out):
            return Finding("journal", Verdict.PROBLEM, f"{path}: {problem}", f"# {way_out}")
        case Journal(path, decisions, claims):
            return ok("journal", f"{path} is whole: {_counted(decisions, 'record')} replayed, {_counted(claims, 'claim')} held")
        case _:
            assert_never(journal)


def claim_findings(agent: Agent | Unseen, libvirt: Libvirt | NoLibvirt | Unseen) -> Iterator[Finding]:
    """The agent's claims against the devices that are there, and against libvirt's domains."""
    if isinstance(agent, Unseen):
        yield Finding("claims", Verdict.UNKNOWN, "the agent was not reached, so its claims are not known", agent.mend)
        return
    bad = [_odd(each) for each in agent.odd]
    if isinstance(libvirt, Libvirt):
        bad += _without_domain(agent.claims, libvirt)
    yield from bad
    if not isinstance(libvirt, Libvirt):
        yield Finding("claims", Verdict.UNKNOWN, "libvirt was not reached, so whether each claim's guest is there is not known")
    elif not bad:
        yield ok("claims", f"{_counted(len(agent.claims), 'claim')}: libvirt's domains and the host's devices agree")


def _odd(device: OddDevice) -> Finding:
    mends = {
        "occupied": "pcipt adopt --dry-run",
        "dirty": f"pcipt clean {device.address}  # once it is wiped",
        "lost": f"pcipt free {device.claim_id}  # once its guest is gone",
        "unlisted": f"pcipt explain device {device.address}",
    }
    seen = f"{device.address} is {device.status}: {device.reason}"
    return Finding("claims", Verdict.WARNING, seen, mends.get(device.status, f"pcipt explain device {device.address}"))


def _without_domain(claims: Sequence[HeldClaim], libvirt: Libvirt) -> list[Finding]:
    """A claim is allocated once its guest runs, so one without a domain was left behind, or its domain is only not defined now."""
    gone = [each for each in claims if each.allocated and each.consumer not in libvirt.domains]
    findings = [
        Finding(
            "claims",
            Verdict.WARNING,
            f"claim {each.claim_id} is allocated, and libvirt has no domain {each.consumer}",
            f"pcipt free {each.claim_id}  # if that guest is gone for good",
        )
        for each in gone[:_NAMED]
    ]
    if len(gone) > _NAMED:
        seen = f"{len(gone) - _NAMED} more claims are allocated to guests that libvirt does not have"
        findings.append(Finding("claims", Verdict.WARNING, seen, "pcipt claims --state allocated; virsh list --all --uuid"))
    return findings


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _version(number: Version | Unseen) -> str:
    return "of unknown version" if isinstance(number, Unseen) else ".".join(map(str, number))
