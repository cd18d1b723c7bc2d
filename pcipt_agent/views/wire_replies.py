# SPDX-License-Identifier: Apache-2.0
"""RPC replies, version 1.x: what the agent answers where it does not refuse.

Every reply carries the inventory's generation, so that a caller can tell whether two answers speak of the same moment. Fields may
be added within 1.x; none changes its meaning or goes away.

Does not know: how a reply is made (`views.answers`), devices (`views.wire_devices`), refusals (`views.wire_refusals`).
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from pcipt_agent.core.alias import GroupPolicy, NumaPolicy
from pcipt_agent.core.claim import ClaimState
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.inventory import DeviceStatus


class Part(BaseModel):
    """Something within a reply."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Reply(Part):
    """What the agent answers."""

    generation: str
    """Opaque: equal for the same moment, never repeated."""


class AlternativePart(Part):
    """One resolved alternative of an alias; null and empty mean any."""

    vendor_id: str | None
    product_id: str | None
    resource_class: str | None
    traits: list[str]
    live_migratable: bool | None


class RequestPart(Part):
    """A request as it was resolved."""

    count: int
    alias: str | None
    device_type: DeviceType | None
    numa_policy: NumaPolicy
    alternatives: list[AlternativePart]
    address: str | None


class FingerprintPart(Part):
    """What tells one piece of hardware from another; null: the device does not show that part."""

    vendor_id: str
    product_id: str
    subsystem_vendor_id: str | None
    subsystem_product_id: str | None
    parent: str | None
    vf_number: int | None
    serial: str | None


class HeldPart(Part):
    """One device of a claim."""

    request: int
    """Index into the claim's requests."""
    address: str
    device_type: DeviceType
    managed: bool
    status: DeviceStatus
    """claimed, allocated, lost or unlisted."""
    fingerprint: FingerprintPart
    """As it was when it was claimed."""
    fingerprint_differs: list[str]
    """The parts in which the device that is there now differs from the one that was claimed."""


class HeldXmlPart(HeldPart):
    """One device of a claim, with the element that gives it to a guest."""

    xml: str
    warnings: list[str]
    """What is not as it should be of the device now, and kept nobody from having it."""


class ClaimReply(Reply):
    """A claim as it stands; `changed` says whether this call made it so."""

    changed: bool
    dry_run: bool
    claim_id: str
    consumer: str
    move_id: str | None
    state: ClaimState
    claimed_at: float
    """Seconds since the epoch."""
    devices: list[HeldXmlPart]


class FreeReply(Reply):
    """The claim has ended; `changed` says whether this call ended it."""

    changed: bool
    claim_id: str
    state: Literal["ended"] = "ended"
    ended_at: float
    """Seconds since the epoch."""
    freed: list[str]
    """Addresses that this call gave back."""
    dirty: list[str]
    """Addresses that the claim's end made dirty, and that are not cleaned yet."""
    unused_doubted: str | None
    """Why the caller's `unused` was not believed; null where it was, or was not said."""


class RenderReply(Reply):
    """The elements of a claim's devices, in the claim's order, and the document they were placed into."""

    claim_id: str
    elements: list[str]
    domain: str | None


class OverduePart(Part):
    """A claim that was not allocated in time."""

    since: float
    """Seconds since the epoch."""
    stays: str | None
    """Why it does not end by itself; null: it is about to."""


class ClaimPart(Part):
    """A claim in a listing."""

    claim_id: str
    consumer: str
    move_id: str | None
    state: ClaimState
    claimed_at: float
    """Seconds since the epoch."""
    requests: list[RequestPart]
    numa_nodes: list[int] | None
    group_policy: GroupPolicy
    claimed_by: str | None
    """Whose call it was, as far as the transport tells."""
    allocated_at: float | None
    """Seconds since the epoch; null: it is not, or an older record does not say."""
    adopted_from: str | None
    """Name of the domain that had the devices before there was a claim; null: they were claimed."""
    overdue: OverduePart | None
    """null: it is not."""
    domain_gone: bool
    """Whether it is allocated, and libvirt, which can be asked, shows none of its devices in any domain."""
    lost: list[str]
    """Those of its addresses that are no longer on the host."""
    dirty_after: list[str]
    """Those that its end makes dirty."""
    devices: list[HeldPart]


class ClaimsReply(Reply):
    claims: list[ClaimPart]
    """In claim_id order."""
    next: str | None
    """What to give as `after` for the next page; null: this was the last."""


class DroppedPart(Part):
    address: str
    reason: str


class StagePart(Part):
    """One filter, and how many devices were left after it."""

    filter: str
    left: int
    note: str | None


class RequestFunnelPart(Part):
    """One request's way through the filters."""

    index: int
    request: RequestPart
    stages: list[StagePart]
    emptied_by: str | None
    """The filter that left fewer devices than the request's count."""
    dropped: list[DroppedPart]
    """What that filter took out."""


class FunnelPart(Part):
    """Why not: all requests of one claim, and why they can't be met at once where each alone could."""

    requests: list[RequestFunnelPart]
    together: str | None


class ExplainRequestReply(Reply):
    """What a claim of this wish would get now."""

    satisfied: bool
    funnel: FunnelPart
    chosen: list[list[str]]
    """For each request the addresses that it would get; empty where not satisfied."""


class VersionReply(Reply):
    agent: str
    """Version of the agent."""
    api: str
    """Version of this interface."""
    host: str
    rules: str
    """Digest of the rules and aliases that it runs on: hosts with the same configuration have the same."""
