# SPDX-License-Identifier: Apache-2.0
"""Entry: one JSON object of an option, and everything that is wrong with it.

The parsers of device_spec and alias ask it for values; what they find wrong they say here, with the value that would be right where
they know it. Only when all has been asked are the mistakes made, because each of them shows the entry as it must be written, with
every repair in it: an operator who copies it once is done.

Does not know: which keys there are, what they mean.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from pcipt_agent.conf.json_text import Array, Fault, Member, Node, Object, Scalar, Span, parse, written
from pcipt_agent.errors import Mistake, Notice

SYNONYMS: Mapping[str, str] = {
    "class": "resource_class",
    "dev_spec": "device_spec",
    "dev_type": "device_type",
    "device_id": "product_id",
    "pci_address": "address",
    "physnet": "physical_network",
    "policy": "numa_policy",
    "type": "device_type",
    "vendor": "vendor_id",
    "product": "product_id",
}
"""What people write for the words that we know, where the spelling alone would mislead."""


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """The word of `known` that was probably meant."""
    words = sorted(known)
    plain = word.strip().lower().replace("-", "_")
    if plain in words:
        return plain
    if SYNONYMS.get(plain) in words:
        return SYNONYMS[plain]
    longer = [each for each in words if len(plain) >= 3 and each.startswith(plain)]
    if longer:
        return longer[0] if len(longer) == 1 else None
    return next(iter(get_close_matches(plain, words, n=1, cutoff=0.7)), None)


def no_such(what: str, word: str, known: Iterable[str]) -> str:
    """The clause `no such key; did you mean "vendor_id"?`."""
    meant = did_you_mean(word, known)
    return f"no such {what}" if meant is None else f'no such {what}; did you mean "{meant}"?'


@dataclass(frozen=True, slots=True)
class _Finding:
    """`remedy` None: the entry as it must be written."""

    key: str | None
    span: Span | None
    problem: str
    remedy: str | None
    is_notice: bool


class Entry:
    """One object of an option's values; `number` is its 1-based place among all of them."""

    def __init__(self, option: str, number: int, source: str, node: Object) -> None:
        self.option = option
        self.number = number
        self.source = source
        self._offset = node.span[0]
        self._members = {member.key: member for member in node.members}
        self._repaired: dict[str, tuple[Member, ...]] = {member.key: (member,) for member in node.members}
        self._slots: dict[str, str] = {}
        self._findings: list[_Finding] = []

    def __contains__(self, key: str) -> bool:
        return key in self._members

    def get(self, key: str) -> Node | None:
        """The value of the key; None where it is absent."""
        member = self._members.get(key)
        return None if member is None else member.value

    def only(self, known: Sequence[str]) -> None:
        """Every other key is a mistake; one that is a slip of a known key is read as that key from here on."""
        for key, member in list(self._members.items()):
            if key in known:
                continue
            meant = did_you_mean(key, known)
            del self._members[key]
            problem = no_such("key", key, known)
            if meant is None or meant in self._members:
                self._find(key, member.key_span, problem, f"one of: {', '.join(known)}")
                continue
            self._members[meant] = replace(member, key=meant)
            self._slots[meant] = key
            self._put(meant, member.value)
            self._find(key, member.key_span, problem, None)

    def wrong(self, key: str, problem: str, remedy: str, *, span: Span | None = None) -> None:
        """The value of the key is a mistake whose repair only the operator knows; `remedy` says it in a clause."""
        self._find(self._path(key, span), span or self._span(key), problem, remedy)

    def repair(self, key: str, problem: str, right: Node | None, *, span: Span | None = None) -> None:
        """The value of the key is a mistake, and `right` (None: without the key) is what must be written."""
        self._find(self._path(key, span), span or self._span(key), problem, None)
        self._put(key, right)

    def rename(self, key: str, problem: str, right: Member | None) -> None:
        """The key itself is a mistake, and `right` must be written instead (None: nothing)."""
        self._find(key, self._members[key].key_span, problem, None)
        self._repaired[self._slots.get(key, key)] = () if right is None else (right,)

    def lacks(self, problem: str, remedy: str) -> None:
        """The entry as a whole is a mistake."""
        self._find(None, None, problem, remedy)

    def notice(self, key: str, problem: str, right: Node | str, *, span: Span | None = None) -> None:
        """What works and is probably not meant; `right` is the value to write, or a clause."""
        remedy = right if isinstance(right, str) else None
        self._find(self._path(key, span), span or self._span(key), problem, remedy, is_notice=True)
        if not isinstance(right, str):
            self._put(key, right)

    def repaired(self) -> Object:
        """The entry as it must be written, as far as that is known."""
        members = tuple(member for each in self._repaired.values() for member in each)
        return Object(members, (0, 0))

    def mistakes(self) -> tuple[Mistake, ...]:
        """What is wrong, in the order of the text; notices are not among it."""
        return tuple(Mistake(*fields) for fields in self._made(is_notice=False))

    def notices(self) -> tuple[Notice, ...]:
        return tuple(Notice(*fields) for fields in self._made(is_notice=True))

    def _made(self, *, is_notice: bool) -> list[tuple[str, int, str | None, str, str, str, Span | None]]:
        whole = written(self.repaired())
        findings = [each for each in self._findings if each.is_notice is is_notice]
        findings.sort(key=lambda each: each.span or (-1, -1))
        return [
            (self.option, self.number, each.key, each.problem, each.remedy or whole, self.source, each.span) for each in findings
        ]

    def _put(self, key: str, right: Node | None) -> None:
        slot = self._slots.get(key, key)
        self._repaired[slot] = () if right is None else (replace(self._members[key], value=right),)

    def _span(self, key: str) -> Span:
        return self._members[key].value.span

    def _path(self, key: str, span: Span | None) -> str:
        """`address.bus` where the fault lies in a member of the key's object."""
        value = self._members[key].value
        if span is None or not isinstance(value, Object):
            return key
        inside = (member.key for member in value.members if span in (member.key_span, member.value.span))
        return ".".join([key, *inside])

    def _find(self, key: str | None, span: Span | None, problem: str, remedy: str | None, *, is_notice: bool = False) -> None:
        shown = None if span is None else (span[0] - self._offset, span[1] - self._offset)
        self._findings.append(_Finding(key, shown, problem, remedy, is_notice))


