# SPDX-License-Identifier: Apache-2.0
"""RPC payloads and replies, version 1.x: what crosses the wire, parsed whole and refused by field.

Requests forbid unknown fields, because a field that is silently dropped is a promise silently broken; replies may grow fields within
1.x. An answer is either the method's reply or `{"refusal": …}`: a refusal is an ordinary answer, never an exception.

Does not know: oslo.messaging, the ledger, how sentences are worded (`views.sentences`).
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from pcipt_agent.core.alias import GroupPolicy, NumaPolicy
from pcipt_agent.core.claim import ClaimState
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.inventory import DeviceStatus

VERSION = "1.0"
TOPIC = "pcipt-agent"

ClaimId = Annotated[str, Field(min_length=1, max_length=255)]


class Payload(BaseModel):
    """What a caller sends."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Reply(BaseModel):
    """What the agent answers."""

    model_config = ConfigDict(frozen=True)


class AlternativePayload(Payload):
    """One resolved alternative of an alias, in the alias option's own terms."""

    vendor_id: str | None = None
    product_id: str | None = None
    resource_class: str | None = None
    traits: list[str] = []
    live_migratable: bool | None = None


class RequestPayload(Payload):
    """One wish: an alias's name, its resolved alternatives, or both (then they must agree with the agent's rules); or an address."""

    count: Annotated[int, Field(ge=1, le=1024)] = 1
    alias: str | None = None
    alternatives: list[AlternativePayload] | None = None
    device_type: DeviceType | None = None
    numa_policy: NumaPolicy | None = None
    address: str | None = None


class WishPayload(Payload):
    """What is asked for a guest: requests given outright, or the flavor's and image's own properties, or both (in that order)."""

    requests: list[RequestPayload] = []
    flavor: dict[str, str] = {}
    """Extra specs; `pci_passthrough:alias`, `hw:pci_numa_affinity_policy` and `group_policy` are read, others ignored."""
    image: dict[str, str] = {}
    """Properties; `hw_pci_numa_affinity_policy` is read."""
    numa_nodes: list[int] | None = None
    """The guest's NUMA cells as host NUMA nodes; null: no NUMA topology."""
    group_policy: GroupPolicy | None = None


class ClaimPayload(WishPayload):
    claim_id: ClaimId
    consumer: UUID
    move_id: str | None = None
    dry_run: bool = False
    if_generation: str | None = None


class AllocatePayload(Payload):
    claim_id: ClaimId


class FreePayload(Payload):
    claim_id: ClaimId


class RenderPayload(Payload):
    claim_id: ClaimId
    domain: str | None = None
    """A whole libvirt domain document to place the elements into; null: the elements alone."""


class DevicesPayload(Payload):
    """Filters, joined by and; a page of at most `limit` devices after the address `after`."""

    status: DeviceStatus | None = None
    device_type: DeviceType | None = None
    numa_node: int | None = None
    consumer: UUID | None = None
    after: str | None = None
    limit: Annotated[int, Field(ge=1, le=100_000)] = 100_000


class ClaimsPayload(Payload):
    """Filters, joined by and; a page of at most `limit` claims after the claim_id `after`."""

    state: ClaimState | None = None
    consumer: UUID | None = None
    claim_id: ClaimId | None = None
    after: str | None = None
    limit: Annotated[int, Field(ge=1, le=100_000)] = 100_000


class PoolsPayload(Payload):
    pass


class ExplainDevicePayload(Payload):
    address: str


class ExplainRequestPayload(WishPayload):
    pass


class HeldReply(Reply):
    """One device of a claim."""

    request: int
    address: str
    device_type: DeviceType
    managed: bool
    status: DeviceStatus
    """claimed, allocated, lost or unlisted."""
    fingerprint: dict[str, str | int | None]
    fingerprint_differs: list[str] = []
    """The parts in which the device that is there now differs from the one that was claimed."""
    xml: str
    """The libvirt element for it."""


class ClaimReply(Reply):
    """A claim as it stands; `changed` says whether this call made it so."""

    kind: Literal["claim"] = "claim"
    generation: str
    changed: bool
    dry_run: bool = False
    claim_id: str
    consumer: str
    move_id: str | None
    state: ClaimState | Literal["ended"]
    claimed_at: float | None
    devices: list[HeldReply]
