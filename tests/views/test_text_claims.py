# SPDX-License-Identifier: Apache-2.0
"""Claims as a table and one by one."""

from pathlib import Path

from pcipt_agent.core.claim import Held
from pcipt_agent.views.answers import claim_reply, claims_reply
from pcipt_agent.views.domxml import hostdev, text
from pcipt_agent.views.text import moment, page
from pcipt_agent.views.text_claims import claim_page, claim_table, free_text
from pcipt_agent.views.wire import ClaimsPayload
from pcipt_agent.views.wire_replies import ClaimReply, FreeReply
from tests.support.demo import CLAIMED_AT, demo_inventory
from tests.support.golden import Golden
from tests.support.vitals import standing

GOLDEN = Path(__file__).parent / "golden"


def element(held: Held) -> str:
    return text(hostdev(held))


def reply(*, changed: bool = True, dry_run: bool = False) -> ClaimReply:
    return claim_reply(demo_inventory(), "instance-7", element, changed=changed, dry_run=dry_run)


def test_claims_are_a_table_with_a_line_a_device(golden: Golden) -> None:
    claims = claims_reply(demo_inventory(), ClaimsPayload(), standing()).claims
    golden.check(page([claim_table(claims)], colour=False), GOLDEN / "claims.txt")


def test_a_claim_is_a_sentence_its_devices_and_their_elements(golden: Golden) -> None:
    golden.check(page(claim_page(reply()), colour=False), GOLDEN / "claim.txt")


def test_a_claim_that_was_held_before_says_so() -> None:
    assert ", as before, 3 devices" in page(claim_page(reply(changed=False)), colour=False)


def test_a_dry_run_says_that_nothing_was_claimed() -> None:
    assert "would hold 3 devices; nothing was claimed" in page(claim_page(reply(dry_run=True)), colour=False)


def test_another_device_than_the_claimed_one_is_pointed_out() -> None:
    claim = reply()
    other = claim.devices[0].model_copy(update={"fingerprint_differs": ["serial", "product_id"]})
    shown = page(claim_page(claim.model_copy(update={"devices": [other]})), colour=False)
    assert "0000:3b:00.3  type-VF   allocated  not what was claimed: serial, product_id differ\n" in shown


def test_freeing_says_what_became_of_the_claim() -> None:
    freed = FreeReply(
        generation="1.1",
        changed=True,
        claim_id="c",
        ended_at=CLAIMED_AT,
        freed=["0000:3b:00.3", "0000:3b:00.4"],
        dirty=[],
        unused_doubted=None,
    )
    assert free_text(freed) == "claim c has ended; freed 0000:3b:00.3, 0000:3b:00.4"
    dirty = freed.model_copy(update={"dirty": ["0000:3b:00.3"], "unused_doubted": "it was allocated"})
    assert free_text(dirty).splitlines()[1:] == [
        "dirty after one-time use (it was allocated, so --unused is not believed); once clean:",
        "  pcipt clean 0000:3b:00.3",
    ]
    nothing = freed.model_copy(update={"freed": []})
    assert free_text(nothing) == "claim c held nothing here; its id has ended now and can't be claimed any more"
    assert free_text(nothing.model_copy(update={"changed": False})) == "claim c had ended before, at 2026-11-21 02:00:00Z"


def test_a_moment_is_shown_as_utc() -> None:
    assert moment(0) == "1970-01-01 00:00:00Z"
