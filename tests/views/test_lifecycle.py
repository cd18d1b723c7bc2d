# SPDX-License-Identifier: Apache-2.0
"""The picture of a claim's life."""

from pcipt_agent.core.decide import LIFE, Life
from pcipt_agent.views.lifecycle import picture

PICTURE = """\
absent
    claim     → claimed: devices are chosen
    allocate  refused: unknown
    free      → ended: its id is used up
    expire    refused: unknown
    adopt     → allocated: what a domain holds is its own
claimed
    claim     same answer; other content is refused
    allocate  → allocated: a guest has them
    free      → ended: devices are given back
    expire    → ended: devices are given back
    adopt     nothing
allocated
    claim     same answer; other content is refused
    allocate  same answer
    free      → ended: devices are given back
    expire    refused: allocated
    adopt     nothing
ended
    claim     refused: ended
    allocate  refused: ended
    free      same answer
    expire    nothing
    adopt     refused: ended
"""


def test_the_picture_is_drawn_from_the_table() -> None:
    assert picture() == PICTURE


def test_every_step_of_the_table_is_in_the_picture() -> None:
    lines = picture().splitlines()
    assert len(lines) == len(Life) + len(LIFE)
    for number, (state, own) in enumerate((state, [each for each in LIFE.items() if each[0][0] is state]) for state in Life):
        drawn = lines[number * (len(own) + 1) :][: len(own) + 1]
        assert drawn[0] == state
        assert all(any(line.endswith(step.answer) for line in drawn[1:]) for _, step in own)
    moving = [step for (where, _), step in LIFE.items() if step.becomes is not where]
    assert sum("→" in line for line in lines) == len(moving)
