# SPDX-License-Identifier: Apache-2.0
"""What a flavor's extra specs and an image's properties say of PCI devices.

Does not know: which aliases there are, requests given outright, the guest's NUMA topology.
Source: nova 34, nova/pci/request.py (extra spec), nova/virt/hardware.py get_pci_numa_policy_constraint; the flavor page of the VFIO
spec, which writes the count as optional.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from pcipt_agent.core.alias import GroupPolicy, NumaPolicy
from pcipt_agent.errors import BadExtraSpec, PolicyConflict

ALIAS: Final = "pci_passthrough:alias"
FLAVOR_POLICY, IMAGE_POLICY, GROUP_POLICY = "hw:pci_numa_affinity_policy", "hw_pci_numa_affinity_policy", "group_policy"
MOST: Final = 1024
"""Devices of one request, as in a request given outright."""

_Word = TypeVar("_Word", NumaPolicy, GroupPolicy)


@dataclass(frozen=True, slots=True)
class Named:
    """One piece of the extra spec: `a1:2`."""

    alias: str
    count: int


def named(flavor: Mapping[str, str]) -> tuple[Named, ...]:
    """The pieces of `pci_passthrough:alias`, in its order. Raises BadExtraSpec with the position of the fault.

    nova differs: there `a` alone, a trailing comma and `a:x` are tracebacks, and `a:0` and `a:-1` are taken.
    """
    text = flavor.get(ALIAS)
    if text is None:
        return ()
    found, position = [], 0
    for piece in text.split(","):
        found.append(_piece(text, piece, position))
        position += len(piece) + 1
    return tuple(found)


def numa_policy(flavor: Mapping[str, str], image: Mapping[str, str]) -> NumaPolicy | None:
    """The policy that replaces each alias's own. Raises PolicyConflict where both are given and differ."""
    of_flavor, of_image = _word(NumaPolicy, flavor, FLAVOR_POLICY), _word(NumaPolicy, image, IMAGE_POLICY)
    if of_flavor is not None and of_image is not None and of_flavor is not of_image:
        raise PolicyConflict(of_flavor, of_image)
    return of_flavor or of_image


def group_policy(flavor: Mapping[str, str]) -> GroupPolicy | None:
    return _word(GroupPolicy, flavor, GROUP_POLICY)


def _piece(text: str, piece: str, start: int) -> Named:
    """`start` is where the piece begins in the text."""
    name, colon, count = piece.partition(":")
    if not name.strip():
        problem = "an alias name is missing" if colon else "an empty piece"
        raise BadExtraSpec(text, start + len(name) - len(name.lstrip()) if colon else start, problem)
    if not colon:
        return Named(name.strip(), 1)
    after_colon = start + len(name) + 1
    if ":" in count:
        raise BadExtraSpec(text, after_colon + count.index(":"), "a second colon in one piece")
    digits = count.strip()
    if re.fullmatch("[0-9]{1,9}", digits) is None or not 1 <= int(digits) <= MOST:
        position = after_colon + len(count) - len(count.lstrip()) if digits else after_colon
        raise BadExtraSpec(text, position, f"{digits!r} is no count from 1 to {MOST}")
    return Named(name.strip(), int(digits))


def _word(words: type[_Word], given: Mapping[str, str], key: str) -> _Word | None:
    text = given.get(key)
    if text is None:
        return None
    try:
        return words(text)
    except ValueError as error:
        raise BadExtraSpec(text, 0, f"{key} is one of {', '.join(words)}, not {text!r}") from error
