# SPDX-License-Identifier: Apache-2.0
"""The picture of a claim's life."""

from pcipt_agent.core.decide import LIFE, Life
from pcipt_agent.views.lifecycle import picture

PICTURE = """\
           claim                                  allocate                       free
absent     → claimed: devices are chosen          refused: unknown               → ended: its id is used up
claimed    same answer; other content is refused  → allocated: a guest has them  → ended: devices are given back
allocated  same answer; other content is refused  same answer                    → ended: devices are given back
ended      refused: ended                         refused: ended                 same answer
"""


def test_the_picture_is_drawn_from_the_table() -> None:
    assert picture() == PICTURE


def test_every_step_of_the_table_is_in_the_picture() -> None:
    lines = picture().splitlines()
    for number, state in enumerate(Life, start=1):
        assert all(step.answer in lines[number] for (where, _), step in LIFE.items() if where is state)
        assert sum(line.count(f"→ {state}") for line in lines) == sum(
            step.becomes is state and where is not state for (where, _), step in LIFE.items()
        )
