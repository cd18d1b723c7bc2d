# SPDX-License-Identifier: Apache-2.0
"""Each kind of refusal that can be raised has its shape on the wire, under the same code."""

from typing import get_args

from pcipt_agent.core.funnel import Unsatisfied
from pcipt_agent.errors import Refusal
from pcipt_agent.views.wire_refusals import AnyRefusal


def test_every_refusal_has_its_part_and_every_part_its_refusal() -> None:
    union = get_args(AnyRefusal)[0]
    parts = {part.model_fields["code"].default for part in get_args(union)}
    assert Unsatisfied in Refusal.__subclasses__()
    assert parts == {each.code for each in Refusal.__subclasses__()}
