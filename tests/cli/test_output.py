# SPDX-License-Identifier: Apache-2.0
"""Where text goes, and what a closed pipe or a poor terminal makes of it."""

import json
import os
import pty
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from pcipt_agent.cli.output import ExitCode, Output
from pcipt_agent.core.inventory import DeviceStatus
from pcipt_agent.views.text import status_mark
from tests.support.inside import captured


def test_exit_codes_are_those_of_the_help() -> None:
    assert [(code.name, code.value) for code in ExitCode] == [("DONE", 0), ("REFUSED", 1), ("MISTAKE", 2), ("UNREACHABLE", 3)]


def test_json_is_exactly_the_reply() -> None:
    reply = {"generation": "1.2", "devices": [{"serial": "\x1b[1m é"}]}
    with captured() as streams:
        Output(as_json=True).json(reply)
    assert json.loads(streams.out.getvalue()) == reply
    assert streams.out.getvalue().isascii()


def test_text_is_the_page_and_no_colour_goes_into_a_pipe() -> None:
    with captured() as streams:
        Output(as_json=False).page([status_mark(DeviceStatus.FREE)])
    assert streams.out.getvalue() == b"free\n"


@pytest.mark.parametrize(
    ("environment", "shown"), [({}, b"\x1b[32mfree\x1b[0m"), ({"NO_COLOR": "1"}, b"free"), ({"TERM": "dumb"}, b"free")]
)
def test_a_terminal_gets_colour_unless_it_says_no(
    environment: dict[str, str], shown: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    reader, writer = pty.openpty()
    with os.fdopen(writer, "w") as terminal, redirect_stdout(terminal):
        Output(as_json=False).page([status_mark(DeviceStatus.FREE)])
        assert os.read(reader, 100) == shown + b"\r\n"
    os.close(reader)


def test_complaints_go_to_standard_error_with_their_page() -> None:
    with captured() as streams:
        Output(as_json=False).complain("no devices", ["request 1: none left"])
    assert streams.out.getvalue() == b""
    assert streams.err.getvalue() == b"pcipt: no devices\nrequest 1: none left\n"


def test_what_the_terminal_can_not_show_is_a_question_mark() -> None:
    with captured("ascii") as streams:
        Output(as_json=False).complain("└ größer")
    assert streams.err.getvalue() == b"pcipt: ? gr??er\n"


def test_a_document_is_utf_8_byte_for_byte_whatever_the_terminal() -> None:
    with captured("ascii") as streams:
        Output(as_json=False).document("<domain>\r\n└</domain>")
    assert streams.out.getvalue() == "<domain>\r\n└</domain>".encode()


def test_a_reader_that_went_away_ends_the_text_and_not_the_command() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed, redirect_stdout(closed):
        Output(as_json=False).document("x" * 100_000)
        Output(as_json=False).document("more")
        assert Path(f"/proc/self/fd/{writer}").readlink() == Path(os.devnull)
