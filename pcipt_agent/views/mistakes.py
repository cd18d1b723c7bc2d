# SPDX-License-Identifier: Apache-2.0
"""Mistakes and notices of the configuration as text for people: the operator's own words, the fault underlined, what is right.

    [pci] device_spec, entry 2, key "vendor_idd": no such key; did you mean "vendor_id"?
        {"vendor_idd": "8086"}
         ^^^^^^^^^^^^
        write: {"vendor_id": "8086"}

The one place where they become text, so that a start that is refused and `pcipt check-config` say the same.

Does not know: where the text is shown, how it was parsed.
"""

import re
from collections.abc import Iterable
from unicodedata import category, east_asian_width

from pcipt_agent.errors import Mistake, Notice

INDENT = "    "
MAX_WIDTH = 120
"""Columns of the operator's text that are shown; of a longer line, those around the fault."""


_OPTION_LINE = re.compile(r"\w+ = ")


def mistakes_text(mistakes: Iterable[Mistake]) -> str:
    """All of them, one below the other; empty where there are none. Ends without a line break."""
    return "\n".join(finding_text(each) for each in mistakes)


def notices_text(notices: Iterable[Notice]) -> str:
    """The same for notices."""
    return "\n".join(f"notice: {finding_text(each)}" for each in notices)


def finding_line(finding: Mistake | Notice) -> str:
    """One of them on one line, for a log: where and what, what would be right, the operator's text."""
    text = "" if finding.source is None else f" (in {' '.join(finding.source.split())})"
    return _plain(f"{_where(finding)}: {finding.problem}; expected: {finding.remedy}{text}")


def finding_text(finding: Mistake | Notice) -> str:
    """One of them: where and what, the operator's text with the fault underlined, what would be right."""
    lines = [_plain(f"{_where(finding)}: {finding.problem}")]
    if finding.source is not None:
        lines += [INDENT + line for line in _underlined(finding.source, finding.span)]
    lines += [INDENT + line for line in _remedy(finding.remedy)]
    return "\n".join(lines)


def _where(finding: Mistake | Notice) -> str:
    where = [finding.option]
    if finding.entry is not None:
        where.append(f"entry {finding.entry}")
    if finding.key is not None:
        where.append(f'key "{finding.key}"')
    return ", ".join(where)


def _remedy(remedy: str) -> list[str]:
    """An entry or option to copy, or a clause."""
    label = "write: " if remedy.startswith(("{", "[")) or _OPTION_LINE.match(remedy) else "expected: "
    first, *others = remedy.split("\n")
    return [_plain(label + first), *(_plain(" " * len(label) + line) for line in others)]


def _underlined(source: str, span: tuple[int, int] | None) -> list[str]:
    """The text's lines; below the one where the span begins, a row of ^ under it."""
    lines: list[str] = []
    start = 0
    for line in source.split("\n"):
        end = start + len(line)
        if span is not None and start <= span[0] <= end:
            lines += _marked(line, span[0] - start, min(span[1], end) - start)
            span = None
        else:
            lines.append(_shortened(line, 0))
        start = end + 1
    return lines


def _marked(line: str, begin: int, end: int) -> list[str]:
    """The line, or the part of it around the fault, and the marks below."""
    first = 0 if _width(line) <= MAX_WIDTH else max(0, begin - MAX_WIDTH // 3)
    before = "… " if first else ""
    blank = " " * (len(before) + _width(line[first:begin]))
    shown = before + _shortened(line[first:], 0)
    marks = min(max(_width(line[begin:end]), 1), max(_width(shown) - len(blank), 1))
    return [shown, blank + "^" * marks]


def _shortened(line: str, first: int) -> str:
    plain = _plain(line[first:])
    return plain if _width(plain) <= MAX_WIDTH else plain[: MAX_WIDTH // 2 * 2 - 2] + " …"


def _plain(text: str) -> str:
    """The text with every character that would move the cursor or hide another replaced, one for one."""
    return "".join(" " if char == "\t" else char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _width(text: str) -> int:
    """Columns on a terminal."""
    return sum(0 if category(char) in ("Mn", "Me") else 2 if east_asian_width(char) in "WF" else 1 for char in text)
