# SPDX-License-Identifier: Apache-2.0
"""JSON that remembers where it was written, and reads on after what operators get wrong.

The standard library's reader gives values without positions and stops at the first fault. An operator's mistake has to be shown
in the operator's own text, and answered with the entry as it must be written; so this reader keeps the span of every key and
value, and takes what people write for JSON (single or typographic quotes, bare words, a comma too many or missing, Python's True
and None) for what is meant, noting each as a fault. A text is valid JSON only if it has no faults. What it can't make sense of at
all is a fault without a node.

Does not know: options, keys, what a value means.
Source: RFC 8259; CPython's json.loads judges the string literals.
"""

import json
import re
from dataclasses import dataclass
from math import isfinite
from typing import NoReturn

Span = tuple[int, int]
"""Start and end (exclusive), in characters of the text."""

MAX_DEPTH = 16
_MAX_NUMBER_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Scalar:
    value: str | int | float | bool | None
    span: Span


@dataclass(frozen=True, slots=True)
class Member:
    key: str
    key_span: Span
    value: "Node"


@dataclass(frozen=True, slots=True)
class Object:
    members: tuple[Member, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Array:
    items: tuple["Node", ...]
    span: Span


Node = Scalar | Object | Array


@dataclass(frozen=True, slots=True)
class Fault:
    """Where the text is no JSON, and why, as a clause."""

    problem: str
    span: Span


@dataclass(frozen=True, slots=True)
class Parsed:
    """`node` is None where the text could not be understood; it is meaningful, though no JSON, where there are faults beside it."""

    node: Node | None
    faults: tuple[Fault, ...]


def parse(text: str) -> Parsed:
    """The text's meaning and its faults. Never raises."""
    reader = _Reader(text)
    try:
        node = reader.whole()
    except _Unreadable as end:
        return Parsed(None, (*reader.faults, end.fault))
    return Parsed(node, tuple(reader.faults))


def written(node: Node) -> str:
    """The node as valid JSON on one line."""
    match node:
        case Scalar(value=value):
            return json.dumps(value, ensure_ascii=False)
        case Array(items=items):
            return "[" + ", ".join(written(item) for item in items) + "]"
        case Object(members=members):
            pairs = (f"{json.dumps(member.key, ensure_ascii=False)}: {written(member.value)}" for member in members)
            return "{" + ", ".join(pairs) + "}"


class _Unreadable(Exception):
    """Reading can't go on."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.problem)
        self.fault = fault


_SPACE = re.compile(r"[ \t\r\n\u00a0\ufeff]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_OTHER_STRINGS = {
    "'": re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL),
    "“": re.compile('“([^“”"]*)[”"]'),
    "”": re.compile('”([^“”"]*)[”"]'),
    "‘": re.compile("‘([^‘’]*)’"),
}
"""Opening quote → what follows it."""
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_BARE_KEY = re.compile(r"[^\s,:={}\[\]\"'“”‘’]+")
_BARE_VALUE = re.compile(r"[^\s,{}\[\]\"'“”‘’]+")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_PYTHON_WORDS: dict[str, bool | None] = {"True": True, "False": False, "None": None, "TRUE": True, "FALSE": False, "NULL": None}


class _Reader:
    """One pass over the text; `faults` collects what could be read past."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.faults: list[Fault] = []

    def whole(self) -> Node:
        self._skip_space()
        if self.at == len(self.text):
            self._give_up("is empty: an object in braces is expected")
        node = self._node(0)
        self._skip_space()
        if self.at < len(self.text):
            self._give_up("more text after the end: one object, or a list of objects in brackets, is expected", len(self.text))
        return node

    def _node(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            self._give_up("is nested too deeply")
        match self._peek():
            case "{":
                return self._object(depth)
            case "[":
                return self._array(depth)
            case "":
                self._give_up("ends where a value is expected")
        return self._scalar()

    def _object(self, depth: int) -> Object:
        start = self.at
        self.at += 1
        members: list[Member] = []
        while not self._closed("}", start, first=not members):
            key, key_span = self._key()
            self._skip_space()
            if self._peek() == "=":
                self._fault("an equals sign instead of a colon", (self.at, self.at + 1))
            elif self._peek() != ":":
                self._give_up('a colon is expected after the key "' + key + '"')
            self.at += 1
            self._skip_space()
            if any(member.key == key for member in members):
                self._fault(f'key "{key}" is given twice', key_span)
                members = [member for member in members if member.key != key]
            members.append(Member(key, key_span, self._node(depth + 1)))
        return Object(tuple(members), (start, self.at))

    def _array(self, depth: int) -> Array:
        start = self.at
        self.at += 1
        items: list[Node] = []
        while not self._closed("]", start, first=not items):
            items.append(self._node(depth + 1))
        return Array(tuple(items), (start, self.at))

    def _closed(self, bracket: str, start: int, *, first: bool) -> bool:
        """Takes the comma before the next item, or the closing bracket: then the answer is yes."""
        after_item = self.at
        self._skip_space()
        if not first and self._peek() == ",":
            comma = self.at
            self.at += 1
            self._skip_space()
            if self._peek() == bracket:
                self._fault("a comma after the last item", (comma, comma + 1))
        elif not first and self._peek() not in (bracket, "", "}", "]"):
            self._fault("a comma is missing", (after_item, self.at + 1))
        if self._peek() == bracket:
            self.at += 1
            return True
        if self._peek() == "":
            self._fault(f"the closing {bracket} is missing", (start, start + 1))
            return True
        return False

    def _key(self) -> tuple[str, Span]:
        start = self.at
        if self._peek() == '"' or self._peek() in _OTHER_STRINGS:
            return self._string(), (start, self.at)
        found = _BARE_KEY.match(self.text, self.at)
        if found is None:
            self._give_up("a key in double quotes is expected")
        self.at = found.end()
        self._fault("a key without its double quotes", (start, self.at))
        return _speakable(found.group()), (start, self.at)

    def _scalar(self) -> Scalar:
        start = self.at
        if self._peek() == '"' or self._peek() in _OTHER_STRINGS:
            text = self._string()
            return Scalar(text, (start, self.at))
        found = _BARE_VALUE.match(self.text, self.at)
        if found is None:
            self._give_up("a value is expected")
        self.at = found.end()
        return Scalar(self._bare(found.group(), (start, self.at)), (start, self.at))

    def _bare(self, word: str, span: Span) -> str | int | float | bool | None:
        if word in _WORDS:
            return _WORDS[word]
        if word in _PYTHON_WORDS:
            self._fault(f"{word} is Python's spelling", span)
            return _PYTHON_WORDS[word]
        if _NUMBER.fullmatch(word) and len(word) <= _MAX_NUMBER_LENGTH and isfinite(float(word)):
            return float(word) if set(word) & set(".eE") else int(word)
        self._fault("a text without its double quotes", span)
        return _speakable(word)

    def _string(self) -> str:
        quote, start = self.text[self.at], self.at
        found = (_STRING if quote == '"' else _OTHER_STRINGS[quote]).match(self.text, self.at)
        if found is None:
            self._give_up("the closing quote of this text is missing", len(self.text))
        self.at = found.end()
        span = (start, self.at)
        if quote != '"':
            kind = "single" if quote == "'" else "typographic"
            self._fault(f"{kind} quotes: JSON has double quotes only", span)
            return _speakable(found.group(1).replace("\\'", "'"))
        try:
            value = json.loads(found.group())
        except ValueError:
            self._fault("a line break, a control character or an unknown escape inside a text", span)
            return _speakable(found.group()[1:-1])
        if _speakable(value) != value:
            self._fault("half a surrogate pair, which is no character", span)
        return _speakable(value)

    def _skip_space(self) -> None:
        found = _SPACE.match(self.text, self.at)
        assert found is not None, "the pattern matches the empty text"
        odd = [index for index in range(self.at, found.end()) if self.text[index] in "\u00a0\ufeff"]
        for index in odd:
            self._fault("a space that is none in JSON (no-break space or byte order mark)", (index, index + 1))
        self.at = found.end()

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _fault(self, problem: str, span: Span) -> None:
        self.faults.append(Fault(problem, span))

    def _give_up(self, problem: str, end: int | None = None) -> NoReturn:
        raise _Unreadable(Fault(problem, (self.at, max(self.at + 1, end or 0))))


def _speakable(text: str) -> str:
    """`text` without what can't be written as UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")
