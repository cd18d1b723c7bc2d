# SPDX-License-Identifier: Apache-2.0
"""Whether those who must agree do: the agent's claims, the journal on the disk, and libvirt's domains.

The agent compares claims with domains and devices itself, all the time (`status` of the RPC interface); here it is told.

Does not know: how any of them was asked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, assert_never

from pcipt_agent.core.diagnosis import Finding, Unseen, Verdict, ok, unknown
from pcipt_agent.core.floors import Version

_LOG: Final = "journalctl -u pcipt-agent.service -n 30"
_RESTART: Final = "systemctl restart pcipt-agent.service  # begins a new history, and puts the damaged one aside"
_BLIND: Final = "libvirt-unreachable"
_OF_THE_AGENT: Final = {
    _BLIND: _LOG,
    "hints-not-working": _LOG,
    "journal-unwritable": None,
    "notifications-lost": None,
    "reload-failed": None,
    "scan-failed": _LOG,
}
"""Code of what is the agent's own trouble → the command, where the agent itself would point here."""
_STOPS_CLAIMS: Final = frozenset({"journal-unwritable", "scan-failed"})


@dataclass(frozen=True, slots=True)
class Libvirt:
    """What libvirt says of itself."""

    uri: str
    version: Version | Unseen
    qemu: Version | Unseen


@dataclass(frozen=True, slots=True)
class NoLibvirt:
    """It was asked, and there is no answer."""

    uri: str
    problem: str


@dataclass(frozen=True, slots=True)
class NoLibrary:
    """This installation can't ask libvirt, whatever libvirt would say: its library for Python is missing."""

    why: str
    python: str
    """The one that lacks it."""


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that the agent says an operator should look at; `code` is its stable name."""

    code: str
    what: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """What the running agent says."""

    version: str
    claims: int
    libvirt: Version | Unseen
    """As the agent sees it."""
    qemu: Version | Unseen
    attention: tuple[Attention, ...]


@dataclass(frozen=True, slots=True)
class Journal:
    """What a replay of it came to."""

    path: str
    records: int
    claims: int
    history: tuple[str, ...] = ()
    """What is wrong with the history beside it."""


@dataclass(frozen=True, slots=True)
class DamagedJournal:
    path: str
    problem: str
    way_out: str


def library_finding(library: NoLibrary, libvirt: Libvirt | NoLibvirt | Unseen) -> Finding:
    """Where libvirt answers virsh, the agent may still have no way to ask it; a problem where there is one to be asked."""
    verdict = Verdict.WARNING if isinstance(libvirt, Unseen) else Verdict.PROBLEM
    seen = f"the agent can't ask libvirt which guests have devices: {library.why}"
    return Finding("libvirt-python", verdict, seen, f"{library.python} -m pip install 'pcipt-agent[libvirt]'")


def libvirt_finding(libvirt: Libvirt | NoLibvirt | Unseen) -> Finding:
    match libvirt:
        case Unseen():
            return unknown("libvirt", libvirt)
        case NoLibvirt(uri, problem):
            mend = "systemctl start virtqemud.socket || systemctl start libvirtd.socket"
            return Finding("libvirt", Verdict.PROBLEM, f"{uri} does not answer: {problem}", mend)
        case Libvirt(uri, version, qemu):
            numbers = ", ".join(f"{name} {_version(number)}" for name, number in (("libvirt", version), ("QEMU", qemu)))
            return ok("libvirt", f"{uri} answers: {numbers}")
        case _:
            assert_never(libvirt)


def known_versions(libvirt: Libvirt | NoLibvirt | Unseen, agent: Agent | Unseen) -> tuple[Version | Unseen, Version | Unseen]:
    """libvirt's and QEMU's: as they were asked for here, or else as the agent knows them."""
    if isinstance(libvirt, Libvirt):
        return libvirt.version, libvirt.qemu
    if isinstance(agent, Agent):
        return agent.libvirt, agent.qemu
    return Unseen("libvirt was not reached"), Unseen("libvirt was not reached")


def agent_finding(agent: Agent | Unseen, version: str) -> Finding:
    """`version`: this program's."""
    if isinstance(agent, Unseen):
        return unknown("agent", agent)
    if agent.version != version:
        seen = f"the agent that runs is {agent.version}, and {version} is installed"
        return Finding("agent", Verdict.WARNING, seen, "systemctl restart pcipt-agent.service")
    return ok("agent", f"it answers: version {agent.version}, {_counted(agent.claims, 'claim')}")


def journal_findings(journal: Journal | DamagedJournal | Unseen | None) -> Iterator[Finding]:
    """None: there is none yet."""
    match journal:
        case None:
            yield ok("journal", "there is none yet; the first start makes it")
        case Unseen():
            yield unknown("journal", journal)
        case DamagedJournal(path, problem, way_out):
            yield Finding("journal", Verdict.PROBLEM, f"{path}: {problem}", f"# {way_out}")
        case Journal(path, records, claims, history):
            yield ok("journal", f"{path} is whole: {_counted(records, 'record')} replayed, {_counted(claims, 'claim')} held")
            for problem in history:
                yield Finding("journal", Verdict.WARNING, f"of the history, not of the claims: {problem}", _RESTART)
        case _:
            assert_never(journal)


def claim_findings(agent: Agent | Unseen) -> Iterator[Finding]:
    """What the agent says of its claims against libvirt's domains and the host's devices, and of itself."""
    if isinstance(agent, Unseen):
        yield Finding("claims", Verdict.UNKNOWN, "the agent was not reached, so its claims are not known", agent.mend)
        return
    yield from (_of_the_agent(each) for each in agent.attention if each.code in _OF_THE_AGENT)
    others = [each for each in agent.attention if each.code not in _OF_THE_AGENT]
    yield from (Finding("claims", Verdict.WARNING, each.what, each.remedy) for each in others)
    if any(each.code == _BLIND for each in agent.attention):
        yield Finding("claims", Verdict.UNKNOWN, "whether each claim's guest is there, as the agent can't ask libvirt", _LOG)
    elif not others:
        yield ok("claims", f"{_counted(agent.claims, 'claim')}: libvirt's domains and the host's devices agree")


def _of_the_agent(attention: Attention) -> Finding:
    verdict = Verdict.PROBLEM if attention.code in _STOPS_CLAIMS else Verdict.WARNING
    return Finding("agent", verdict, attention.what, _OF_THE_AGENT[attention.code] or attention.remedy)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _version(number: Version | Unseen) -> str:
    return "of unknown version" if isinstance(number, Unseen) else ".".join(map(str, number))
