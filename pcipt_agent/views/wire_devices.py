# SPDX-License-Identifier: Apache-2.0
"""Replies about devices: what the host shows, what the rules say, and why each has its status; and pools of them.

Does not know: how a part is made (`views.device_answers`, `views.pool_answers`), claims (`views.wire_replies`).
"""

from pcipt_agent.core.device import DeviceType, HostUseKind
from pcipt_agent.core.inventory import DeviceStatus
from pcipt_agent.views.wire_replies import Part, Reply


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


class HostUsePart(Part):
    kind: HostUseKind
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
    vfio_driver: bool
    """Whether the bound driver registers with vfio: vfio-pci, or a variant or vendor driver."""
    host_uses: list[HostUsePart]
    """How the host itself uses it."""
    faults: list[FaultPart]


class DomainPart(Part):
    """A libvirt domain that names the device."""

    name: str
    uuid: str
    running: bool


class DirtyPart(Part):
    """Whose one-time use made it dirty."""

    claim_id: str
    consumer: str
    since: float
    """Seconds since the epoch."""


class DisabledPart(Part):
    """An operator's word that takes a device out of service."""

    address: str | None
    """Of what was disabled: the device's own, or its PF's; null: the host."""
    reason: str
    since: float
    """Seconds since the epoch."""
    by: str | None
    """Whose call it was, as far as the transport tells."""


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
    """The relatives of a blocked device that are held, occupied or dirty."""
    group_held_by: list[str]
    """The members of its IOMMU group that are held or occupied; only who has those may have it."""
    occupied_by: list[str]
    """Names of the domains that have it without a claim."""
    domains: list[DomainPart]
    """All domains that name it, with a claim or without."""
    dirty: DirtyPart | None
    disabled: list[DisabledPart]
    """What operators have said of it, of its PF and of the host; empty: it is in service."""
    warnings: list[str]
    """What is not as it should be, and keeps nobody from having it."""
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
    disabled: DisabledPart | None
    """The host takes no new claims, whatever is free otherwise; null: it does."""
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
