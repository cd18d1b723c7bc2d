# SPDX-License-Identifier: Apache-2.0
"""Placement's names: resource classes and traits, brought into the form in which Placement takes them.

Upper case, each run of characters outside A-Z, 0-9 and _ becomes one _, and CUSTOM_ goes in front where it is no standard name. The
same rule on both sides, so that a device and the alias that wants it agree whatever their spelling. Placement would refuse a name
that is too long only when it is reported; it is refused here instead.

Does not know: which device gets a name, Placement's API.
Source: the VFIO variant driver specification, "Device specification resource class"; placement/schemas/common.py (255 characters).
"""

import re

import os_resource_classes
import os_traits

MAX_LENGTH = 255
_OTHERS = re.compile("[^A-Z0-9_]+")
_STANDARD_CLASSES = frozenset(os_resource_classes.STANDARDS)
_STANDARD_TRAITS = frozenset(os_traits.get_traits())


def resource_class_name(text: str) -> str:
    """The resource class that `text` (not blank) means."""
    # nova differs: a name that begins with CUSTOM_ is kept as it is there, and Placement then refuses CUSTOM_A-B; and a run
    # includes _ there, so that a__b is CUSTOM_A_B.
    return _name(text, _STANDARD_CLASSES)


def trait_name(text: str) -> str:
    """The trait that `text` (not blank) means."""
    # nova differs: standard names are case-sensitive there, and blanks around a comma become part of the name.
    return _name(text, _STANDARD_TRAITS)


def problem_of(name: str) -> str | None:
    """Why Placement would not take the name; None where it would."""
    if len(name) > MAX_LENGTH:
        return f"a name has {len(name)} characters, and Placement takes {MAX_LENGTH}"
    return "nothing is left of the name but CUSTOM_" if name == "CUSTOM_" else None


def _name(text: str, standard: frozenset[str]) -> str:
    plain = _OTHERS.sub("_", text.strip().upper())
    return plain if plain in standard or plain.startswith("CUSTOM_") else f"CUSTOM_{plain}"
