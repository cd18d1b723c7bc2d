# SPDX-License-Identifier: Apache-2.0
"""Explanations for people: one device against every entry, one wish through the funnel.

Read at three in the morning: what was asked, where it ran out, which devices the filter that emptied it took away and why. Devices
that were dropped for the same reason share a line.

Does not know: the filters (`core.selection`), whether the funnel came with a refusal or was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from pcipt_agent.core.address import first_of
from pcipt_agent.views.text import aside, counted, heading, moment, status_mark, unknown
from pcipt_agent.views.text_devices import ids, reason
from pcipt_agent.views.text_upkeep import said

if TYPE_CHECKING:
    from pcipt_agent.views.wire_devices import DevicePart, EntryPart, ExplainDeviceReply
    from pcipt_agent.views.wire_replies import (
        AlternativePart,
        DroppedPart,
        ExplainRequestReply,
        FunnelPart,
        RequestFunnelPart,
        RequestPart,
        StagePart,
    )

_ADDRESSES_A_LINE = 4


def explain_device_page(reply: ExplainDeviceReply) -> Iterator[RenderableType]:
    """The device, its status and why, each entry, and what the host shows of it."""
    device = reply.device
    line = Text.assemble(f"{device.address}  {device.device_type}  {ids(device)}  ", status_mark(device.status))
    why = reason(device)
    yield line.append(f": {why}") if why else line
    yield from (Text(f"  warning: {warning}", style="yellow") for warning in device.warnings)
    yield heading("\n[pci] device_spec")
    if device.facts is None:
        yield "  it is not on the host, so there is nothing to match"
    elif not reply.entries:
        yield "  no entry is configured, so no device is assignable"
    for entry in reply.entries:
        yield Padding(f"entry {entry.entry}  {entry.source}", (0, 0, 0, 2), expand=False)
        yield Padding(_verdict(entry, device), (0, 0, 0, 11), expand=False)
    word = list(_words(device))
    if word:
        yield heading("\nguests and operators")
        yield from (f"  {name:16}  {value}" for name, value in word)
    yield heading("\nhost")
    yield from (f"  {name:16}  {value}" for name, value in _facts(device))


def _verdict(entry: EntryPart, device: DevicePart) -> Text:
    if entry.key is not None:
        return Text(f"no: {entry.key} is {entry.found}, not {entry.wanted}")
    if entry.entry == device.entry:
        return Text("matches: the device is assignable by this entry", style="green")
    return aside(f"would match, but entry {device.entry} came first")


def _words(device: DevicePart) -> Iterator[tuple[str, str]]:
    """What libvirt and operators say of it."""
    for domain in device.domains:
        yield "domain", f"{domain.name} ({domain.uuid}), {'running' if domain.running else 'defined'}"
    if device.dirty is not None:
        yield "dirty", f"since {moment(device.dirty.since)}, claim {device.dirty.claim_id} of consumer {device.dirty.consumer}"
    for each in device.disabled:
        place = "the host" if each.address is None else each.address
        yield "disabled", said(each) if place == device.address else f"{place}: {said(each)}"


def _facts(device: DevicePart) -> Iterator[tuple[str, str]]:
    subsystem = f"{device.subsystem_vendor_id}:{device.subsystem_product_id}" if device.subsystem_vendor_id else "-"
    facts = device.facts
    if facts is None:
        yield "subsystem ids", subsystem
        yield "serial", unknown(device.serial)
        return
    members = f" ({', '.join(facts.iommu_group_members)})" if len(facts.iommu_group_members) > 1 else ""
    yield "NUMA node", f"{unknown(facts.numa_node)}, socket {unknown(facts.socket)}"
    yield "IOMMU group", f"{unknown(facts.iommu_group)}{members}"
    vfio = " (registers with vfio)" if facts.vfio_driver else ""
    yield "driver", unknown(facts.driver) + vfio + (f", override {facts.driver_override}" if facts.driver_override else "")
    yield "class", f"{unknown(facts.class_code)}, revision {unknown(facts.revision)}"
    yield "subsystem ids", subsystem
    yield "serial", device.serial or facts.serial_unknown or "-"
    if facts.sriov is not None:
        ids_of_vfs = f", product_id {facts.sriov.vf_product_id}" if facts.sriov.vf_product_id else ""
        yield "SR-IOV", f"{facts.sriov.num_vfs} of {facts.sriov.total_vfs} VFs{ids_of_vfs}"
    if device.vf_number is not None:
        yield "VF", f"{device.vf_number} of {unknown(device.parent)}"
    for netdev in facts.netdevs:
        yield "netdev", f"{netdev.name} {unknown(netdev.mac)}"
    for vdpa in facts.vdpa:
        yield "vDPA device", f"{vdpa.name}, class {unknown(vdpa.vdpa_class)}, bound to {unknown(vdpa.driver)}, {unknown(vdpa.node)}"
    if facts.link is not None:
        link = facts.link
        yield "link", f"{_link(link.speed, link.width)}, at most {_link(link.max_speed, link.max_width)}"
    if facts.reset_methods:
        yield "reset methods", " ".join(facts.reset_methods)
    for use in facts.host_uses:
        yield "used by the host", f"{use.kind}: {use.detail}"
    for fault in facts.faults:
        yield "fault", f"{fault.kind}: {fault.detail}"


def _link(speed: float | None, width: int | None) -> str:
    return f"{unknown(None if speed is None else f'{speed:g}')} GT/s x{unknown(width)}"


def explain_request_page(reply: ExplainRequestReply) -> Iterator[RenderableType]:
    """Whether the wish could be met now, by which devices, and the way through the funnel."""
    if reply.satisfied:
        yield Text("yes: a claim would get these devices now", style="green")
        for funnel, addresses in zip(reply.funnel.requests, reply.chosen, strict=True):
            yield f"  request {funnel.index + 1}: {', '.join(addresses)}"
    else:
        yield Text("no: a claim would be refused now", style="red")
    yield ""
    yield from funnel_page(reply.funnel)


def funnel_page(funnel: FunnelPart) -> Iterator[RenderableType]:
    """The requests that can't be met alone first; then the others, and why not all at once."""
    for each in sorted(funnel.requests, key=lambda request: request.emptied_by is None):
        yield from _request_page(each)
    if funnel.together is not None:
        yield Text(f"each request could be met alone, but not together: {funnel.together}", style="red")


