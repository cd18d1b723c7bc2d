# SPDX-License-Identifier: Apache-2.0
"""Where a command's text goes: replies to standard output, everything that went wrong to standard error.

A reader that closes the pipe (`| head -1`) ends the text and not the command, so the exit code still tells what was done. A
character that the terminal's encoding lacks becomes a question mark, never a traceback.

Does not know: what is said.
"""

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, TextIO

from pcipt_agent.errors import HostError

if TYPE_CHECKING:
    from pcipt_agent.views.text import Block


class ExitCode(IntEnum):
    """What the shell is told."""

    DONE = 0
    REFUSED = 1
    """Or there is something that needs attention."""
    MISTAKE = 2
    """In usage or configuration."""
    UNREACHABLE = 3


@dataclass(frozen=True, slots=True)
class Output:
    """Standard output and error, as text or JSON."""

    as_json: bool

    def page(self, parts: Iterable["Block"]) -> None:
        """Text for people."""
        _write(sys.stdout, _rendered(parts, sys.stdout))

    def json(self, reply: object) -> None:
        """Text for programs: exactly the reply."""
        _write(sys.stdout, json.dumps(reply, indent=2) + "\n")

    def document(self, text: str) -> None:
        """Text that programs read (XML): in UTF-8 and exactly as it is, whatever the terminal."""
        _write(sys.stdout, text, encoding="utf-8")

    def line(self, text: str) -> None:
        """One line of many that come over time: it is out when this returns."""
        _write(sys.stdout, f"{text}\n")

    def complain(self, sentence: str, page: Iterable["Block"] = ()) -> None:
        """What went wrong, and the page that explains it."""
        _write(sys.stderr, f"pcipt: {sentence}\n")
        if page:
            _write(sys.stderr, _rendered(page, sys.stderr))


def _rendered(parts: Iterable["Block"], stream: TextIO) -> str:
    from pcipt_agent.views.text import page

    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"  # https://no-color.org
    return page(parts, colour=stream.isatty() and not plain)


def _write(stream: TextIO, text: str, encoding: str | None = None) -> None:
    try:
        stream.flush()
        stream.buffer.write(text.encode(encoding or stream.encoding, "replace"))
        stream.buffer.flush()
    except OSError as error:
        # Python flushes once more at exit; https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if not isinstance(error, BrokenPipeError):
            raise HostError(stream.name, str(error.strerror)) from error
