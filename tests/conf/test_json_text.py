# SPDX-License-Identifier: Apache-2.0
"""JSON with spans, and what operators write for JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcipt_agent.conf.json_text import Array, Node, Object, Scalar, parse, written

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4),
    max_leaves=12,
)


def plain(node: Node) -> object:
    """The value that json.loads would give."""
    match node:
        case Scalar(value=value):
            return value
        case Array(items=items):
            return [plain(item) for item in items]
        case Object(members=members):
            return {member.key: plain(member.value) for member in members}


@given(JSON_VALUES, st.sampled_from([None, 2]))
def test_json_means_what_the_standard_library_says(value: object, indent: int | None) -> None:
    parsed = parse(json.dumps(value, indent=indent))
    assert parsed.faults == ()
    assert parsed.node is not None
    assert plain(parsed.node) == value


@given(st.text() | st.text(alphabet="{}[]\"':,ab01 .\\\n“”‘\ud800"))
def test_any_text_is_a_node_or_has_a_fault_within_it(text: str) -> None:
    parsed = parse(text)
    assert parsed.node is not None or parsed.faults
    for fault in parsed.faults:
        assert 0 <= fault.span[0] < fault.span[1] <= max(len(text) + 1, 1)


@given(st.text(alphabet="{}[]\"':,ab01 .\\\n“”‘"))
def test_without_a_fault_it_is_json(text: str) -> None:
    parsed = parse(text)
    if parsed.node is not None and not parsed.faults:
        assert plain(parsed.node) == json.loads(text)


@given(st.text(alphabet="{}[]\"':,ab01 .\\\n“”‘"))
def test_what_is_written_back_is_json(text: str) -> None:
    parsed = parse(text)
    if parsed.node is not None:
        again = parse(written(parsed.node))
        assert again.faults == ()


@pytest.mark.parametrize(
    ("text", "meant", "fault", "underlined"),
    [
        ("{'a': 'b'}", '{"a": "b"}', "single quotes: JSON has double quotes only", "'a'"),
        ("{“a”: 1}", '{"a": 1}', "typographic quotes: JSON has double quotes only", "“a”"),
        ('{managed: "no"}', '{"managed": "no"}', "a key without its double quotes", "managed"),
        ('{"a": 10de}', '{"a": "10de"}', "a text without its double quotes", "10de"),
        ('{"a": 0443}', '{"a": "0443"}', "a text without its double quotes", "0443"),
        ('{"a": 0000:3b:00.1}', '{"a": "0000:3b:00.1"}', "a text without its double quotes", "0000:3b:00.1"),
        ('{"a": True}', '{"a": true}', "True is Python's spelling", "True"),
        ('{"a": None}', '{"a": null}', "None is Python's spelling", "None"),
        ('{"a": 1,}', '{"a": 1}', "a comma after the last item", ","),
        ('{"a": 1 "b": 2}', '{"a": 1, "b": 2}', "a comma is missing", ' "'),
        ('{"a" = 1}', '{"a": 1}', "an equals sign instead of a colon", "="),
        ('{"a": 1', '{"a": 1}', "the closing } is missing", "{"),
        ('{"a": 1, "a": 2}', '{"a": 2}', 'key "a" is given twice', '"a"'),
        ('{"a": "x\ny"}', '{"a": "x\\ny"}', "a line break, a control character or an unknown escape inside a text", '"x\ny"'),
        ('{"a":\u00a01}', '{"a": 1}', "a space that is none in JSON (no-break space or byte order mark)", "\u00a0"),
    ],
)
def test_what_people_write_for_json_is_understood_and_noted(text: str, meant: str, fault: str, underlined: str) -> None:
    parsed = parse(text)
    assert parsed.node is not None
    assert written(parsed.node) == meant
    first = parsed.faults[0]
    assert first.problem == fault
    last = len(text) if underlined not in text[first.span[0] :] else first.span[1]
    assert text[first.span[0] : last] == underlined


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "is empty: an object in braces is expected"),
        ("   ", "is empty: an object in braces is expected"),
        ('{"a" 1}', 'a colon is expected after the key "a"'),
        ('{"a": ', "ends where a value is expected"),
        ('{"a": "b}', "the closing quote of this text is missing"),
        ("{}{}", "more text after the end: one object, or a list of objects in brackets, is expected"),
        ("[" * 5000, "is nested too deeply"),
    ],
)
def test_what_makes_no_sense_has_a_fault_and_no_node(text: str, fault: str) -> None:
    parsed = parse(text)
    assert parsed.node is None
    assert parsed.faults[-1].problem == fault


def test_spans_are_those_of_the_text() -> None:
    text = ' {"a": [1, "bc"], "d": {}}'
    node = parse(text).node
    assert isinstance(node, Object)
    first, second = node.members
    assert text[slice(*node.span)] == text.strip()
    assert text[slice(*first.key_span)] == '"a"'
    assert text[slice(*first.value.span)] == '[1, "bc"]'
    assert text[slice(*second.value.span)] == "{}"
