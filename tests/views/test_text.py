# SPDX-License-Identifier: Apache-2.0
"""How pages are rendered."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from pcipt_agent.core.inventory import DeviceStatus
from pcipt_agent.views.text import STATUS_STYLE, counted, page, shown, status_mark, table, unknown


def test_a_page_is_its_parts_below_one_another_without_trailing_blanks() -> None:
    rows = table(("address", "about"), [("0000:3b:00.0", "")])
    assert page(["one", rows], colour=False) == "one\naddress       about\n0000:3b:00.0\n"


def test_lines_are_never_wrapped() -> None:
    rows = table(("about",), [("x" * 500,)])
    assert page(["y " * 300 + "y", rows], colour=False).splitlines()[::2] == ["y " * 300 + "y", "x" * 500]


def test_the_cells_of_a_table_stand_below_their_titles() -> None:
    rows = table(("name", "n"), [("größer", "1"), (status_mark(DeviceStatus.FREE), "22"), ("網卡", "3")])
    assert page([rows], colour=False) == "name    n\ngrößer  1\nfree    22\n網卡    3\n"


def test_colour_is_there_only_when_asked_for() -> None:
    assert page([status_mark(DeviceStatus.FREE)], colour=True) == "\x1b[32mfree\x1b[0m\n"
    assert page([status_mark(DeviceStatus.FREE)], colour=False) == "free\n"


def test_every_status_has_a_mark_in_their_order() -> None:
    assert list(STATUS_STYLE) == list(DeviceStatus)


def test_what_looks_like_markup_is_text() -> None:
    assert page(["[bold]x[/bold] :smile: [link=http://a]"], colour=True) == "[bold]x[/bold] :smile: [link=http://a]\n"


def test_fields_are_attributes_and_what_a_terminal_would_obey_is_written_out() -> None:
    reply = {"claim_id": "\x1b[2Jx", "devices": ["a\x07", {"serial": None, "vf_number": 1}]}
    seen = SimpleNamespace(claim_id="\\x1b[2Jx", devices=["a\\x07", SimpleNamespace(serial=None, vf_number=1)])
    assert shown(reply) == seen
    assert shown("<a>\n</a>\t") == "<a>\n</a>\\t"
    assert shown({"domain": "<a>\x85</a>"}, harmless=False) == SimpleNamespace(domain="<a>\x85</a>")


@given(st.text())
def test_what_is_shown_is_printable_but_for_line_ends(untrusted: str) -> None:
    text = shown(untrusted)
    assert isinstance(text, str)
    assert text.replace("\n", "").isprintable()


def test_one_is_singular_and_the_unknown_is_a_dash() -> None:
    assert (counted(1, "device"), counted(0, "device")) == ("1 device", "0 devices")
    assert (unknown(None), unknown(""), unknown(0)) == ("-", "-", "0")
