# SPDX-License-Identifier: Apache-2.0
"""A claim as the journal's records write it down, whole: its XML must be had from it years later, without the host and the rules.

Does not know: records and their formats (`views.records`), what was written before this format (`views.records_1`).
"""

from typing import Any, Final

from pcipt_agent.core.alias import Alternative, GroupPolicy, NumaPolicy, Request
from pcipt_agent.core.claim import Claim, ClaimState, Fingerprint, Held, Wish
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.guest import Guest
from pcipt_agent.views.fields import (
    Undecodable,
    address,
    address_or_none,
    array,
    fields,
    integer,
    number,
    number_or_none,
    text,
    text_or_none,
    truth,
    word,
)

Json = dict[str, Any]

_WISH: Final = ("consumer", "move_id", "group_policy", "numa_nodes", "requests")
_PROMISE: Final = ("claim_id", "held", "state", "claimed_at", "claimed_by", "allocated_at", "adopted_from")
_HELD: Final = ("request", "address", "device_type", "managed", "entry", "one_time_use")
_SEEN: Final = ("vendor_id", "product_id", "subsystem_vendor_id", "subsystem_product_id", "parent", "vf_number", "serial")


def claim_record(claim: Claim) -> Json:
    """What `read_claim` reads."""
    wish = claim.wish
    nodes = wish.guest.numa_nodes
    return {
        "claim_id": claim.claim_id,
        "consumer": wish.consumer,
        "move_id": wish.move_id,
        "group_policy": str(wish.group_policy),
        "numa_nodes": None if nodes is None else sorted(nodes),
        "requests": [_request(request) for request in wish.requests],
        "held": [_held(held) for held in claim.held],
        "state": str(claim.state),
        "claimed_at": claim.claimed_at,
        "claimed_by": claim.claimed_by,
        "allocated_at": claim.allocated_at,
        "adopted_from": claim.adopted_from,
    }


def _request(request: Request) -> Json:
    return {
        "count": request.count,
        "numa_policy": str(request.numa_policy),
        "numa_policy_asked": request.numa_policy_asked,
        "alias": request.alias,
        "device_type": None if request.device_type is None else str(request.device_type),
        "alternatives": [_alternative(each) for each in request.alternatives],
        "address": None if request.address is None else str(request.address),
    }


def _alternative(wanted: Alternative) -> Json:
    return {
        "vendor_id": wanted.vendor_id,
        "product_id": wanted.product_id,
        "resource_class": wanted.resource_class,
        "traits": sorted(wanted.traits),
        "live_migratable": wanted.live_migratable,
    }


def _held(held: Held) -> Json:
    seen = held.fingerprint
    return {
        "request": held.request,
        "address": str(held.address),
        "device_type": str(held.device_type),
        "managed": held.managed,
        "entry": held.entry,
        "one_time_use": held.one_time_use,
        "vendor_id": seen.vendor_id,
        "product_id": seen.product_id,
        "subsystem_vendor_id": seen.subsystem_vendor_id,
        "subsystem_product_id": seen.subsystem_product_id,
        "parent": None if seen.parent is None else str(seen.parent),
        "vf_number": seen.vf_number,
        "serial": seen.serial,
    }


def read_claim(untrusted: Any) -> Claim:
    """The claim that `claim_record` wrote down. Raises Undecodable."""
    consumer, move_id, group_policy, nodes, requests, *promise = fields(untrusted, *_WISH, *_PROMISE)
    claim_id, held, state, claimed_at, claimed_by, allocated_at, adopted_from = promise
    wish = Wish(
        consumer=text(consumer),
        requests=tuple(_read_request(each) for each in array(requests)),
        guest=Guest(None if nodes is None else frozenset(integer(node) for node in array(nodes))),
        group_policy=word(GroupPolicy, group_policy),
        move_id=text_or_none(move_id),
    )
    devices = tuple(_read_held(each) for each in array(held))
    if any(not 0 <= each.request < len(wish.requests) for each in devices):
        raise Undecodable(f"claim {claim_id!r} holds a device for a request that it does not have")
    return Claim(
        claim_id=text(claim_id),
        wish=wish,
        held=devices,
        state=word(ClaimState, state),
        claimed_at=number(claimed_at),
        claimed_by=text_or_none(claimed_by),
        allocated_at=number_or_none(allocated_at),
        adopted_from=text_or_none(adopted_from),
    )


def _read_request(untrusted: Any) -> Request:
    names = ("count", "numa_policy", "numa_policy_asked", "alias", "device_type", "alternatives", "address")
    count, numa_policy, asked, alias, device_type, alternatives, where = fields(untrusted, *names)
    return Request(
        count=integer(count),
        numa_policy=word(NumaPolicy, numa_policy),
        numa_policy_asked=truth(asked),
        alias=text_or_none(alias),
        device_type=None if device_type is None else word(DeviceType, device_type),
        alternatives=tuple(_read_alternative(each) for each in array(alternatives)),
        address=address_or_none(where),
    )


def _read_alternative(untrusted: Any) -> Alternative:
    names = ("vendor_id", "product_id", "resource_class", "traits", "live_migratable")
    vendor_id, product_id, resource_class, traits, live_migratable = fields(untrusted, *names)
    return Alternative(
        vendor_id=text_or_none(vendor_id),
        product_id=text_or_none(product_id),
        resource_class=text_or_none(resource_class),
        traits=frozenset(text(trait) for trait in array(traits)),
        live_migratable=None if live_migratable is None else truth(live_migratable),
    )


def _read_held(untrusted: Any) -> Held:
    request, where, device_type, managed, entry, one_time_use, *seen = fields(untrusted, *_HELD, *_SEEN)
    vendor_id, product_id, subsystem_vendor_id, subsystem_product_id, parent, vf_number, serial = seen
    fingerprint = Fingerprint(
        vendor_id=text(vendor_id),
        product_id=text(product_id),
        subsystem_vendor_id=text_or_none(subsystem_vendor_id),
        subsystem_product_id=text_or_none(subsystem_product_id),
        parent=address_or_none(parent),
        vf_number=None if vf_number is None else integer(vf_number),
        serial=text_or_none(serial),
    )
    return Held(
        request=integer(request),
        address=address(where),
        device_type=word(DeviceType, device_type),
        managed=truth(managed),
        entry=text_or_none(entry),
        fingerprint=fingerprint,
        one_time_use=truth(one_time_use),
    )
