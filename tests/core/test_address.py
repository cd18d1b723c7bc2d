# SPDX-License-Identifier: Apache-2.0
"""Addresses: the kernel's text and back, their order, and the limits of what can be handed out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcipt_agent.core.address import PciAddress, first_of, parse_address

ADDRESSES = st.builds(PciAddress, st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFF), st.integers(0, 0xFF), st.integers(0, 0xF))


@given(ADDRESSES)
def test_what_is_written_is_read_back(address: PciAddress) -> None:
    assert parse_address(str(address)) == address


def test_the_text_is_the_kernels() -> None:
    assert str(PciAddress(0, 0x3B, 2, 1)) == "0000:3b:02.1"
    assert str(PciAddress(0x10000, 0xE1, 0, 0)) == "10000:e1:00.0"


def test_fields_are_hexadecimal_whatever_their_digits() -> None:
    assert parse_address("0010:10:10.1") == PciAddress(16, 16, 16, 1)


def test_upper_case_is_the_same_address() -> None:
    assert parse_address("0000:3B:02.1") == parse_address("0000:3b:02.1")


@pytest.mark.parametrize(
    "text", ["", "3b:00.0", "0000:3b:00", "0000:3b:00.0\n", "0x0000:3b:00.0", "0000:3b:0.0", "0000-3b-00.0", "٠٠٠٠:3b:00.0"]
)
def test_other_texts_are_no_addresses(text: str) -> None:
    assert parse_address(text) is None


def test_order_is_by_number_not_by_text() -> None:
    texts = ["10000:00:00.0", "0000:ff:1f.7", "0000:02:00.0", "0000:10:00.0", "0000:02:00.1"]
    ordered = sorted(address for text in texts if (address := parse_address(text)) is not None)
    assert [str(address) for address in ordered] == [
        "0000:02:00.0",
        "0000:02:00.1",
        "0000:10:00.0",
        "0000:ff:1f.7",
        "10000:00:00.0",
    ]


def test_the_largest_address_that_can_be_handed_out() -> None:
    assert PciAddress(0xFFFF, 0xFF, 0x1F, 7).within_limits


@pytest.mark.parametrize("text", ["10000:00:00.0", "0000:00:20.0", "0000:00:00.8"])
def test_an_address_beyond_the_limits_is_still_an_address(text: str) -> None:
    address = parse_address(text)
    assert address is not None
    assert not address.within_limits


def test_many_addresses_are_named_up_to_a_number_and_counted_beyond() -> None:
    addresses = [PciAddress(0, 0x3B, 0, number) for number in range(3)]
    assert first_of(addresses, 3) == "0000:3b:00.0, 0000:3b:00.1, 0000:3b:00.2"
    assert first_of(addresses, 2) == "0000:3b:00.0, 0000:3b:00.1 and 1 more"
    assert first_of([], 2) == ""
