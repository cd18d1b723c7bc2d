# SPDX-License-Identifier: Apache-2.0
"""What was adopted, or would be, for people.

Does not know: what may be adopted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pcipt_agent.views.text import counted, heading, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pcipt_agent.views.text import Block
    from pcipt_agent.views.wire_adoption import AdoptedPart, AdoptReply


def adopt_page(reply: AdoptReply) -> Iterator[Block]:
    """A line a domain, then what was left and why."""
    if not reply.adopted:
        yield "nothing to adopt: no domain has a device that it may have without a claim"
    else:
        done = all(each.claim_id for each in reply.adopted)
        yield heading(f"{'adopted' if done else 'would be adopted:'} {counted(len(reply.adopted), 'claim')}")
        yield table(("domain", "", "consumer", "claim", "devices"), [_row(each) for each in reply.adopted])
    if reply.left:
        yield heading("left as they are")
        yield table(("domain", "device", ""), [(each.domain, each.address or "-", each.why) for each in reply.left])


def _row(each: AdoptedPart) -> tuple[str, ...]:
    devices = [f"{address} (unlisted)" if address in each.unlisted else address for address in each.addresses]
    return each.domain, "running" if each.running else "defined", each.consumer, each.claim_id or "-", ", ".join(devices)
