from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icesync.model.imported import Cell, Raw, Record
from icesync.sheet.printed import looks_printed, read_printed


def plain(value: Raw) -> Any:
    """Return what was read as dicts and lists."""
    if isinstance(value, Record):
        return {cell.name: plain(cell.value) for cell in value.cells}
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def read(text: str) -> list[Any]:
    """Return the objects in *text*, which must be readable."""
    records, slips = read_printed(text)
    assert slips == ()
    return [plain(record) for record in records]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": "1"}', [{"a": "1"}]),
        ('{"a": 587, "b": -1.5e3, "c": true, "d": false, "e": null}',
         [{"a": "587", "b": "-1.5e3", "c": "true", "d": "false", "e": None}]),
        ('[{"a": "1"}, {"a": "2"}]', [{"a": "1"}, {"a": "2"}]),
        ('{"a": "1"}\n{"a": "2"}\n', [{"a": "1"}, {"a": "2"}]),
        ('[{"a": "1"},]', [{"a": "1"}]),
        ('{"a": "1",}', [{"a": "1"}]),
        ("{}", [{}]),
        ("[]", []),
        ('{"a": {"b": ["c", {"d": "e"}, []]}}', [{"a": {"b": ["c", {"d": "e"}, []]}}]),
        ('{"a": "\\u00fc\\n\\""}', [{"a": 'ü\n"'}]),
        ("\ufeff{\u00a0“a”\u00a0:\u00a0“b c”\u200b}", [{"a": "b c"}]),
        ("{„a“: ″b″}", [{"a": "b"}]),
        ("{“a”: “\\u00fc \\\\”}", [{"a": "ü \\"}]),
        ('{"a": "“b”"}', [{"a": "“b”"}]),
        ('{"a": "tab\there"}', [{"a": "tab\there"}]),
    ],
)  # fmt: skip
def test_bodies_are_read_as_people_have_them(text: str, found: list[Any]) -> None:
    """One, a list, one a line, or as a page prints them; numbers keep their letters."""
    assert read(text) == found


def test_every_member_has_its_place() -> None:
    """Lines and columns count from 1."""
    [record], _ = read_printed('\n  {"a": "1",\n   "b": 2}')

    assert (record.line, record.column) == (2, 3)
    assert record.cells == (Cell("a", "1", 2, 4), Cell("b", "2", 3, 4))


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ('{"a": 1 "b": 2}', (1, 9), "expected `,` or `}`"),
        ('{"a" 1}', (1, 6), "expected `:` after a name"),
        ('{"a": }', (1, 7), "expected a string in quotes or a value"),
        ("{a: 1}", (1, 2), "expected a string in quotes or a value"),
        ('{"a": 01x}', (1, 7), "expected a string in quotes or a value"),
        ('{"a": "b', (1, 7), "a string with an invalid escape, or without a closing quote"),
        ("{“a”: “b", (1, 7), "a string without a closing quote"),
        ('{"a": "\\q"}', (1, 7), "a string with an invalid escape, or without a closing quote"),
        ("{“a”: “\\q”}", (1, 7), "a string with an invalid escape, or without a closing quote"),
        ('{"a": [1 2]}', (1, 10), "expected `,` or `]`"),
        ('{"a": 1', (1, 8), "expected `,` or `}`"),
        ("[1]", (1, 2), "expected an object, `{`"),
        ("[{}]]", (1, 5), "expected an object, `{`"),
        ('[{"a": 1}', (1, 1), "a list that is never closed"),
        ('{"a":' * 40, (1, 166), "more than 32 levels"),
    ],
)
def test_what_is_malformed_is_told_by_place(text: str, place: tuple[int, int], told: str) -> None:
    """The place, and what was expected there; nothing of the text."""
    _, [slip] = read_printed(text)

    assert (slip.line, slip.column, slip.message) == (*place, f"not valid JSON: {told}")


def test_reading_goes_on_behind_what_is_malformed() -> None:
    """Every problem of a file is told in one run."""
    records, slips = read_printed('{"a": 1}\n{"b" 1}\n {"c": 1}\n{"d": ]}\n')

    assert [plain(record) for record in records] == [{"a": "1"}, {"c": "1"}]
    assert [(slip.line, slip.column) for slip in slips] == [(2, 6), (4, 7)]


@pytest.mark.parametrize(
    ("text", "printed"),
    [("{}", True), ("\ufeff \u00a0[", True), ("OrgId,SkillId", False), ("", False)],
)
def test_bodies_open_with_a_bracket(text: str, *, printed: bool) -> None:
    """Everything else is a table."""
    assert looks_printed(text) is printed


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def as_text(value: Any) -> Any:
    """Return *value* with scalars as the texts that JSON writes."""
    if isinstance(value, dict):
        return {key: as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_text(item) for item in value]
    return value if isinstance(value, str | None) else json.dumps(value)


@given(st.lists(st.dictionaries(st.text(), VALUES, max_size=4), min_size=1, max_size=4), st.data())
def test_all_json_is_read(objects: list[Any], data: st.DataObject) -> None:
    """Whatever the standard library writes, in whatever layout, is read as it was."""
    indent = data.draw(st.sampled_from([None, 2]))
    lines = "\n".join(json.dumps(o, ensure_ascii=data.draw(st.booleans())) for o in objects)
    text = data.draw(st.sampled_from([json.dumps(objects, indent=indent), lines]))

    assert read(text) == [as_text(o) for o in objects]


@given(st.text(alphabet='{}[],:"\\“”ae1 \n\u00a0', max_size=40))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Whatever comes, it is read or told by a place that exists."""
    _, slips = read_printed(text)

    assert all(1 <= s.line <= text.count("\n") + 1 and s.column >= 1 for s in slips)


@pytest.mark.parametrize("text", ["it's", 'a "b"', "\\", "a\nb", "'", "\\'", 'ü"\\"'])
def test_what_python_prints(text: str) -> None:
    """A dict that somebody copied from a log is read to the letter, or not at all."""
    [record], slips = read_printed(repr({"a": text, "b": [True, False, None, 1]}))

    assert slips == ()
    assert plain(record) == {"a": text, "b": ["True", "False", None, "1"]}
