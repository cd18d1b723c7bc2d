# SPDX-License-Identifier: Apache-2.0
"""What an operator says of a device or of the host, on the wire: disable, enable, clean.

The host is named by a field of its own and never by leaving the address away: a caller that forgets the address must not take a
whole host out of service.

Does not know: what becomes of it (`core.upkeep`), how a reply is made (`views.upkeep_answers`).
"""

from typing import Annotated, Self

from pydantic import Field, model_validator

from pcipt_agent.core.inventory import DeviceStatus
from pcipt_agent.views.wire import Flag, Payload, Text
from pcipt_agent.views.wire_devices import DisabledPart
from pcipt_agent.views.wire_replies import Part, Reply

_LINE = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]"
_VISIBLE = r"[^\s\x00-\x1f\x7f-\x9f\u2028\u2029]"
Reason = Annotated[str, Field(min_length=1, max_length=1000, pattern=f"^{_LINE}*{_VISIBLE}{_LINE}*$")]
"""One line, and not of blanks alone: the next operator reads it."""


class PlacePayload(Payload):
    """Either a device or the host."""

    address: Text | None = None
    host: Flag = False

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.address is None) is not self.host:
            raise ValueError("say either the address of a device, or host: true")
        return self


class DisablePayload(PlacePayload):
    """No new claims of the device, nor of the VFs of a PF, or of anything on the host. What is held stays its consumer's."""

    reason: Reason


class EnablePayload(PlacePayload):
    """The end of what `disable` said of the same device, or of the host; what it said of others stays."""


class CleanPayload(Payload):
    """The operator has cleaned the device: it is dirty no more."""

    address: Text


class StillHeldPart(Part):
    """A device that is disabled and that its consumer keeps."""

    address: str
    claim_id: str
    consumer: str


class DisableReply(Reply):
    """It is disabled; `changed` says whether this call made it so, or gave it another reason."""

    changed: bool
    disabled: DisabledPart
    still_held: list[StillHeldPart]
    """In address order."""


class EnableReply(Reply):
    """What was said of it has ended; `changed` says whether there was anything to end."""

    changed: bool
    address: str | None
    """null: the host."""
    still_disabled: list[DisabledPart]
    """What keeps it disabled all the same: its PF, or the host; of the host: the devices that are disabled themselves."""


class CleanReply(Reply):
    """It is not dirty; `changed` says whether it was."""

    changed: bool
    address: str
    status: DeviceStatus | None
    """Now; null: it is gone and nobody holds it."""
    status_reason: str | None
