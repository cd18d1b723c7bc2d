# SPDX-License-Identifier: Apache-2.0
"""A diagnosis is content as long as nothing in it is a problem."""

import pytest

from pcipt_agent.core.diagnosis import Finding, Unseen, Verdict, content, ok, unknown


@pytest.mark.parametrize("verdict", Verdict)
def test_a_problem_alone_is_no_content(verdict: Verdict) -> None:
    assert content([ok("x", "fine"), Finding("x", verdict, "seen")]) == (verdict is not Verdict.PROBLEM)


def test_what_was_not_seen_is_neither_right_nor_wrong_and_says_what_would_show_it() -> None:
    assert unknown("x", Unseen("why", "sudo x")) == Finding("x", Verdict.UNKNOWN, "why", "sudo x")
