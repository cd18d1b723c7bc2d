# SPDX-License-Identifier: Apache-2.0
"""`history` on the wire: who had a device, or what a consumer had, and what operators did to it.

Does not know: where it is kept (`ports.Journal`), how long.
"""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from pcipt_agent.core.history import Ending, UpkeepKind
from pcipt_agent.views.wire import PageLimit, Payload, Text
from pcipt_agent.views.wire_replies import Part, Reply


class HistoryPayload(Payload):
    """Either of one device or of one consumer; the newest `limit` entries."""

    address: Text | None = None
    consumer: UUID | None = None
    limit: PageLimit = 100

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.address is None) is (self.consumer is None):
            raise ValueError("say either the address of a device, or a consumer")
        return self


class SpanPart(Part):
    """A consumer had a device. Callers are named as far as the transport told."""

    kind: Literal["span"] = "span"
    address: str
    claim_id: str
    consumer: str
    since: float
    """Seconds since the epoch."""
    until: float | None
    """null: it still has it."""
    claimed_by: str | None
    adopted_from: str | None
    """Name of the domain that had it before there was a claim; null: it was claimed."""
    allocated_at: float | None
    """null: it never was, or an older record does not say."""
    ending: Ending | None
    ended_by: str | None
    dirty: bool
    """Whether its end made the device dirty."""


class UpkeepPart(Part):
    """An operator did something to the device, or to the host."""

    kind: Literal["upkeep"] = "upkeep"
    address: str | None
    """null: the host."""
    what: UpkeepKind
    at: float
    """Seconds since the epoch."""
    by: str | None
    reason: str | None
    """Why it was disabled."""


class HistoryReply(Reply):
    entries: list[Annotated[SpanPart | UpkeepPart, Field(discriminator="kind")]]
    """Newest first."""
    more: bool
    """Whether there is more than was asked for."""
    problem: str | None
    """Why some of the history can't be told; null: this is all of it, as far back as it is kept."""
