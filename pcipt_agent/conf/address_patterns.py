# SPDX-License-Identifier: Apache-2.0
"""The key `address` of a device_spec: a text is a glob, an object is four regular expressions.

The JSON type alone picks the syntax. A glob's field is a number or `*`, never a part of one; leading fields may be left out. A
regular expression is anchored at the start only, over the field as the kernel writes it: `"slot": "0"` means 00 to 0f. Both are
as in nova, so that an entry selects the same devices; where that is probably not meant, a notice says so.

Does not know: devices, the other keys.
Source: nova/pci/devspec.py of nova 34; admin guide, `[pci] device_spec`.
"""

import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from pcipt_agent.conf.entry import Entry, did_you_mean, kind_of, no_such
from pcipt_agent.conf.json_text import Member, Object, Scalar, Span
from pcipt_agent.core.address import MAX_BUS, MAX_DOMAIN, MAX_FUNCTION, MAX_SLOT
from pcipt_agent.core.spec import AddressGlob, AddressRegex

FIELDS: Mapping[str, tuple[int, int]] = {
    "domain": (MAX_DOMAIN, 4),
    "bus": (MAX_BUS, 2),
    "slot": (MAX_SLOT, 2),
    "function": (MAX_FUNCTION, 1),
}
"""Field → its largest value, and the digits that the kernel writes it with."""

EXAMPLE = '"0000:3b:00.0", "*:3b:*.*", or {"bus": "3b", "function": "[0-3]"}'

_NUMBER = re.compile("(-?)(?:0[xX])?([0-9a-fA-F]+)")


def address(entry: Entry) -> AddressGlob | AddressRegex:
    """The pattern; any address where the key is absent, empty or null, or a mistake (then noted)."""
    node = entry.get("address")
    match node:
        case None | Scalar(value=None | "") | Object(members=()):
            return AddressGlob()
        case Scalar(value=str() as value):
            return _glob(entry, value, node)
        case Object():
            return _regex(entry, node)
        case _:
            # nova differs: 0 and false mean any address there, like the empty text; nobody writes them to say so.
            entry.wrong("address", f"{kind_of(node)} instead of a text or an object", EXAMPLE)
            return AddressGlob()


def _glob(entry: Entry, value: str, node: Scalar) -> AddressGlob:
    left, _, function = value.partition(".")
    pieces = left.split(":") if left else []
    if len(pieces) > 3:
        entry.wrong("address", f"has {len(pieces)} fields before the point, and an address has three", EXAMPLE)
        return AddressGlob()
    texts = [*["*"] * (3 - len(pieces)), *pieces, function]
    fields: list[int | None] = []
    for (name, (largest, _digits)), piece in zip(FIELDS.items(), texts, strict=True):
        if piece.strip() in ("", "*"):
            fields.append(None)
            continue
        number = _NUMBER.fullmatch(piece.strip())
        if number is None:
            _no_number(entry, name, piece.strip(), (texts, node.span))
            return AddressGlob()
        size = int(number.group(2), 16)
        if size > largest:
            entry.wrong("address", f"the {name} {piece.strip()} is more than {largest:x}", EXAMPLE)
            return AddressGlob()
        if number.group(1) and size:
            entry.notice("address", f"the {name} {piece.strip()} is negative, so the entry matches nothing", EXAMPLE)
        fields.append(-size if number.group(1) else size)
    return AddressGlob(*fields)


def _no_number(entry: Entry, name: str, piece: str, rest: tuple[list[str], Span]) -> None:
    """A field that is neither a number nor `*`; where it is a wildcard of part of a field, the object form is what was meant."""
    texts, span = rest
    problem = f"the {name} {piece} is neither a hex number nor *"
    members = [_member(field, text.strip(), span) for field, text in zip(FIELDS, texts, strict=True)]
    if re.search(r"[*?\[]", piece) and None not in members:
        meant = tuple(member for member in members if member is not None and member.value != Scalar(".*", span))
        entry.repair("address", f"{problem}; parts of a field take the object form", Object(meant, span))
    else:
        entry.wrong("address", problem, EXAMPLE)


