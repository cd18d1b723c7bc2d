# SPDX-License-Identifier: Apache-2.0
"""Text for people: how a page of it is rendered, and the few marks that all pages share.

A page is made from the same reply that `--format json` prints, so people and programs are told the same. Lines are never wrapped: a
terminal does that well enough, and `grep` finds whole lines.

Does not know: terminals, what is on a page (`views.text_*`).
"""

from collections.abc import Iterable
from io import StringIO
from typing import Final

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from pcipt_agent.core.inventory import DeviceStatus

_WIDEST: Final = 10_000
"""Columns; rich wants a number."""
_STYLE: Final = {
    DeviceStatus.FREE: "green",
    DeviceStatus.CLAIMED: "cyan",
    DeviceStatus.ALLOCATED: "blue",
    DeviceStatus.BLOCKED: "yellow",
    DeviceStatus.UNLISTED: "magenta",
    DeviceStatus.LOST: "bold red",
    DeviceStatus.UNUSABLE: "red",
    DeviceStatus.NOT_ASSIGNABLE: "dim",
}


def page(parts: Iterable[RenderableType], *, colour: bool) -> str:
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


def harmless(reply: object) -> object:
    """The reply with each character that a terminal would obey written out (`\\x1b`); line ends stay."""
    match reply:
        case str():
            return "".join(_shown(character) for character in reply)
        case dict():
            return {harmless(key): harmless(value) for key, value in reply.items()}
        case list():
            return [harmless(each) for each in reply]
        case _:
            return reply


def _shown(character: str) -> str:
    return character if character.isprintable() or character == "\n" else character.encode("unicode_escape").decode()


def status_mark(status: DeviceStatus, width: int = 0) -> Text:
    """The status in its colour, padded to `width`."""
    return Text(f"{status:{width}}", style=_STYLE[status])


def aside(text: str) -> Text:
    """What one reads second."""
    return Text(text, style="dim")


def heading(text: str) -> Text:
    return Text(text, style="bold")


def columns(*titles: str) -> Table:
    """An empty table with these columns; its rows are added by whoever knows them."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, no_wrap=True, overflow="ignore")
    return table


def counted(number: int, noun: str) -> str:
    """`1 device`, `2 devices`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def unknown(value: object) -> str:
    """The value, or a dash where the host does not say."""
    return "-" if value is None or value == "" else str(value)
