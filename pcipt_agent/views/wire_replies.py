# SPDX-License-Identifier: Apache-2.0
"""RPC replies, version 1.x: what the agent answers where it does not refuse.

Every reply carries the inventory's generation, so that a caller can tell whether two answers speak of the same moment. Fields may
be added within 1.x; none changes its meaning or goes away.

Does not know: how a reply is made (`views.answers`, `views.device_answers`), refusals (`views.wire_refusals`).
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


class RenderReply(Reply):
    """The elements of a claim's devices, in the claim's order, and the document they were placed into."""

    claim_id: str
    elements: list[str]
    domain: str | None


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
    devices: list[HeldPart]


class ClaimsReply(Reply):
    claims: list[ClaimPart]
    """In claim_id order."""
    next: str | None
    """What to give as `after` for the next page; null: this was the last."""


class NetdevPart(Part):
    name: str
    mac: str | None


class SriovPart(Part):
    """A PF's SR-IOV capability: `num_vfs` are enabled now, of `total_vfs`."""

    total_vfs: int
    num_vfs: int
    vf_product_id: str | None
    offset: int | None
    stride: int | None


class LinkPart(Part):
    """PCIe link, now and at most: speeds in GT/s, widths in lanes."""

    speed: float | None
    width: int | None
    max_speed: float | None
    max_width: int | None


class VdpaPart(Part):
    name: str
    vdpa_class: str | None
    driver: str | None
    node: str | None


class FaultPart(Part):
    kind: str
    detail: str


class TagsPart(Part):
    """What the matching entry says of the device; class and traits as they are, or would be, reported to Placement."""

    physical_network: str | None
    remote_managed: bool
    trusted: bool | None
    managed: bool
    live_migratable: bool | None
    one_time_use: bool
    resource_class: str
    traits: list[str]


class FactsPart(Part):
    """What the host shows of a device now. Codes are hex digits without 0x, in the kernel's width."""

    class_code: str | None
    revision: str | None
    driver: str | None
    driver_override: str | None
    numa_node: int | None
    socket: int | None
    iommu_group: int | None
    iommu_group_members: list[str]
    sriov: SriovPart | None
    netdevs: list[NetdevPart]
    serial_unknown: str | None
    reset_methods: list[str]
    link: LinkPart | None
    vdpa: list[VdpaPart]
    faults: list[FaultPart]


class DevicePart(Part):
    """One device; a lost one is known by its fingerprint alone."""

    address: str
    device_type: DeviceType
    status: DeviceStatus
    status_reason: str | None
    """Why it has that status, as a clause; null where the status says it all."""
    entry: int | None
    """1-based number of the device_spec entry that matched; null: none."""
    tags: TagsPart | None
    claim_id: str | None
    consumer: str | None
    blocked_by: list[str]
    """The held relatives of a blocked device."""
    vendor_id: str
    product_id: str
    subsystem_vendor_id: str | None
    subsystem_product_id: str | None
    parent: str | None
    vf_number: int | None
    serial: str | None
    facts: FactsPart | None
    """null: lost, it is not on the host."""


class DevicesReply(Reply):
    devices: list[DevicePart]
    """In address order."""
    next: str | None
    """What to give as `after` for the next page; null: this was the last."""


class PoolPart(Part):
    """Devices that no request tells apart (but by address)."""

    device_type: DeviceType
    vendor_id: str
    product_id: str
    resource_class: str
    traits: list[str]
    live_migratable: bool
    remote_managed: bool
    numa_node: int | None
    socket: int | None
    free: int
    free_apart: int
    """How many of the free ones group policy `isolate` can give to one guest: one of each PF."""
    total: int
    """Free or not."""


class PoolsReply(Reply):
    pools: list[PoolPart]


class EntryPart(Part):
    """One device_spec entry, and the first key of it that the device does not fit; all null for one that it fits."""

    entry: int
    source: str
    """The operator's text."""
    key: str | None
    wanted: str | None
    found: str | None


class ExplainDeviceReply(Reply):
    device: DevicePart
    entries: list[EntryPart]
    """In the operator's order; the first that fits is the one that matched."""


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