@dataclass(frozen=True, slots=True)
class _Value:
    """One of an option's values: `number` is that of its first entry, `faults` what it has against being what it must be."""

    number: int
    text: str
    node: Node | None
    faults: tuple[Fault, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Entries:
    """The objects of an option's values, flattened. Mistakes and notices are asked for when the entries have been read."""

    option: str
    entries: tuple[Entry, ...]
    values: tuple[_Value, ...]
    example: str

    def mistakes(self) -> tuple[Mistake, ...]:
        """Everything wrong with the values, in the operator's order."""
        found = [mistake for value in self.values for mistake in self._faults(value)]
        found += [mistake for entry in self.entries for mistake in entry.mistakes()]
        return tuple(sorted(found, key=lambda each: each.entry or 0))

    def notices(self) -> tuple[Notice, ...]:
        return tuple(each for entry in self.entries for each in entry.notices())

    def rewritten(self) -> tuple[str, ...]:
        """Each value as it must be written, as far as that is known; else as it stands."""
        return tuple(self._rewritten(value) or value.text for value in self.values)

    def _rewritten(self, value: _Value) -> str | None:
        match value.node:
            case Object():
                return written(value.entries[0].repaired())
            case Array(items=items) if items and len(items) == len(value.entries):
                return written(Array(tuple(entry.repaired() for entry in value.entries), (0, 0)))
            case _:
                return None

    def _faults(self, value: _Value) -> list[Mistake]:
        """One mistake for each way in which the text is not what it must be, at the first place where it is not."""
        remedy = self._rewritten(value) or f"an entry such as {self.example}"
        problems: dict[str, list[Span]] = {}
        for fault in value.faults:
            problems.setdefault(fault.problem, []).append(fault.span)
        return [
            Mistake(
                option=self.option,
                entry=value.number,
                key=None,
                problem=problem if len(spans) == 1 else f"{problem} ({len(spans)} times)",
                remedy=remedy,
                source=value.text,
                span=spans[0],
            )
            for problem, spans in problems.items()
        ]


def read_entries(option: str, texts: Sequence[str], *, lists: bool, example: str) -> Entries:
    """The values' objects. `lists`: a value may also be a list of objects; `example` is a valid entry, to show."""
    values: list[_Value] = []
    number = 1
    for text in texts:
        parsed = parse(text)
        objects, faults = _objects(parsed.node, lists=lists)
        entries = tuple(
            Entry(option, number + index, text[node.span[0] : node.span[1]], node) for index, node in enumerate(objects)
        )
        values.append(_Value(number, text, parsed.node, (*parsed.faults, *faults), entries))
        number += max(len(entries), 1 if values[-1].faults else 0)
    return Entries(option, tuple(entry for value in values for entry in value.entries), tuple(values), example)


def _objects(node: Node | None, *, lists: bool) -> tuple[tuple[Object, ...], tuple[Fault, ...]]:
    """The objects of one value, and what in it is none."""
    match node:
        case None:
            return (), ()
        case Object():
            return (node,), ()
        case Array(items=items) if lists:
            objects = tuple(item for item in items if isinstance(item, Object))
            others = tuple(item for item in items if not isinstance(item, Object))
            return objects, tuple(Fault(f"{kind_of(item)} instead of an object", item.span) for item in others)
        case Array() | Scalar():
            return (), (Fault(f"{kind_of(node)} instead of one object", node.span),)


def kind_of(node: Node) -> str:
    """What the value is, in an operator's words."""
    match node:
        case Object():
            return "an object"
        case Array():
            return "a list"
        case Scalar(value=None):
            return "null"
        case Scalar(value=str()):
            return "a text"
        case Scalar(value=bool()):
            return "true or false"
        case Scalar():
            return "a number"
