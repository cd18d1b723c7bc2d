# SPDX-License-Identifier: Apache-2.0
"""What an installation, a removal or a set-up did, for people: a line a step, and what is to be done next.

Does not know: how any of it is done.
"""

from collections.abc import Iterator, Sequence

from pcipt_agent.views.text import Block, table

Row = tuple[str, str, str]
"""What was done, to what, and what is to be known of it."""


def steps_page(rows: Sequence[Row], *, dry_run: bool, following: Sequence[str] = ()) -> Iterator[Block]:
    """The rows below one another, or that there is none."""
    yield table(("what", "where", "about"), rows) if rows else "nothing to do"
    if dry_run:
        yield "nothing was done: this is a dry run"
    yield from (f"next: {line}" for line in following)
