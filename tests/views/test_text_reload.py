# SPDX-License-Identifier: Apache-2.0
"""A reload's difference for people."""

from typing import cast

from pcipt_agent.views.text import page, shown
from pcipt_agent.views.text_reload import reload_page
from pcipt_agent.views.wire_reload import AlteredPart, KeptPart, MovedPart, ReloadReply

NOTHING = ReloadReply(
    generation="1.1",
    dry_run=False,
    rules="abc",
    arriving=[],
    leaving=[],
    kept=[],
    altered=[],
    aliases_new=[],
    aliases_gone=[],
    aliases_changed=[],
    options=[],
    needs_restart=[],
)


def text(**fields: object) -> str:
    reply = NOTHING.model_copy(update=fields)
    return page(reload_page(cast("ReloadReply", shown(reply.model_dump(mode="json")))), colour=False)


def test_no_difference_is_said_as_that() -> None:
    assert text() == "rules abc\nno difference to what the agent runs on\n"


def test_a_dry_run_says_that_nothing_was_taken() -> None:
    assert text(dry_run=True).startswith("rules abc, compared only: nothing was taken\n")


def test_every_device_has_its_line_with_the_entry_or_the_consumer_that_keeps_it() -> None:
    assert text(
        arriving=[MovedPart(address="0000:02:00.0", entry='{"a": 1}')],
        leaving=[MovedPart(address="0000:01:00.0", entry='{"b": 1}')],
        kept=[KeptPart(address="0000:03:00.0", entry='{"c": 1}', claim_id="c1", consumer="u")],
        altered=[
            AlteredPart(address="0000:04:00.0", before="x", after="y", waiting="u"),
            AlteredPart(address="0000:05:00.0", before="x", after="y", waiting=None),
        ],
    ) == (
        "rules abc\n"
        "5 devices\n"
        "address                    entry\n"
        '0000:01:00.0  leaves       {"b": 1}\n'
        '0000:02:00.0  arrives      {"a": 1}\n'
        '0000:03:00.0  kept in use  by u (claim c1); was {"c": 1}\n'
        "0000:04:00.0  changes      y, once u has freed it\n"
        "0000:05:00.0  changes      y\n"
    )


def test_aliases_and_options_are_named() -> None:
    assert text(aliases_new=["a"], aliases_gone=["b", "c"], options=["[agent] x"], needs_restart=["[agent] y"]) == (
        "rules abc\naliases new: a\naliases gone: b, c\ntaken: [agent] x\nonly after a restart: [agent] y\n"
    )
