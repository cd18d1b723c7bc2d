# SPDX-License-Identifier: Apache-2.0
"""DomainSource: a caller's libvirt domain document as text, and where in it each element stands.

An XML tree written out again is not the text that was read: lxml changes the quotes of every attribute, `<a></a>` and line ends,
so that a person who compares before and after sees a new file. Here the text stays what it is, and edits are made at byte offsets,
which expat tells for every element. A document type declaration is refused before anything in it is read, so there are no entities
to expand and nothing is fetched.

Does not know: devices, what is placed where (`views.domxml`).
Source: https://docs.python.org/3/library/pyexpat.html; libvirt reads its own documents without DTD too (virXMLParse).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.parsers import expat

from pcipt_agent.errors import BadRequest

_TAG = re.compile(rb"""<(?:[^>"']|"[^"]*"|'[^']*')*>""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One element; offsets are bytes of the text in UTF-8."""

    name: str
    """With a namespace in front (`uri name`) where it has one; libvirt's own elements have none."""
    attributes: Mapping[str, str]
    line: int
    """1-based."""
    start: int
    """Of its start tag."""
    inner_start: int
    """Behind its start tag."""
    inner_end: int
    """Of its end tag; `inner_start` for `<a/>`."""
    end: int
    """Behind its end tag."""
    children: tuple["Node", ...]

    def named(self, name: str) -> Iterator["Node"]:
        """Its children of that name, in the document's order."""
        return (child for child in self.children if child.name == name)


@dataclass(frozen=True, slots=True)
class Edit:
    """The bytes from `start` to `end` (exclusive) become `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class DomainSource:
    """The text, in UTF-8, and its `<domain>`."""

    octets: bytes
    domain: Node

    @property
    def newline(self) -> str:
        return "\r\n" if b"\r\n" in self.octets else "\n"

    def indent_of(self, node: Node) -> str:
        """The white space in front of `node` on its line; empty where something else stands there."""
        line_start = self.octets.rfind(b"\n", 0, node.start) + 1
        before = self.octets[line_start : node.start]
        return "" if before.strip(b" \t") else before.decode()

    def is_empty_tag(self, node: Node) -> bool:
        """Whether it is written `<a/>`."""
        return node.inner_start == node.end

    def blank_before(self, node: Node) -> int:
        """Where the white space in front of `node` starts: what is cut with it so that no empty line stays."""
        return len(self.octets[: node.start].rstrip(b" \t\r\n"))

    def edited(self, edits: Sequence[Edit]) -> str:
        """The text with the edits made; they do not overlap."""
        pieces, position = [], 0
        for edit in sorted(edits, key=lambda each: (each.start, each.end)):
            pieces += [self.octets[position : edit.start], edit.text.encode()]
            position = edit.end
        return b"".join([*pieces, self.octets[position:]]).decode()


def parse_domain(untrusted_text: str) -> DomainSource:
    """The document, which must be well-formed, without DTD, its root `<domain>`. Raises BadRequest naming the line."""
    try:
        octets = untrusted_text.encode()
    except UnicodeEncodeError as error:
        raise refused(f"character {error.start + 1} is no Unicode character") from error
    reading = _Reading(octets)
    parser = expat.ParserCreate("UTF-8", namespace_separator=" ")
    parser.StartElementHandler = reading.started(parser)
    parser.EndElementHandler = reading.ended(parser)
    parser.StartDoctypeDeclHandler = _refuse_doctype(parser)
    try:
        parser.Parse(octets, True)
    except expat.ExpatError as error:
        raise refused(f"line {error.lineno}, column {error.offset + 1}: {expat.ErrorString(error.code)}") from error
    root = reading.root
    if root.name != "domain":
        namespace, _, name = root.name.rpartition(" ")
        whose = f" of {namespace}" if namespace else ""
        raise refused(f"line {root.line}: the root is <{name}>{whose}, not libvirt's <domain>")
    return DomainSource(octets, root)


def refused(problem: str) -> BadRequest:
    """The refusal of a domain document."""
    return BadRequest([("domain", problem)])


class _Reading:
    """The elements that are open, innermost last: (name, attributes, line, start, inner_start, children)."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._open: list[tuple[str, dict[str, str], int, int, int]] = []
        self._children: list[list[Node]] = [[]]

    @property
    def root(self) -> Node:
        return self._children[0][0]

    def started(self, parser: expat.XMLParserType) -> Callable[[str, dict[str, str]], None]:
        def handler(name: str, attributes: dict[str, str]) -> None:
            start = parser.CurrentByteIndex
            self._open.append((name, attributes, parser.CurrentLineNumber, start, self._tag_end(start)))
            self._children.append([])

        return handler

    def ended(self, parser: expat.XMLParserType) -> Callable[[str], None]:
        def handler(_: str) -> None:
            name, attributes, line, start, inner_start = self._open.pop()
            empty = self._octets[inner_start - 2 : inner_start] == b"/>"
            inner_end = inner_start if empty else parser.CurrentByteIndex
            end = inner_start if empty else self._tag_end(inner_end)
            children = tuple(self._children.pop())
            self._children[-1].append(
                Node(
                    name=name,
                    attributes=attributes,
                    line=line,
                    start=start,
                    inner_start=inner_start,
                    inner_end=inner_end,
                    end=end,
                    children=children,
                )
            )

        return handler

    def _tag_end(self, start: int) -> int:
        tag = _TAG.match(self._octets, start)
        assert tag is not None, "expat found a well-formed tag here"
        return tag.end()


def _refuse_doctype(parser: expat.XMLParserType) -> Callable[[str, str | None, str | None, bool], None]:
    def handler(_name: str, _system: str | None, _public: str | None, _has_subset: bool) -> None:
        raise refused(f"line {parser.CurrentLineNumber}: a document type declaration is not taken; write it without <!DOCTYPE>")

    return handler
