# SPDX-License-Identifier: Apache-2.0
"""The texts of single files under /sys, and the values that they mean.

The results are remembered, because a host has few different texts in very many files; that also makes equal values one object. -1,
"(null)" and "Unknown" are None. Each function raises ValueError (UnicodeDecodeError is one) where it does not know the text.

Does not know: which file of which function the text came from.
Source: drivers/pci/pci-sysfs.c, drivers/pci/iov.c, net/core/net-sysfs.c.
"""

import re
from functools import lru_cache

_ID = re.compile(r"0x([0-9a-fA-F]{4})\s*")
_BARE_ID = re.compile(r"[0-9a-fA-F]{1,4}\s*")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,8}\s*")
_NUMBER = re.compile(r"[0-9]{1,10}\s*")
_SPEED = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,4})?) GT/s(?: PCIe)?\s*")
_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2})+\s*")
_WORDS = re.compile(r"[a-z0-9_ ]+\s*")


def _matched(pattern: re.Pattern[str], raw: bytes) -> str:
    text = raw.decode("ascii")
    if pattern.fullmatch(text) is None:
        raise ValueError(text)
    return text.strip()


@lru_cache(maxsize=1024)
def pci_id(raw: bytes) -> str:
    return _matched(_ID, raw)[2:].lower()


@lru_cache(maxsize=1024)
def bare_id(raw: bytes) -> str:
    """sriov_vf_device is written with %x: no 0x, no leading zeros (drivers/pci/iov.c)."""
    return _matched(_BARE_ID, raw).lower().zfill(4)


@lru_cache(maxsize=1024)
def hexadecimal(raw: bytes) -> int:
    return int(_matched(_HEX, raw), 16)


@lru_cache(maxsize=1024)
def number(raw: bytes) -> int:
    return int(_matched(_NUMBER, raw))


@lru_cache(maxsize=64)
def numa_node(raw: bytes) -> int | None:
    return None if raw.strip() == b"-1" else number(raw)


@lru_cache(maxsize=64)
def override(raw: bytes) -> str | None:
    text = raw.decode().strip()
    return None if text in ("", "(null)") else text


@lru_cache(maxsize=64)
def words(raw: bytes) -> tuple[str, ...]:
    return tuple(_matched(_WORDS, raw).split())


@lru_cache(maxsize=64)
def speed(raw: bytes) -> float | None:
    """The kernel says "Unknown" where the link status has no speed, as every VF's has (pci_speed_string)."""
    return None if raw.startswith(b"Unknown") else float(_matched(_SPEED, raw).split()[0])


_UNKNOWN_WIDTHS = (0, 0xFF)
"""A link status without width, as a VF's, and PCIE_LNK_WIDTH_UNKNOWN."""


@lru_cache(maxsize=64)
def width(raw: bytes) -> int | None:
    lanes = number(raw)
    return None if lanes in _UNKNOWN_WIDTHS else lanes


def mac(raw: bytes) -> str:
    return _matched(_MAC, raw)
