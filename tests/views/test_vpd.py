# SPDX-License-Identifier: Apache-2.0
"""Vital Product Data: the serial number, or the reason why there is none; never anything else, whatever the octets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcipt_agent.views.vpd import NO_SERIAL, NOT_VPD, WRONG_SUM, Serial, serial_of
from tests.support.hosttree import vpd

SERIALS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=200)


@given(SERIALS)
def test_the_serial_number_is_found(serial: str) -> None:
    assert serial_of(vpd(serial)) == Serial(serial, None)


def test_an_identifier_longer_than_255_octets_is_stepped_over() -> None:
    assert serial_of(vpd("MT2042X00001", name="x" * 300)) == Serial("MT2042X00001", None)


def test_padding_is_no_part_of_the_serial_number() -> None:
    assert serial_of(vpd("MT2042X00001  \0\0")) == Serial("MT2042X00001", None)


def test_vpd_without_a_serial_number_says_so() -> None:
    assert serial_of(vpd(None)) == Serial(None, NO_SERIAL)


@pytest.mark.parametrize("blank", ["", "   ", "\0\0\0"])
def test_a_blank_serial_number_is_none(blank: str) -> None:
    assert serial_of(vpd(blank)) == Serial(None, NO_SERIAL)


def test_vpd_without_a_read_only_part_has_no_serial_number() -> None:
    assert serial_of(b"\x82\x03\x00abc\x78") == Serial(None, NO_SERIAL)


def test_a_small_resource_is_stepped_over() -> None:
    assert serial_of(b"\x0a\x01\x02\x90\x05\x00SN\x02AB\x78") == Serial("AB", None)


def test_a_wrong_checksum_is_worse_than_no_serial_number() -> None:
    assert serial_of(vpd("MT2042X00001", tail=1)) == Serial(None, WRONG_SUM)


def test_vpd_without_a_checksum_is_believed() -> None:
    assert serial_of(b"\x90\x05\x00SN\x02AB\x78") == Serial("AB", None)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x90",
        b"\x90\x05\x00SN",
        b"\x90\x05\x00SN\x09AB\x78",
        b"\x82\xff\xff",
        b"\xff" * 64,
        b"\0" * 64,
        b"\x90\x05\x00SN\x02\xff\xfe\x78",
        b"\x90\x05\x00SN\x02A\x07\x78",
    ],
)
def test_what_is_no_vpd_is_told_apart(octets: bytes) -> None:
    assert serial_of(octets) == Serial(None, NOT_VPD)


@given(st.binary(max_size=300))
def test_any_octets_have_an_answer(octets: bytes) -> None:
    number, unknown = serial_of(octets)
    assert (number is None) is (unknown is not None)
    assert number != ""


@given(SERIALS, st.integers(0, 400))
def test_vpd_cut_anywhere_gives_the_whole_serial_number_or_none(serial: str, kept: int) -> None:
    assert serial_of(vpd(serial)[:kept]).number in (serial, None)
