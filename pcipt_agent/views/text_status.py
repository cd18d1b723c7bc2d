# SPDX-License-Identifier: Apache-2.0
"""`status` for people: what needs attention, each with what to do; then a line a thing.

What needs attention comes last, where the eye is when a command has ended.

Does not know: how it was found out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from pcipt_agent.views.text import STATUS_STYLE, counted, heading, moment
from pcipt_agent.views.text_upkeep import said

if TYPE_CHECKING:
    from pcipt_agent.views.wire_status import ClaimsPart, FailurePart, LibvirtPart, ScanPart, StatusReply

_WIDTH = 12


def status_page(reply: StatusReply) -> Iterator[RenderableType]:
    """The agent, a line a thing, what needs attention."""
    yield heading(f"agent {reply.agent} on {reply.host}, API {reply.api}, since {moment(reply.started_at)}")
    for name, value in _lines(reply):
        yield f"  {name:{_WIDTH}}  {value}"
    if not reply.attention:
        yield Text("all is well", style="green")
        return
    yield Text(
        f"{counted(len(reply.attention), 'thing')} {'needs' if len(reply.attention) == 1 else 'need'} attention", style="bold red"
    )
    for each in reply.attention:
        yield Padding(f"{each.what}", (0, 0, 0, 2), expand=False)
        yield Padding(Text(f"→ {each.remedy}", style="dim"), (0, 0, 0, 4), expand=False)


def _lines(reply: StatusReply) -> Iterator[tuple[str, str]]:
    rules = reply.rules
    yield "service", "no new claims: " + said(reply.disabled) if reply.disabled else "in service"
    entries, aliases = counted(rules.entries, "entry", "entries"), counted(rules.aliases, "alias", "aliases")
    yield "rules", f"{rules.digest}, {entries}, {aliases}, loaded {moment(rules.loaded_at)}; readiness {reply.readiness}"
    if rules.reload_failure is not None:
        yield "", _failed("the last reload was refused", rules.reload_failure)
    yield "devices", _devices(reply)
    yield "claims", _claims(reply.claims)
    if reply.devices_disabled:
        yield "disabled", "; ".join(f"{each.address}: {said(each)}" for each in reply.devices_disabled)
    yield "inventory", f"generation {reply.generation}"
    yield from _scan(reply.scan)
    yield "libvirt", _libvirt(reply.libvirt)
    yield from _transport(reply)
    placement = reply.placement
    yield "Placement", placement.problem or "not configured" if not placement.reachable else "reachable"
    journal = reply.journal
    size = f"{counted(journal.records, 'record')}, {journal.size_bytes / 1024:.0f} KiB"
    yield "journal", size if journal.unwritable is None else f"{size}; it can't be written: {journal.unwritable}"


def _devices(reply: StatusReply) -> str:
    count: dict[str, int] = vars(reply.devices)  # as `views.text.shown` made it: fields named by the statuses
    parts = [f"{count[status]} {status}" for status in STATUS_STYLE if count.get(status)]
    return f"{sum(count.values())}: {', '.join(parts)}" if parts else "none"


def _claims(claims: ClaimsPart) -> str:
    told = [f"{claims.claimed} claimed", f"{claims.allocated} allocated"]
    for word, those in (("lost", claims.lost), ("unlisted", claims.unlisted), ("overdue", claims.overdue)):
        told += [f"{len(those)} {word}"] if those else []
    told += [f"{len(claims.domain_gone)} whose domain is gone"] if claims.domain_gone else []
    return ", ".join(told)


def _scan(scan: ScanPart) -> Iterator[tuple[str, str]]:
    last = (
        "not yet" if scan.at is None or scan.took_seconds is None else f"{moment(scan.at)}, took {scan.took_seconds * 1000:.0f} ms"
    )
    yield "last scan", last if scan.failure is None else f"{last}; {_failed('the next failed', scan.failure)}"
    without = f"not working: {scan.hints_problem}" if scan.hints_problem else "none; devices are seen at each rescan"
    yield "hints", "working" if scan.hints else without


def _libvirt(libvirt: LibvirtPart) -> str:
    versions = [f"{name} {each}" for name, each in (("version", libvirt.version), ("QEMU", libvirt.qemu_version)) if each]
    since = [] if libvirt.since is None else [f"since {moment(libvirt.since)}"]
    if libvirt.reachable:
        return ", ".join(["reachable", *versions, counted(libvirt.domains, "domain"), *since])
    return f"{', '.join(['not reachable', *since, *versions])}: {libvirt.problem}"


def _transport(reply: StatusReply) -> Iterator[tuple[str, str]]:
    transport = reply.transport
    yield "transport", f"{transport.where}, {'broker reachable' if transport.broker else 'no broker'}"
    if not transport.notifications:
        yield "events", "not sent: [oslo_messaging_notifications] driver is not set"
    elif transport.notifications_lost:
        yield "events", f"sent; {transport.notifications_lost} were lost"
    else:
        yield "events", "sent"


def _failed(what: str, failure: FailurePart) -> str:
    return f"{what} at {moment(failure.at)}: {failure.problem}"
