"""What Json.NET reads beyond the standard, and what it does not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icesync.emulator.loosejson import MAX_DEPTH, Members, Number, _LooseReader, read_json

READ = [
    ("{'a': 'b'}", Members([("a", "b")])),
    ('{a: 1, $b_2: "x"}', Members([("a", "1"), ("$b_2", "x")])),
    ('{"a": 1,}', Members([("a", "1")])),
    ("[1, 2,]", ["1", "2"]),
    ('/* one */ {"a": // two\n 1}', Members([("a", "1")])),
    ('{"a":\xa0true}', Members([("a", True)])),
    ('{"a": undefined}', Members([("a", None)])),
    ('{"a": 0x1F, "b": 010}', Members([("a", "0x1F"), ("b", "010")])),
    ('{"a": 1, "a": 2}', Members([("a", "1"), ("a", "2")])),
    ("{'it\\'s': '\\u00e9\\n\\/'}", Members([("it's", "é\n/")])),
    ("'\\ud83d\\ude00'", "😀"),
    ('"line\nbreak"', "line\nbreak"),
    ("{}", Members()),
    ("[]", []),
]
REFUSED = [
    "", "{", "[", "{a", "{a:", "{a:1", "{a:1 b:2}", "{,}", "[,]", "[1 2]", '"open', "'\\", "'\\x'",
    "'\\u12'", "nope", "+1", "1.2.3", "{} {}", "\u201cOrgId\u201d", '{"a" = 1}', "/* open",
]  # fmt: skip

json_values = st.recursive(
    st.none() | st.booleans() | st.text() | st.integers().map(lambda n: Number(str(n))),
    lambda inner: st.lists(inner) | st.lists(st.tuples(st.text(), inner)).map(Members),
    max_leaves=12,
)


@pytest.mark.parametrize(("text", "expected"), READ)
def test_reads_what_the_standard_forbids(text: str, expected: object) -> None:
    """Loose spellings mean what they seem to mean."""
    assert read_json(text) == expected


@pytest.mark.parametrize("text", REFUSED)
def test_refuses_what_is_no_value(text: str) -> None:
    """Text that even Json.NET does not read raises ValueError."""
    with pytest.raises(ValueError, match="expected"):
        read_json(text)


def test_numbers_keep_their_text() -> None:
    """A number is its literal, so that a string member can keep it."""
    number = read_json("587.00")

    assert (number, type(number)) == ("587.00", Number)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_nests_no_deeper_than_the_limit(opening: str) -> None:
    """One level more than Json.NET allows is refused."""
    with pytest.raises(ValueError, match=f"at most {MAX_DEPTH} levels"):
        read_json(opening * (MAX_DEPTH + 1) + "1")


def test_reads_up_to_the_limit() -> None:
    """As many levels as Json.NET allows are read, also by the loose reader."""
    text = "[" * MAX_DEPTH + "0x1" + "]" * MAX_DEPTH

    assert isinstance(read_json(text), list)


def spell(value: object) -> str:
    """Return *value* as strict JSON."""
    if isinstance(value, Members):
        return "{" + ",".join(f"{json.dumps(name)}: {spell(v)}" for name, v in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(spell(item) for item in value) + "]"
    return str(value) if isinstance(value, Number) else json.dumps(value)


@settings(max_examples=60, database=None, deadline=None)
@given(json_values)
def test_both_readers_agree_on_strict_text(value: object) -> None:
    """The loose reader gives what the fast one gives."""
    assert _LooseReader(spell(value)).read() == read_json(spell(value)) == value
