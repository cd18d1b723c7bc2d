# SPDX-License-Identifier: Apache-2.0
"""Funnel: the answer to "why not" as data."""

from pcipt_agent.core.funnel import Funnel, RequestFunnel, Stage, Unsatisfied
from tests.support.planned import wanting

ENOUGH = RequestFunnel(index=0, request=wanting(1), stages=(Stage("ids", 3),))
SHORT = RequestFunnel(index=1, request=wanting(2), stages=(Stage("ids", 1),), emptied_by="ids")


def test_a_refusal_knows_which_requests_can_not_be_met_even_alone() -> None:
    assert Unsatisfied(Funnel(requests=(ENOUGH, SHORT))).short_of == [SHORT]


def test_requests_that_fail_only_together_are_short_of_nothing() -> None:
    assert Unsatisfied(Funnel(requests=(ENOUGH, ENOUGH), together="both need the same")).short_of == []
