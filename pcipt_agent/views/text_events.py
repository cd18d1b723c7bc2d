# SPDX-License-Identifier: Apache-2.0
"""A notification for people: one line, whatever is in it.

Does not know: how it came.
"""

from collections.abc import Mapping

from pcipt_agent.views.contract import NOTIFICATIONS_LOST
from pcipt_agent.views.text import shown

_SHOWN_ELSEWHERE = ("generation", "at", "lost", "request_id")


def event_line(event_type: str, timestamp: str, payload: Mapping[str, object]) -> str:
    """When, what, and each field that says something; those that only programs need last."""
    parts = [timestamp[:19].replace("T", " ") + "Z", f"{event_type.removeprefix('pcipt.'):15}"]
    if event_type == NOTIFICATIONS_LOST:
        return "  ".join([*parts, "the agent is back; what it told meanwhile is lost: read claims and devices again"])
    parts += [
        f"{name} {_said(value)}" for name, value in payload.items() if name not in _SHOWN_ELSEWHERE and value not in (None, [], "")
    ]
    parts += [f"{name} {_said(payload[name])}" for name in ("request_id", "generation") if payload.get(name)]
    if payload.get("lost"):
        parts.append(f"({payload['lost']} before it are lost)")
    return str(shown("  ".join(parts))).replace("\n", "\\n")


def _said(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
