# SPDX-License-Identifier: Apache-2.0
"""Claims, events and decisions for tests of what is written down."""

from hypothesis import strategies as st

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.alias import Alternative, GroupPolicy, NumaPolicy, Request
from pcipt_agent.core.claim import Allocated, Claim, Claimed, ClaimState, Decision, Event, Fingerprint, Freed, Held, Wish
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.guest import Guest

BOOT = "1b4e28ba-2fa1-4d2b-883f-0016d3cca427"


def claim(number: int, devices: int = 1) -> Claim:
    """A claim that holds devices which no other number's claim holds."""
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
        )
        for each in range(devices)
    )
    requests = (Request(count=devices, alias="qat", device_type=DeviceType.PCI, alternatives=(Alternative(vendor_id="8086"),)),)
    wish = Wish(consumer=f"00000000-0000-4000-8000-{number:012x}", requests=requests)
    return Claim(claim_id=f"c{number}", wish=wish, held=held, state=ClaimState.CLAIMED, claimed_at=float(number))


def decision(*events: Event, at: float = 1.0, request_id: str | None = None) -> Decision:
    return Decision(events=events, at=at, boot_id=BOOT, request_id=request_id)


def life(number: int) -> list[Decision]:
    """claim, allocate, free."""
    return [
        decision(Claimed(claim(number))),
        decision(Allocated(f"c{number}")),
        decision(Freed(f"c{number}", 1.0 + number), request_id=f"req-{number}"),
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
    fingerprint=_FINGERPRINTS,
)
CLAIMS = st.builds(
    Claim,
    claim_id=_TEXT,
    wish=_WISHES,
    held=st.lists(_HELD, max_size=4).map(tuple),
    state=st.sampled_from(ClaimState),
    claimed_at=_TIMES,
)
EVENTS = st.builds(Claimed, CLAIMS) | st.builds(Allocated, _TEXT) | st.builds(Freed, _TEXT, _TIMES)
"""Any event that can be written down, possible or not."""
