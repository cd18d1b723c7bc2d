# SPDX-License-Identifier: Apache-2.0
"""disable, enable and clean for people: what became of it, and what it did not change.

Does not know: how it was obeyed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import RenderableType

from pcipt_agent.views.text import counted, moment

if TYPE_CHECKING:
    from pcipt_agent.views.wire_devices import DisabledPart
    from pcipt_agent.views.wire_upkeep import CleanReply, DisableReply, EnableReply


def disable_page(reply: DisableReply) -> Iterator[RenderableType]:
    """What is disabled, and who keeps what they have of it."""
    before = "" if reply.changed else ", as before"
    yield f"{_place(reply.disabled.address)} is disabled{before}: {said(reply.disabled)}"
    if reply.still_held:
        count = len(reply.still_held)
        yield f"{counted(count, 'device')} {'is' if count == 1 else 'are'} held, and {'stays' if count == 1 else 'stay'} so:"
    for held in reply.still_held:
        yield f"  {held.address}  claim {held.claim_id} of consumer {held.consumer}"


def enable_page(reply: EnableReply) -> Iterator[RenderableType]:
    """What is enabled, and what keeps it, or a part of it, out of service all the same."""
    place = _place(reply.address)
    yield f"{place} is enabled" if reply.changed else f"{place} was not disabled"
    for each in reply.still_disabled:
        where = "its PF" if reply.address is not None and each.address is not None else ""
        yield f"  {where + ' ' if where else ''}{_place(each.address)} is disabled: {said(each)}"


def clean_text(reply: CleanReply) -> str:
    """What the device is now."""
    was = "is clean" if reply.changed else "was not dirty"
    why = f": {reply.status_reason}" if reply.status_reason else ""
    return f"{reply.address} {was}; it is {reply.status or 'not on the host'}{why}"


def said(disabled: DisabledPart) -> str:
    """The reason, since when, and by whom."""
    by = f" by {disabled.by}" if disabled.by else ""
    return f"{disabled.reason} (since {moment(disabled.since)}{by})"


def _place(address: str | None) -> str:
    return "the host" if address is None else address