def _member(field: str, piece: str, span: Span) -> Member | None:
    """The field's glob as a regular expression that is anchored at both ends; None where it can't be said."""
    number = _NUMBER.fullmatch(piece)
    if piece in ("", "*"):
        pattern = ".*"
    elif number is not None:
        pattern = f"{int(number.group(2), 16):0{FIELDS[field][1]}x}"
    elif re.fullmatch(r"(?:[0-9a-fA-F*?]|\[[0-9a-fA-F-]+\])+", piece):
        pattern = piece.lower().replace("*", ".*").replace("?", ".") + "$"
    else:
        return None
    compiled = _compile(pattern)
    known = isinstance(compiled, re.Pattern) and any(compiled.match(each) for each in _values(field))
    return Member(field, span, Scalar(pattern, span)) if known else None


def _regex(entry: Entry, node: Object) -> AddressRegex | AddressGlob:
    patterns: dict[str, re.Pattern[str]] = {}
    repaired: list[Member] = []
    faults: list[tuple[str, Span, str | None]] = []
    for member in node.members:
        if member.key not in FIELDS:
            meant = did_you_mean(member.key, [field for field in FIELDS if all(field != each.key for each in node.members)])
            repaired.append(member if meant is None else replace(member, key=meant))
            faults.append((no_such("key", member.key, FIELDS), member.key_span, None if meant else f"one of: {', '.join(FIELDS)}"))
            continue
        repaired.append(member)
        match member.value:
            case Scalar(value=str() as text):
                compiled = _compile(text)
                if isinstance(compiled, str):
                    faults.append((compiled, member.value.span, 'a regular expression; for any: ".*"'))
                else:
                    patterns[member.key] = compiled
            case Scalar(value=int() as number) if not isinstance(number, bool):
                faults.append(("a number instead of a text", member.value.span, None))
                repaired[-1] = replace(member, value=Scalar(str(number), member.value.span))
            case other:
                faults.append((f"{kind_of(other)} instead of a regular expression", other.span, 'a text, such as "[0-3]"'))
    for problem, span, remedy in faults:
        if remedy is None:
            entry.repair("address", problem, Object(tuple(repaired), node.span), span=span)
        else:
            entry.wrong("address", problem, remedy, span=span)
    if faults:
        return AddressGlob()
    for member in node.members:
        _doubts(entry, member, patterns[member.key])
    return AddressRegex(*(patterns.get(field, re.compile(".*")) for field in FIELDS))


def _compile(text: str) -> re.Pattern[str] | str:
    """The pattern, or a clause that says why it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "possible nested set": nova takes the pattern all the same
            return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        return f"is no regular expression: {error}"


def _doubts(entry: Entry, member: Member, pattern: re.Pattern[str]) -> None:
    """Says where the start-anchored, case-sensitive pattern is probably not what was meant."""
    values = _values(member.key)
    matched = [value for value in values if pattern.match(value)]
    whole = [value for value in matched if pattern.fullmatch(value)]
    # A backslash and a capital is a class, and (?…) holds flags: neither is a digit.
    lower = _compile(re.sub(r"(?<!\\)[A-F]", lambda digit: digit.group().lower(), pattern.pattern))
    span = member.value.span
    if isinstance(lower, re.Pattern) and sum(1 for value in values if lower.match(value)) > len(matched):
        entry.notice("address", "an upper-case digit matches nothing: the kernel writes lower case", "lower case", span=span)
    elif not matched:
        entry.notice("address", f"matches no {member.key}", f"the {member.key} has {FIELDS[member.key][1]} digits", span=span)
    elif len(whole) < len(matched):
        means = f"is anchored at its start only, so it means {_few(matched)}"
        if whole:
            problem, remedy = f"{means}; as a whole it would mean {_few(whole)}", f'"{pattern.pattern}$" where that is meant'
        else:
            problem, remedy = means, f'all digits of the {member.key}, such as "{matched[0]}", unless this is meant'
        entry.notice("address", problem, remedy, span=span)


def _few(values: list[str]) -> str:
    return ", ".join(values) if len(values) <= 4 else f"{values[0]}, {values[1]}, {values[2]} … {values[-1]}"


@cache
def _values(field: str) -> tuple[str, ...]:
    """What the kernel may write for the field; of the 65536 domains, a sample."""
    largest, digits = FIELDS[field]
    numbers = range(largest + 1) if largest <= 0xFF else [*range(0x100), *range(0x100, 0x10000, 0x111)]
    return tuple(f"{number:0{digits}x}" for number in numbers)
