# SPDX-License-Identifier: Apache-2.0
"""The cases that matching exists for, over 4096 functions: what can be found is, and what can not is refused."""

from tests.bench.claims import claim_rows, selection_rows


def test_claims_are_timed_at_every_size_asked_for() -> None:
    rows = claim_rows(sizes=(64, 512), rounds=20)
    assert [row.functions for row in rows] == [64, 512]
    assert rows[0].ratio == 1.0
    assert all(row.claim_and_free_us > 0 for row in rows)


def test_the_hard_cases_have_the_answers_they_were_made_for() -> None:
    answers = {row.case: row.found for row in selection_rows(functions=4096, rounds=1)}
    assert answers == {
        "chain, isolate": True,
        "chain, isolate, one PF short": False,
        "nested, isolate, two PFs each": True,
        "greedy would fail, isolate": True,
        "one PF short, isolate": False,
        "every PF wanted, isolate": True,
        "too few of all, isolate": False,
        "each alone wants too many, isolate": False,
        "each alone lacks a trait": False,
        "nearly every VF, greedy would fail": True,
        "half of all VFs beside PFs": True,
        "too many VFs beside PFs": False,
        "PFs beside VFs": True,
    }
