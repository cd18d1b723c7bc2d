# SPDX-License-Identifier: Apache-2.0
"""What a reload changed, or would change, for people.

Does not know: rules, where the configuration is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pcipt_agent.views.text import aside, counted, heading, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pcipt_agent.views.text import Block
    from pcipt_agent.views.wire_reload import ReloadReply


def reload_page(reply: ReloadReply) -> Iterator[Block]:
    """What the rules and options change; that nothing does, in a sentence."""
    yield f"rules {reply.rules}{', compared only: nothing was taken' if reply.dry_run else ''}"
    rows = [
        *((each.address, "arrives", each.entry) for each in reply.arriving),
        *((each.address, "leaves", each.entry) for each in reply.leaving),
        *((each.address, "kept in use", f"by {each.consumer} (claim {each.claim_id}); was {each.entry}") for each in reply.kept),
        *((each.address, "changes", _altered(each.after, each.waiting)) for each in reply.altered),
    ]
    if rows:
        yield heading(f"{counted(len(rows), 'device')}")
        yield table(("address", "", "entry"), sorted(rows))
    for change, names in (("new", reply.aliases_new), ("gone", reply.aliases_gone), ("changed", reply.aliases_changed)):
        if names:
            yield f"aliases {change}: {', '.join(names)}"
    if reply.options:
        yield f"taken: {', '.join(reply.options)}"
    if reply.needs_restart:
        yield f"only after a restart: {', '.join(reply.needs_restart)}"
    if not (rows or reply.aliases_new or reply.aliases_gone or reply.aliases_changed or reply.options or reply.needs_restart):
        yield aside("no difference to what the agent runs on")


def _altered(entry: str, waiting: str | None) -> str:
    return entry if waiting is None else f"{entry}, once {waiting} has freed it"