def _request_page(funnel: RequestFunnelPart) -> Iterator[RenderableType]:
    left = funnel.stages[-1].left if funnel.stages else 0
    asked = f"request {funnel.index + 1}: {request_text(funnel.request)}"
    enough = funnel.emptied_by is None
    yield heading(f"{asked}: {counted(left, 'device')} to choose from" if enough else f"{asked}: {_shortage(funnel)}")
    for stages in _together(funnel):
        style = "red" if stages[0].filter == funnel.emptied_by else ""
        line = Text(f"  {stages[0].left:5} left after {', '.join(stage.filter for stage in stages)}", style=style)
        note = stages[-1].note
        yield Padding(line.append_text(aside(f"  ({note})")) if note else line, 0, expand=False)
    if funnel.dropped:
        yield f"  {funnel.emptied_by} dropped:"
        yield from (Padding(line, (0, 0, 0, 4), expand=False) for line in _by_reason(funnel.dropped))


def _together(funnel: RequestFunnelPart) -> Iterator[Sequence[StagePart]]:
    """Filters that drop nothing stand beside the one before them; nothing is left to tell once nothing is left."""
    line: list[StagePart] = []
    for stage in funnel.stages:
        if line and (stage.left != line[0].left or line[-1].note or stage.note or stage.filter == funnel.emptied_by):
            yield line
            line = []
        line.append(stage)
        if not stage.left:
            break
    yield line


def _shortage(funnel: RequestFunnelPart) -> str:
    left = next((stage.left for stage in funnel.stages if stage.filter == funnel.emptied_by), 0)
    return f"{left or 'none'} left after {funnel.emptied_by}, {funnel.request.count} needed"


def _by_reason(dropped: Sequence[DroppedPart]) -> Iterator[str]:
    addresses: dict[str, list[str]] = {}
    for each in dropped:
        addresses.setdefault(each.reason, []).append(each.address)
    for why, those in addresses.items():
        yield f"{first_of(those, _ADDRESSES_A_LINE)}: {why}"


def request_text(request: RequestPart) -> str:
    """What is asked, in one line: `2 of alias a1 (type-VF, NUMA policy required)`."""
    if request.address is not None:
        return f"device {request.address}"
    wanted = f"alias {request.alias}" if request.alias else " or ".join(_alternative_text(each) for each in request.alternatives)
    return f"{request.count} of {wanted} ({request.device_type}, NUMA policy {request.numa_policy})"


def _alternative_text(wanted: AlternativePart) -> str:
    parts = [f"{wanted.vendor_id or '*'}:{wanted.product_id or '*'}"] if wanted.vendor_id or wanted.product_id else []
    parts += [wanted.resource_class] if wanted.resource_class else []
    parts += wanted.traits
    if wanted.live_migratable is not None:
        parts.append("live-migratable" if wanted.live_migratable else "not live-migratable")
    return " ".join(parts) or "any device"
