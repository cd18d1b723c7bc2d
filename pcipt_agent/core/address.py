# SPDX-License-Identifier: Apache-2.0
"""PciAddress: domain, bus, slot and function of one PCI function.

Four integers, never text, inside: two programs of this field read the same text without 0x as different numbers (vdsm:
decimal, nova: hex). Text is taken in the kernel's full form only, and written in it.

A tuple, because addresses are hashed and compared in every hot loop and a tuple does both in C.

Does not know: devices, patterns (`core.spec`), libvirt's attributes (`views.domxml`).
Source: drivers/pci/probe.c, dev_set_name("%04x:%02x:%02x.%d"); the domain has more digits where it needs them (VMD: 10000:e1:00.0).
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

MAX_DOMAIN, MAX_BUS, MAX_SLOT, MAX_FUNCTION = 0xFFFF, 0xFF, 0x1F, 0x7
"""The largest fields that can be handed out (the admin guide's limits; libvirt's schema has the same)."""

_TEXT = re.compile(r"([0-9a-fA-F]{4,8}):([0-9a-fA-F]{2}):([0-9a-fA-F]{2})\.([0-9a-fA-F])")


class PciAddress(NamedTuple):
    """0000:3b:02.1 is (0x0000, 0x3b, 0x02, 0x1)."""

    domain: int
    bus: int
    slot: int
    function: int

    def __str__(self) -> str:
        return f"{self.domain:04x}:{self.bus:02x}:{self.slot:02x}.{self.function:x}"

    @property
    def within_limits(self) -> bool:
        """Whether libvirt and the rules can name it."""
        return self.domain <= MAX_DOMAIN and self.bus <= MAX_BUS and self.slot <= MAX_SLOT and self.function <= MAX_FUNCTION


def first_of(addresses: Sequence[object], most: int) -> str:
    """In words, the first so many of the addresses, and how many more there are."""
    rest = len(addresses) - most
    return ", ".join(map(str, addresses[:most])) + (f" and {rest} more" if rest > 0 else "")


def parse_address(text: str) -> PciAddress | None:
    """The address that the kernel writes as `text` (any case); None where it is no such text."""
    found = _TEXT.fullmatch(text)
    return None if found is None else PciAddress(*(int(field, 16) for field in found.groups()))
