# SPDX-License-Identifier: Apache-2.0
"""Claims, events and decisions for tests of what is written down."""

from hypothesis import strategies as st
from immutables import Map

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.alias import Alternative, GroupPolicy, NumaPolicy, Request
from pcipt_agent.core.claim import (
    Allocated,
    Claim,
    ClaimBook,
    Claimed,
    ClaimState,
    Cleaned,
    Decision,
    Dirty,
    Disabled,
    Enabled,
    Event,
    Expired,
    Fingerprint,
    Freed,
    Held,
    Wish,
    with_claim,
)
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.guest import Guest
from pcipt_agent.core.history import Ending, Span, Upkeep, UpkeepKind

BOOT = "1b4e28ba-2fa1-4d2b-883f-0016d3cca427"


def claim(number: int, devices: int = 1, *, consumer: int | None = None, one_time_use: bool = False) -> Claim:
    """A claim that holds devices which no other number's claim holds, for a consumer of its own unless told otherwise."""
    held = tuple(
        Held(
            request=0,
            address=PciAddress(0, number >> 5 & 0xFF, number & 0x1F, each),
            device_type=DeviceType.PCI,
            managed=True,
            entry='{"vendor_id": "8086"}',
            fingerprint=Fingerprint(
                vendor_id="8086",
                product_id="0443",
                subsystem_vendor_id=None,
                subsystem_product_id=None,
                parent=None,
                vf_number=None,
                serial=f"S{number}",
            ),
            one_time_use=one_time_use,
        )
        for each in range(devices)
    )
    requests = (Request(count=devices, alias="qat", device_type=DeviceType.PCI, alternatives=(Alternative(vendor_id="8086"),)),)
    wish = Wish(consumer=consumer_id(number if consumer is None else consumer), requests=requests)
    return Claim(
        claim_id=f"c{number}", wish=wish, held=held, state=ClaimState.CLAIMED, claimed_at=float(number), claimed_by="uid 64055"
    )


def consumer_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


def decision(*events: Event, at: float = 1.0, request_id: str | None = None, caller: str | None = None) -> Decision:
    return Decision(events=events, at=at, boot_id=BOOT, request_id=request_id, caller=caller)


def life(number: int) -> list[Decision]:
    """claim, allocate, free."""
    return [
        decision(Claimed(claim(number))),
        decision(Allocated(f"c{number}", 0.5 + number)),
        decision(Freed(f"c{number}", 1.0 + number), request_id=f"req-{number}", caller="uid 0"),
    ]


_HEX = st.text("0123456789abcdef", min_size=4, max_size=4)
_TEXT = st.text(max_size=12)
_ADDRESSES = st.builds(PciAddress, st.integers(0, 0x10FFFF), st.integers(0, 255), st.integers(0, 31), st.integers(0, 7))
_TIMES = st.floats(0, 4e9, allow_nan=False)
_ALTERNATIVES = st.builds(
    Alternative,
    vendor_id=st.none() | _HEX,
    product_id=st.none() | _HEX,
    resource_class=st.none() | _TEXT,
    traits=st.frozensets(_TEXT, max_size=3),
    live_migratable=st.none() | st.booleans(),
)
_REQUESTS = st.builds(
    Request,
    count=st.integers(1, 1024),
    numa_policy=st.sampled_from(NumaPolicy),
    numa_policy_asked=st.booleans(),
    alias=st.none() | _TEXT,
    device_type=st.none() | st.sampled_from(DeviceType),
    alternatives=st.lists(_ALTERNATIVES, max_size=3).map(tuple),
    address=st.none() | _ADDRESSES,
)
_WISHES = st.builds(
    Wish,
    consumer=_TEXT,
    requests=st.lists(_REQUESTS, min_size=1, max_size=3).map(tuple),
    guest=st.builds(Guest, st.none() | st.frozensets(st.integers(0, 7), max_size=3)),
    group_policy=st.sampled_from(GroupPolicy),
    move_id=st.none() | _TEXT,
)
_FINGERPRINTS = st.builds(
    Fingerprint,
    vendor_id=_HEX,
    product_id=_HEX,
    subsystem_vendor_id=st.none() | _HEX,
    subsystem_product_id=st.none() | _HEX,
    parent=st.none() | _ADDRESSES,
    vf_number=st.none() | st.integers(0, 65535),
    serial=st.none() | _TEXT,
)
_HELD = st.builds(
    Held,
    request=st.just(0),
    address=_ADDRESSES,
    device_type=st.sampled_from(DeviceType),
    managed=st.booleans(),
    entry=st.none() | _TEXT,
    fingerprint=_FINGERPRINTS,
    one_time_use=st.booleans(),
)
CLAIMS = st.builds(
    Claim,
    claim_id=_TEXT,
    wish=_WISHES,
    held=st.lists(_HELD, max_size=4).map(tuple),
    state=st.sampled_from(ClaimState),
    claimed_at=_TIMES,
    claimed_by=st.none() | _TEXT,
    allocated_at=st.none() | _TIMES,
    adopted_from=st.none() | _TEXT,
)
_SOME_ADDRESSES = st.lists(_ADDRESSES, max_size=3).map(tuple)
_DISABLED = st.builds(Disabled, st.none() | _ADDRESSES, _TEXT, _TIMES, st.none() | _TEXT)
EVENTS = st.one_of(
    st.builds(Claimed, CLAIMS),
    st.builds(Allocated, _TEXT, st.none() | _TIMES),
    st.builds(Freed, _TEXT, _TIMES, _SOME_ADDRESSES),
    st.builds(Expired, _TEXT, _TIMES, _SOME_ADDRESSES),
    st.builds(Cleaned, _ADDRESSES, _TIMES),
    _DISABLED,
    st.builds(Enabled, st.none() | _ADDRESSES, _TIMES),
)
"""Any event that can be written down, possible or not."""
PASTS = st.one_of(
    st.builds(
        Span,
        address=_ADDRESSES,
        claim_id=_TEXT,
        consumer=_TEXT,
        since=_TIMES,
        claimed_by=st.none() | _TEXT,
        adopted_from=st.none() | _TEXT,
        allocated_at=st.none() | _TIMES,
        until=st.none() | _TIMES,
        ended_by=st.none() | _TEXT,
        ending=st.none() | st.sampled_from(Ending),
        dirty=st.booleans(),
    ),
    st.builds(
        Upkeep,
        address=st.none() | _ADDRESSES,
        kind=st.sampled_from(UpkeepKind),
        at=_TIMES,
        by=st.none() | _TEXT,
        reason=st.none() | _TEXT,
    ),
)


@st.composite
def books(draw: st.DrawFn) -> ClaimBook:
    """Claims of few consumers in no order of their ids, and what outlives them."""
    book = ClaimBook()
    for number in draw(st.lists(st.integers(0, 500), unique=True, max_size=6)):
        book = with_claim(book, claim(number, devices=2, consumer=draw(st.integers(0, 2)), one_time_use=draw(st.booleans())))
    disabled = draw(st.lists(_DISABLED, unique_by=lambda each: each.address, max_size=3))
    return ClaimBook(
        claims=book.claims,
        holders=book.holders,
        by_consumer=book.by_consumer,
        ended=Map(draw(st.dictionaries(_TEXT, _TIMES, max_size=3))),
        dirty=Map(draw(st.dictionaries(_ADDRESSES, st.builds(Dirty, _TEXT, _TEXT, _TIMES), max_size=3))),
        disabled=Map({each.address: each for each in disabled if each.address is not None}),
        host_disabled=next((each for each in disabled if each.address is None), None),
    )
