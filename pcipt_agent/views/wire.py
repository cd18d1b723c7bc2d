# SPDX-License-Identifier: Apache-2.0
"""RPC payloads, version 1.x: what a caller sends, parsed whole and refused by field.

Unknown fields are refused, because a field that is silently dropped is a promise silently broken. Numbers and booleans are not
converted from text, so that what is compared on a retry is what was sent.

Does not know: oslo.messaging, the ledger, the answers (`views.wire_replies`), how problems are worded (`views.sentences`).
"""

from collections.abc import Mapping
from typing import Annotated, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pcipt_agent.core.address import PciAddress, parse_address
from pcipt_agent.core.alias import GroupPolicy, NumaPolicy
from pcipt_agent.core.claim import ClaimState
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.inventory import DeviceStatus
from pcipt_agent.errors import BadRequest

Text = Annotated[str, Field(max_length=4096)]
"""Bounded also because pydantic decodes a text only then; an unbounded one may hold lone surrogates, which no journal can write."""
Document = Annotated[str, Field(max_length=64 * 2**20)]
Id = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]+$")]
"""Chosen by the caller; goes into log lines and records as it is, hence no control characters and no line separators."""
ClaimId = Id
Flag = Annotated[bool, Field(strict=True)]
NumaNode = Annotated[int, Field(strict=True, ge=0, le=1023)]
"""The kernel's limit is CONFIG_NODES_SHIFT=10 (arch/x86/Kconfig, arch/arm64/Kconfig)."""
PageLimit = Annotated[int, Field(strict=True, ge=1, le=100_000)]


class Payload(BaseModel):
    """What a caller sends."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class AlternativePayload(Payload):
    """One resolved alternative of an alias, in the alias option's own terms."""

    vendor_id: Text | None = None
    product_id: Text | None = None
    resource_class: Text | None = None
    traits: Annotated[list[Text], Field(max_length=1024)] = []
    live_migratable: Flag | None = None


class RequestPayload(Payload):
    """One wish: an alias's name, its resolved alternatives, or both (then they must agree with our rules); or an address."""

    count: Annotated[int, Field(strict=True, ge=1, le=1024)] = 1
    alias: Text | None = None
    alternatives: Annotated[list[AlternativePayload], Field(min_length=1, max_length=1024)] | None = None
    device_type: DeviceType | None = None
    numa_policy: NumaPolicy | None = None
    address: Text | None = None


class WishPayload(Payload):
    """What is asked for a guest: requests given outright, or the flavor's and image's own properties, or both (in that order)."""

    requests: Annotated[list[RequestPayload], Field(max_length=1024)] = []
    flavor: dict[Text, Text] = {}
    """Extra specs; `pci_passthrough:alias`, `hw:pci_numa_affinity_policy` and `group_policy` are read, others ignored."""
    image: dict[Text, Text] = {}
    """Properties; `hw_pci_numa_affinity_policy` is read."""
    numa_nodes: Annotated[list[NumaNode], Field(min_length=1)] | None = None
    """The guest's NUMA cells as host NUMA nodes; null: no NUMA topology."""
    group_policy: GroupPolicy | None = None


class ClaimPayload(WishPayload):
    """Promise devices to a consumer. The same claim_id with the same content is the same claim, however often it is sent."""

    claim_id: ClaimId
    consumer: UUID
    move_id: Id | None = None
    dry_run: Flag = False
    """Answer as if, and write nothing."""
    if_generation: Text | None = None
    """Refuse where the inventory's generation is another by now."""


class AllocatePayload(Payload):
    """A guest has the devices now."""

    claim_id: ClaimId


class FreePayload(Payload):
    """The promise is over; also of a claim_id that is not held, which then can't be claimed any more."""

    claim_id: ClaimId
    unused: Flag = False
    """No guest has had the devices, so that one-time use has not made them dirty; believed where libvirt has shown no other."""


class RenderPayload(Payload):
    """The libvirt XML of a claim's devices, from what was recorded when they were claimed."""

    claim_id: ClaimId
    domain: Document | None = None
    """A whole libvirt domain document to place the elements into; null: the elements alone."""


class DevicesPayload(Payload):
    """Filters, joined by and; a page of at most `limit` devices after the address `after`."""

    status: DeviceStatus | None = None
    device_type: DeviceType | None = None
    numa_node: NumaNode | None = None
    consumer: UUID | None = None
    after: Text | None = None
    limit: PageLimit = 100_000


class ClaimsPayload(Payload):
    """Filters, joined by and; a page of at most `limit` claims after the claim_id `after`."""

    state: ClaimState | None = None
    consumer: UUID | None = None
    claim_id: ClaimId | None = None
    after: Text | None = None
    limit: PageLimit = 100_000


class PoolsPayload(Payload):
    """All pools."""


class ExplainDevicePayload(Payload):
    """Why the device has the status it has, and which entry of device_spec decided."""

    address: Text


class ExplainRequestPayload(WishPayload):
    """What a claim of this wish would get now, or why it would be refused."""


class VersionPayload(Payload):
    """Who answers."""


P = TypeVar("P", bound=Payload)


def parse(model: type[P], untrusted: Mapping[str, object]) -> P:
    """The payload; BadRequest naming every field at fault where it is none."""
    try:
        return model.model_validate(untrusted)
    except ValidationError as error:
        problems = [
            (".".join(str(part) for part in each["loc"]) or model.__name__, each["msg"])
            for each in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise BadRequest(problems) from error


def address_of(untrusted: str, field: str) -> PciAddress:
    """Raises BadRequest, naming the field."""
    address = parse_address(untrusted)
    if address is None:
        raise BadRequest([(field, f"{untrusted!r} is no PCI address: write it as 0000:3b:02.1")])
    return address
