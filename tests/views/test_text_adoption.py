# SPDX-License-Identifier: Apache-2.0
"""What was adopted, for people."""

from typing import cast

from pcipt_agent.views.text import page, shown
from pcipt_agent.views.text_adoption import adopt_page
from pcipt_agent.views.wire_adoption import AdoptedPart, AdoptReply, LeftPart


def text(adopted: list[AdoptedPart], left: list[LeftPart]) -> str:
    reply = AdoptReply(generation="1.1", adopted=adopted, left=left)
    return page(adopt_page(cast("AdoptReply", shown(reply.model_dump(mode="json")))), colour=False)


def adopted(claim_id: str | None) -> AdoptedPart:
    return AdoptedPart(
        domain="g",
        consumer="u",
        running=True,
        claim_id=claim_id,
        addresses=["0000:01:00.0", "0000:02:00.0"],
        unlisted=["0000:02:00.0"],
    )


def test_nothing_to_adopt_is_said_as_that() -> None:
    assert text([], []) == "nothing to adopt: no domain has a device that it may have without a claim\n"


def test_a_domain_has_its_line_and_unlisted_devices_are_marked() -> None:
    assert text([adopted("c")], []) == (
        "adopted 1 claim\n"
        "domain           consumer  claim  devices\n"
        "g       running  u         c      0000:01:00.0, 0000:02:00.0 (unlisted)\n"
    )


def test_a_dry_run_says_would_be() -> None:
    assert text([adopted(None)], []).startswith("would be adopted: 1 claim\n")


def test_what_was_left_comes_with_the_reason() -> None:
    left = [LeftPart(domain="odd", address=None, why="no XML"), LeftPart(domain="g", address="0000:03:00.0", why="held")]
    assert text([adopted("c")], left).endswith(
        "left as they are\ndomain  device\nodd     -             no XML\ng       0000:03:00.0  held\n"
    )
