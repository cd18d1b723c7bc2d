# SPDX-License-Identifier: Apache-2.0
"""The life of a claim as a picture: one line a state, one column a command, drawn from the table that decides.

Does not know: what the commands do (`core.decide` says it), where the picture is shown.
"""

from typing import Final

from pcipt_agent.core.adoption import Adopt
from pcipt_agent.core.decide import LIFE, Allocate, ClaimCommand, ClaimDevices, Expire, Free, Life

_COMMANDS: Final[tuple[tuple[str, type[ClaimCommand]], ...]] = (
    ("claim", ClaimDevices),
    ("allocate", Allocate),
    ("free", Free),
    ("expire", Expire),
    ("adopt", Adopt),
)


def picture() -> str:
    """Plain text, for a literal block; an arrow where the claim moves to another state."""
    rows = [["", *(name for name, _ in _COMMANDS)]]
    for state in Life:
        rows.append([state, *(_cell(state, command) for _, command in _COMMANDS)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines) + "\n"


def _cell(state: Life, command: type[ClaimCommand]) -> str:
    step = LIFE[state, command]
    return step.answer if step.becomes is state else f"→ {step.becomes}: {step.answer}"
