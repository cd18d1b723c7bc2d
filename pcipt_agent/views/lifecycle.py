# SPDX-License-Identifier: Apache-2.0
"""The life of a claim as a picture, drawn from the table that decides: each state, and below it what each command does there.

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
    width = max(len(name) for name, _ in _COMMANDS)
    lines: list[str] = []
    for state in Life:
        lines.append(state)
        lines += [f"    {name:{width}}  {_cell(state, command)}" for name, command in _COMMANDS]
    return "\n".join(lines) + "\n"


def _cell(state: Life, command: type[ClaimCommand]) -> str:
    step = LIFE[state, command]
    return step.answer if step.becomes is state else f"→ {step.becomes}: {step.answer}"
