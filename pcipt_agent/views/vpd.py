# SPDX-License-Identifier: Apache-2.0
"""Vital Product Data, and the serial number in it.

VPD is a chain of resources: large ones with a tag and a 16-bit length, small ones with both in one byte. The read-only one (VPD-R)
holds fields of two letters, a length and data: SN is the serial number, and the first octet of RV makes everything from the
start up to it sum to zero. A wrong sum means that what was read is not what was written, and a wrong serial is worse than none.

Does not know: where the octets were read, whose serial a VF takes.
Source: PCI Local Bus Specification 3.0, appendix I; drivers/pci/vpd.c, pci_vpd_check_csum().
"""

from collections.abc import Iterator
from typing import NamedTuple

_LARGE = 0x80
_VPD_R = 0x90
_END = 0x78
_SMALL_LENGTH = 0x07

NOT_VPD = "its VPD can't be decoded"
WRONG_SUM = "the checksum of its VPD is wrong"
NO_SERIAL = "its VPD has no serial number"


class Serial(NamedTuple):
    """The serial number, or why there is none; never both, and never an empty serial."""

    number: str | None
    unknown: str | None


def serial_of(vpd: bytes) -> Serial:
    """The serial number that `vpd` says. Any octets are taken: what is no VPD is an answer too."""
    try:
        fields = dict(_read_only_fields(vpd))
        checked = fields.get(b"RV")
        if checked is not None and sum(vpd[: checked.start + 1]) & 0xFF:
            return Serial(None, WRONG_SUM)
        found = fields.get(b"SN")
        number = "" if found is None else found.data.rstrip(b"\0 ").decode("ascii").strip()
    except (IndexError, UnicodeDecodeError):
        return Serial(None, NOT_VPD)
    if not number:
        return Serial(None, NO_SERIAL)
    return Serial(number, None) if number.isprintable() else Serial(None, NOT_VPD)


class _Field(NamedTuple):
    start: int
    data: bytes


def _read_only_fields(vpd: bytes) -> Iterator[tuple[bytes, _Field]]:
    """Keyword and field of every field of VPD-R. Raises IndexError where the chain breaks off."""
    position = 0
    while vpd[position] != _END:
        tag = vpd[position]
        if tag & _LARGE:
            start, length = position + 3, vpd[position + 1] | vpd[position + 2] << 8
        else:
            start, length = position + 1, tag & _SMALL_LENGTH
        position = start + length
        if tag == _VPD_R:
            while start + 3 <= position:
                data = start + 3
                start = data + vpd[start + 2]
                if start > position:
                    raise IndexError
                yield vpd[data - 3 : data - 1], _Field(data, vpd[data:start])
            return
