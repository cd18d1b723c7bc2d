# SPDX-License-Identifier: Apache-2.0
"""Text for people: how a page of it is rendered, and the few marks that all pages share.

A page is made from the same reply that `--format json` prints, so people and programs are told the same. It is made of what has
crossed the wire as it is, and not of the models that the agent checked it with: building those takes longer than all the rest.
Lines are never wrapped: a terminal does that well enough, and `grep` finds whole lines.

Does not know: terminals, what is on a page (`views.text_*`).
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from io import StringIO
from types import SimpleNamespace
from typing import Final

from rich.console import Console, RenderableType
from rich.text import Text

Block = RenderableType
"""Something that a page is made of."""

_WIDEST: Final = 10_000
"""Columns; rich wants a number."""
STATUS_STYLE: Final = {
    "lost": "bold red",
    "unlisted": "magenta",
    "claimed": "cyan",
    "allocated": "blue",
    "occupied": "bold magenta",
    "not-assignable": "dim",
    "used-by-host": "dim",
    "settling": "yellow",
    "unusable": "red",
    "dirty": "bold yellow",
    "disabled": "dim",
    "blocked": "yellow",
    "free": "green",
}
"""Every device status, in the order of `core.inventory.DeviceStatus`."""


def page(parts: Iterable[Block], *, colour: bool) -> str:
    """The parts below one another."""
    console = Console(
        file=StringIO(),
        width=_WIDEST,
        force_terminal=colour,
        color_system="standard" if colour else None,
        no_color=not colour,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=True,
    )
    with console.capture() as capture:
        for part in parts:
            console.print(part)
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def shown(reply: object, *, harmless: bool = True) -> object:
    """The reply with its fields as attributes; `harmless`: each character that a terminal would obey is written out (`\\x1b`)."""
    match reply:
        case str():
            return reply if reply.isprintable() or not harmless else "".join(_shown(character) for character in reply)
        case dict():
            return SimpleNamespace(**{name: shown(value, harmless=harmless) for name, value in reply.items()})
        case list():
            return [shown(each, harmless=harmless) for each in reply]
        case _:
            return reply


def _shown(character: str) -> str:
    return character if character.isprintable() or character == "\n" else character.encode("unicode_escape").decode()


def status_mark(status: str, width: int = 0) -> Text:
    """The status in its colour, padded to `width`."""
    return Text(f"{status:{width}}", style=STATUS_STYLE[status])


def aside(text: str) -> Text:
    """What one reads second."""
    return Text(text, style="dim")


def heading(text: str) -> Text:
    return Text(text, style="bold")


def table(titles: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> Text:
    """A line a row, its cells below their titles. rich's own table measures each cell anew for wrapping: 3 s for 4096 devices."""
    lines = [[Text(title, style="bold") for title in titles]]
    lines += [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
    widths = [max(cell.cell_len for cell in column) for column in zip(*lines, strict=True)]
    for line in lines:
        for cell, width in zip(line[:-1], widths, strict=False):
            cell.pad_right(width - cell.cell_len + 2)
    return Text("\n").join(Text().join(line) for line in lines)


def counted(number: int, noun: str, nouns: str | None = None) -> str:
    """`1 device`, `2 devices`; `nouns` where it is not the noun and an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {nouns or f'{noun}s'}"


def moment(seconds: float) -> str:
    """A point in time as `2026-11-21 03:15:00Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def unknown(value: object) -> str:
    """The value, or a dash where the host does not say."""
    return "-" if value is None or value == "" else str(value)
