# SPDX-License-Identifier: Apache-2.0
"""A line a step."""

from pcipt_agent.views.text import page
from pcipt_agent.views.text_install import steps_page


def test_each_step_is_a_line_and_what_follows_comes_last() -> None:
    rows = [("installed", "/etc/a", ""), ("kept", "/etc/bb", "edited")]
    assert page(steps_page(rows, dry_run=False, following=["start it"]), colour=False) == (
        "what       where    about\ninstalled  /etc/a\nkept       /etc/bb  edited\nnext: start it\n"
    )


def test_a_dry_run_says_so_and_nothing_is_nothing() -> None:
    assert page(steps_page([], dry_run=True), colour=False) == "nothing to do\nnothing was done: this is a dry run\n"
