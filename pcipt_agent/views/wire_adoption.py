# SPDX-License-Identifier: Apache-2.0
"""`adopt` on the wire: whose devices are to become claims, and what became of them.

Does not know: how it is decided what may be adopted (`core.adoption`).
"""

from pydantic import Field

from pcipt_agent.views.wire import Payload
from pcipt_agent.views.wire_replies import Part, Reply


class AdoptPayload(Payload):
    """What domains have without a claim becomes theirs by an allocated claim."""

    domain: str | None = Field(default=None, max_length=255)
    """Name or UUID of one domain; null: all of them."""
    dry_run: bool = False
    """Answer as if, and adopt nothing."""


class AdoptedPart(Part):
    domain: str
    consumer: str
    """The domain's UUID."""
    running: bool
    claim_id: str | None
    """null in a dry run."""
    addresses: list[str]
    unlisted: list[str]
    """Those of them that no device_spec entry lists."""


class LeftPart(Part):
    domain: str
    address: str | None
    """null: the domain as a whole."""
    why: str


class AdoptReply(Reply):
    adopted: list[AdoptedPart]
    left: list[LeftPart]
    """What was not, and why."""
