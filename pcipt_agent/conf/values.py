# SPDX-License-Identifier: Apache-2.0
"""What the values of both options are made of: texts, flags, hex ids, words of a closed list.

One table of booleans for every tag. nova reads some tags by its bool table, some as raw text and some leniently, so that "yes" half
works; here a value means the same wherever it stands, and what is in no table is a mistake.

Does not know: which key is which kind of value.
Source: oslo.utils strutils.bool_from_string (the words); nova/pci/devspec.py of nova 34 (how ids are read).
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import TypeVar

from pcipt_agent.conf.entry import Entry, did_you_mean, kind_of
from pcipt_agent.conf.json_text import Array, Object, Scalar

TRUE_WORDS = ("1", "t", "true", "on", "y", "yes")
FALSE_WORDS = ("0", "f", "false", "off", "n", "no")

_HEX = re.compile(r"(?:0x)?0*([0-9a-f]{1,4})", re.IGNORECASE)


def text(entry: Entry, key: str, remedy: str) -> str | None:
    """The text of the key; None where it is absent, or a mistake (then noted)."""
    node = entry.get(key)
    match node:
        case None:
            return None
        case Scalar(value=str() as value):
            return value
        case Scalar(value=bool() | None) | Object() | Array():
            entry.wrong(key, f"{kind_of(node)} instead of a text", remedy)
        case Scalar(value=int() | float() as number):
            entry.repair(key, "a number instead of a text", Scalar(str(number), node.span))
    return None


def flag(entry: Entry, key: str) -> bool | None:
    """What the key says, by the one table; None where it is absent, or a mistake (then noted)."""
    node = entry.get(key)
    match node:
        case None:
            return None
        case Scalar(value=bool() as value):
            return value
        case Scalar(value=int() as number) if number in (0, 1):
            return number == 1
        case Scalar(value=str() as words) if words.strip().lower() in TRUE_WORDS:
            return True
        case Scalar(value=str() as words) if words.strip().lower() in FALSE_WORDS:
            return False
    problem = "is neither true nor false" if isinstance(node, Scalar) else f"{kind_of(node)} instead of true or false"
    entry.wrong(key, problem, f"true or false; also one of: {' '.join(TRUE_WORDS)}; {' '.join(FALSE_WORDS)}")
    return None


def pattern_id(entry: Entry, key: str) -> str | None:
    """A vendor_id or product_id of a device_spec as four lower-case hex digits; None for any, or a mistake (then noted)."""
    node = entry.get(key)
    match node:
        case Scalar(value=str() as value) if value.strip() == "*":
            return None
        case Scalar(value=str() as value):
            return _hex_id(entry, key, value)
    given = text(entry, key, 'four hex digits, such as "8086", or "*" for any')
    return None if given is None else _hex_id(entry, key, given)


def _hex_id(entry: Entry, key: str, value: str) -> str | None:
    found = _HEX.fullmatch(value.strip())
    if found is not None:
        return found.group(1).lower().zfill(4)
    wide = re.fullmatch(r"(?:0x)?[0-9a-fA-F]+", value.strip())
    problem = "is more than ffff" if wide else "is no hex number"
    entry.wrong(key, problem, 'four hex digits, such as "8086", or "*" for any')
    return None


def exact_id(entry: Entry, key: str) -> str | None:
    """A vendor_id or product_id of an alias: four hex digits of any case, as nova's schema has it; None as for `text`."""
    value = text(entry, key, 'four hex digits, such as "8086"')
    if value is None:
        return None
    if re.fullmatch("[0-9a-fA-F]{4}", value):
        return value.lower()
    found = _HEX.fullmatch(value.strip())
    node = entry.get(key)
    if found is None or node is None:
        entry.wrong(key, "is not four hex digits", 'four hex digits, such as "8086"')
    else:
        entry.repair(key, "is not four hex digits", Scalar(found.group(1).lower().zfill(4), node.span))
    return None


E = TypeVar("E", bound=StrEnum)


def word(entry: Entry, key: str, words: Sequence[E]) -> E | None:
    """One of the words; None where the key is absent, or a mistake (then noted)."""
    remedy = f"one of: {', '.join(words)}"
    value, node = text(entry, key, remedy), entry.get(key)
    if value is None or node is None:
        return None
    for each in words:
        if value == each:
            return each
    meant = did_you_mean(value, [each.lower() for each in words])
    right = next((each for each in words if each.lower() == meant or each.lower().endswith(f"-{value.strip().lower()}")), None)
    if right is None:
        entry.wrong(key, f'"{value}" is not known here', remedy)
    else:
        entry.repair(key, f'"{value}" is not known here; did you mean "{right}"?', Scalar(str(right), node.span))
    return None
