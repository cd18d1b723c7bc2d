# SPDX-License-Identifier: Apache-2.0
"""Mistakes as text: where, the operator's words, the fault underlined, what would be right."""

from hypothesis import given
from hypothesis import strategies as st

from pcipt_agent.errors import Mistake, Notice
from pcipt_agent.views.mistakes import MAX_WIDTH, finding_line, finding_text, mistakes_text, notices_text
from tests.support.rules import spec_mistakes


def mistake(source: str | None, span: tuple[int, int] | None, remedy: str = "right") -> Mistake:
    return Mistake("[pci] alias", 3, None, "is wrong", remedy, source, span)


def test_the_fault_is_underlined_and_the_entry_shown_as_it_must_be_written() -> None:
    assert mistakes_text(spec_mistakes('{"vendor_idd": "8086"}')) == (
        '[pci] device_spec, entry 1, key "vendor_idd": no such key; did you mean "vendor_id"?\n'
        '    {"vendor_idd": "8086"}\n'
        "     ^^^^^^^^^^^^\n"
        '    write: {"vendor_id": "8086"}'
    )


def test_mistakes_stand_one_below_the_other() -> None:
    text = mistakes_text(spec_mistakes('{"vendor_id": "x"}', '{"managed": "maybe"}'))
    assert [line for line in text.splitlines() if not line.startswith(" ")] == [
        '[pci] device_spec, entry 1, key "vendor_id": is no hex number',
        '[pci] device_spec, entry 2, key "managed": is neither true nor false',
    ]


def test_a_clause_is_what_is_expected() -> None:
    assert finding_text(mistake(None, None)) == "[pci] alias, entry 3: is wrong\n    expected: right"


def test_an_options_line_is_shown_to_be_copied() -> None:
    text = finding_text(mistake(None, None, "device_spec = {}\ndevice_spec = []"))
    assert text.splitlines()[1:] == ["    write: device_spec = {}", "           device_spec = []"]


def test_a_notice_is_called_one() -> None:
    notice = Notice("[pci] alias", None, "name", "is odd", "another")
    assert notices_text([notice]) == 'notice: [pci] alias, key "name": is odd\n    expected: another'


def test_of_several_lines_the_one_at_fault_is_underlined() -> None:
    source = '{"a": 1,\n"b": 2}'
    assert finding_text(mistake(source, (9, 12))).splitlines()[1:4] == ['    {"a": 1,', '    "b": 2}', "    ^^^"]


def test_wide_characters_are_underlined_in_columns() -> None:
    assert finding_text(mistake("中文 x", (0, 2))).splitlines()[2] == "    ^^^^"


def test_a_tab_and_a_control_character_can_not_move_the_underline() -> None:
    lines = finding_text(mistake("\t\x1b[31m x", (7, 8))).splitlines()
    assert lines[1] == "     \N{REPLACEMENT CHARACTER}[31m x"
    assert lines[2] == "           ^"


def test_of_a_long_line_the_part_around_the_fault_is_shown() -> None:
    source = "a" * 500 + "FAULT" + "b" * 500
    _, shown, marks, _ = finding_text(mistake(source, (500, 505))).splitlines()
    assert len(shown) <= MAX_WIDTH + 6
    assert shown[marks.index("^") : marks.rindex("^") + 1] == "FAULT"


@given(st.text(max_size=300), st.integers(0, 300), st.integers(0, 300))
def test_any_text_can_be_shown(source: str, start: int, length: int) -> None:
    start = min(start, len(source))
    lines = finding_text(mistake(source, (start, start + length))).split("\n")
    assert sum(set(line.strip()) == {"^"} for line in lines) >= 1
    assert all(line.isprintable() for line in lines)


def test_a_line_for_the_log_says_all_on_one_line() -> None:
    notice = Notice("[pci] alias", 2, "name", "is entry 1", "one of the two", '{"name": "a",\n "vendor_id": "8086"}')
    assert finding_line(notice) == (
        '[pci] alias, entry 2, key "name": is entry 1; expected: one of the two (in {"name": "a", "vendor_id": "8086"})'
    )
    assert finding_line(Notice("[pci] x", None, None, "is an old name", "[pci] y")) == "[pci] x: is an old name; expected: [pci] y"
