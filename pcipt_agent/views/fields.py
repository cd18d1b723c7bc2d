# SPDX-License-Identifier: Apache-2.0
"""Fields of what was written down, read strictly: the very fields, each of its very type.

JSON's own types are compared exactly, because Python's are lenient where a record must not be: True is an int, and "7" a number to
`int`.

Does not know: which records there are.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from pcipt_agent.core.address import PciAddress, parse_address

_Word = TypeVar("_Word", bound=StrEnum)


class Undecodable(ValueError):
    """The bytes are no record of a format that we know; the text says which field, and what is wrong with it."""


def fields(untrusted: Any, *names: str) -> tuple[Any, ...]:
    """The values of exactly these fields, in this order."""
    if not isinstance(untrusted, Mapping):
        raise Undecodable(f"{untrusted!r:.80} where an object with {', '.join(names)} belongs")
    if untrusted.keys() != set(names):
        raise Undecodable(f"fields {sorted(untrusted.keys() ^ set(names))} are missing, or unknown here")
    return tuple(untrusted[name] for name in names)


def array(untrusted: Any) -> list[Any]:
    found: list[Any] = _one("an array", lambda value: isinstance(value, list), untrusted)
    return found


def text(untrusted: Any) -> str:
    return str(_one("a string", lambda value: isinstance(value, str), untrusted))


def text_or_none(untrusted: Any) -> str | None:
    return None if untrusted is None else text(untrusted)


def integer(untrusted: Any) -> int:
    return int(_one("an integer", lambda value: type(value) is int, untrusted))


def number(untrusted: Any) -> float:
    return float(_one("a number", lambda value: type(value) in (int, float), untrusted))


def number_or_none(untrusted: Any) -> float | None:
    return None if untrusted is None else number(untrusted)


def truth(untrusted: Any) -> bool:
    return bool(_one("true or false", lambda value: type(value) is bool, untrusted))


def address(untrusted: Any) -> PciAddress:
    found = parse_address(text(untrusted))
    if found is None:
        raise Undecodable(f"{untrusted!r:.80} where an address belongs")
    return found


def address_or_none(untrusted: Any) -> PciAddress | None:
    return None if untrusted is None else address(untrusted)


def word(words: type[_Word], untrusted: Any) -> _Word:
    try:
        return words(untrusted)
    except ValueError as error:
        raise Undecodable(str(error)) from error


def _one(wanted: str, holds: Callable[[Any], bool], untrusted: Any) -> Any:
    if not holds(untrusted):
        raise Undecodable(f"{untrusted!r:.80} where {wanted} belongs")
    return untrusted
