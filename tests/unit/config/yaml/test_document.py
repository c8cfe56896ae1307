from __future__ import annotations

import time
from typing import Any

import pytest

from icesync.config import yaml_events
from icesync.config.yaml_document import Document, Quoted, SourceFile, parse_document
from icesync.diagnostics import SourcePosition


def _parse(text: str) -> Document:
    return parse_document(SourceFile("a.yaml", text.encode()))


def _places(text: str) -> list[tuple[str, int, int]]:
    found = _parse(text).problems
    return [(d.rule, d.position.line, d.position.column) for d in found]


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: 1\nb: [x, y]\nc: {d: e}", {"a": "1", "b": ["x", "y"], "c": {"d": "e"}}),
        ("a:\n  - b: 1\n    c: 2\n  - 3", {"a": [{"b": "1", "c": "2"}, "3"]}),
        ("- - 1\n  - 2\n- {}\n- []", [["1", "2"], {}, []]),
        ("a:\nb: ~", {"a": "", "b": "~"}),
        ("username: 0012", {"username": "0012"}),
        (
            "a: on\nb: 22:30\nc: 0o12\nd: 1_000",
            {"a": "on", "b": "22:30", "c": "0o12", "d": "1_000"},
        ),
        ("a: b\n  c", {"a": "b c"}),
        ("\ufeffa: 1", {"a": "1"}),
        ("a: 1\r\nb: 2\r\n", {"a": "1", "b": "2"}),
        ("---\na: 1\n...\n", {"a": "1"}),
        ("1: 2\ntrue: 3", {"1": "2", "true": "3"}),
        ("'a': 1", {"a": "1"}),
        ("# text\na: b #c", {"a": "b"}),
        ("just text", "just text"),
        ("---", ""),
    ],
)
def test_scalars_stay_text(text: str, data: Any) -> None:
    """Nothing is converted: a scalar is the text that was written."""
    document = _parse(text)

    assert document.problems == ()
    assert document.data == data


@pytest.mark.parametrize(
    ("text", "quoted"),
    [("a: 587", False), ("a: '587'", True), ('a: "587"', True), ("a: |-\n  587", True)],
    ids=["plain", "single", "double", "block"],
)
@pytest.mark.parametrize("before", ["", "x: &x 1\n"], ids=["quick", "careful"])
def test_quotes_are_remembered(text: str, quoted: bool, before: str) -> None:
    """A text that was quoted can be told from one that was not, by either reading."""
    value = _parse(before + text).data["a"]

    assert value == "587"
    assert (type(value) is Quoted) is quoted


@pytest.mark.parametrize(
    "text",
    [
        "a: &x [1, {b: 2}]\nc: *x",
        "a: &x 1\nb: *x\nc: *x",
        "a: &x {}\nb: &x []\nc: *x",
        "[" * 18 + "]" * 18,
        "a: 1\n" + "".join(f"k{n}: 1\n" for n in range(49_990)),
        "[" + "1," * 60_000 + "]",
    ],
    ids=["alias", "scalar alias", "anchor again", "deep", "wide mapping", "wide list"],
)
def test_unusual_documents_are_read_strictly(text: str) -> None:
    """What the quick reading gives up, within the limits, is data like any other."""
    document = _parse(text)

    assert document.problems == ()
    assert document.data is not None


def test_alias_stands_for_its_anchor() -> None:
    """An alias is the value of its anchor; its parts are placed where the alias stands."""
    document = _parse("a: &x {b: [1]}\nc: *x")

    assert document.data == {"a": {"b": ["1"]}, "c": {"b": ["1"]}}
    assert document.position(("c", "b", 0)) == SourcePosition("a.yaml", 2, 4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("# only text\n", ("ICE007", 1, 1), id="comments"),
        pytest.param("\ufeff", ("ICE007", 1, 1), id="BOM alone"),
        pytest.param("a: 1\nb: 2\na: 3", ("ICE106", 3, 1), id="key twice"),
        pytest.param("a: 1\n'a': 3", ("ICE106", 2, 1), id="key twice, quoted"),
        pytest.param("a: {b: 1, b: {b: 2}}", ("ICE106", 1, 11), id="key twice, nested"),
        pytest.param("a: 1\n---\nb: 2", ("ICE009", 2, 1), id="second document"),
        pytest.param("---\n---\n", ("ICE009", 2, 1), id="two empty documents"),
        pytest.param("a: !x 1", ("ICE009", 1, 4), id="tag"),
        pytest.param("a: !!python/name:os.system x", ("ICE009", 1, 4), id="python tag"),
        pytest.param("a: !!map {b: 1}", ("ICE009", 1, 4), id="tag of a mapping"),
        pytest.param("a: &x {b: 1}\nc:\n  <<: *x", ("ICE009", 3, 3), id="merge key"),
        pytest.param("[a, b]: 1", ("ICE009", 1, 1), id="list as a key"),
        pytest.param("? {a: 1}\n: 2", ("ICE009", 1, 3), id="mapping as a key"),
        pytest.param("a: &x 1\n*x : 2", ("ICE009", 2, 1), id="alias as a key"),
        pytest.param("a: *x", ("ICE009", 1, 4), id="alias without anchor"),
        pytest.param("a: &x [*x]", ("ICE009", 1, 8), id="list in itself"),
        pytest.param("a: &x {b: *x}", ("ICE009", 1, 11), id="mapping in itself"),
        pytest.param("[" * 33 + "]" * 33, ("ICE004", 1, 33), id="depth 33"),
        pytest.param("[" * 50_000, ("ICE004", 1, 33), id="depth 50,000"),
        pytest.param("[" * 1_000_000, ("ICE004", 1, 33), id="a million brackets"),
        pytest.param("{a: " * 50_000, ("ICE004", 1, 129), id="deep mappings"),
        pytest.param("{" * 1_000_000, ("ICE009", 1, 2), id="a million braces"),
        pytest.param("- " * 500_000, ("ICE004", 1, 65), id="half a million dashes"),
        pytest.param("? " * 500_000, ("ICE009", 1, 3), id="half a million keys"),
        pytest.param("[" + "1," * 100_000 + "]", ("ICE004", 1, 200_000), id="100,001 values"),
        pytest.param("a: " * 500_000, ("ICE006", 1, 5), id="half a million colons"),
        pytest.param("'" * 1_000_001, ("ICE006", 1, 1), id="a million quotes"),
        pytest.param('a: "x\\u202ey"', ("ICE003", 1, 4), id="bidi escape"),
        pytest.param('a: "x\\x1b[31m"', ("ICE003", 1, 4), id="terminal escape"),
        pytest.param('a: "x\\r\\nRCPT TO"', ("ICE003", 1, 4), id="CRLF escape"),
        pytest.param('a: "x\\Ny"', ("ICE003", 1, 4), id="NEL escape"),
        pytest.param("a: 'x\n\n  y'", ("ICE003", 1, 4), id="quoted line break"),
        pytest.param("a: |\n  x\n  y", ("ICE003", 1, 4), id="block of lines"),
        pytest.param("a: x\n\n  RCPT TO", ("ICE003", 1, 4), id="plain line break"),
        pytest.param("a: x\ty", ("ICE003", 1, 4), id="plain tab"),
        pytest.param("a: x\u00a0y", ("ICE003", 1, 4), id="no-break space"),
        pytest.param('"a\\nb": 1', ("ICE003", 1, 1), id="line break in a key"),
    ],
)
def test_bad_input_is_refused(text: str, expected: tuple[str, int, int]) -> None:
    """Each refusal has its rule and its place, and takes no more than moments."""
    before = time.process_time()

    places = _places(text)

    assert places in ([expected], [_in_libyaml(text)])
    assert time.process_time() - before < 20


def _in_libyaml(text: str) -> tuple[str, int, int] | None:
    """Return where libyaml 0.2.6 and newer, whose own limit is 1,000 levels, may stop first."""
    deep = text[0] in "[{" and len(text) >= 50_000
    return ("ICE004", 1, 1000 * (4 if text[1] == "a" else 1) + 1) if deep else None


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{chr(c)}: &{chr(c)} [{','.join(9 * [f'*{chr(c - 1)}'])}]\n" for c in range(98, 107)
        ),
        "a: &a {b: c}\nd: [" + "*a," * 10_000 + "]",
    ],
    ids=["nested", "flat"],
)
def test_alias_bomb_is_refused(text: str) -> None:
    """Aliases that expand beyond their budget are refused before anything is built."""
    [finding] = _parse(text).problems

    assert (finding.rule, finding.message) == ("ICE004", "aliases expand to too many values")


def test_both_lines_of_a_key_given_twice_are_named() -> None:
    """The message names the first line and the second."""
    [finding] = _parse("x: 1\nport: 1\ny: 2\nport: 2").problems

    assert finding.message == "`port` is given twice, lines 2 and 4"


def test_unquoted_password_in_braces_is_not_quoted() -> None:
    """What stands below `password` is named nowhere, even where YAML sees keys in it."""
    [finding] = _parse("password: {hunter2, hunter2}").problems

    assert finding.message == "a key is given twice, lines 1 and 1"


def test_key_given_twice_cannot_break_the_message() -> None:
    """A key with a line break is shown escaped."""
    messages = [d.message for d in _parse('"a\\n::b": 1\n"a\\n::b": 2').problems]

    assert "`a\\n::b` is given twice, lines 1 and 2" in messages


def test_all_problems_of_a_file_are_found() -> None:
    """The careful reading goes on after a problem that leaves the structure sound."""
    places = _places('a: 1\na: {b: [2]}\nc: !x 3\n<<: {d: 4}\ne: "\\t"\nf: &y 5\ng: *y')

    assert places == [("ICE106", 2, 1), ("ICE009", 3, 4), ("ICE009", 4, 1), ("ICE003", 5, 4)]


def test_text_is_checked_before_it_is_parsed() -> None:
    """A file with strange characters is not given to the parser."""
    places = _places("a: [\n# \u202e\n")

    assert places == [("ICE003", 2, 3)]


def test_foreign_exception_of_the_parser_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the parser raises becomes a finding that quotes nothing."""

    def fail(_: bytes) -> None:
        raise ValueError("hunter2")

    monkeypatch.setattr(yaml_events, "read_events", fail)
    [finding] = _parse("- - hunter2").problems

    assert (finding.rule, finding.message) == ("ICE006", "invalid YAML")


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        ((), 2, 1),
        (("a",), 2, 4),
        (("b",), 4, 3),
        (("b", 0), 4, 5),
        (("b", 0, "c"), 4, 8),
        (("b", 1), 5, 5),
        (("b", 0, "missing"), 4, 5),
        (("missing", 3, "port"), 2, 1),
    ],
)
def test_value_has_a_place(path: tuple[str | int, ...], line: int, column: int) -> None:
    """A value stands where it begins; what is missing stands at its nearest parent."""
    document = _parse("# text\na: 1\nb:\n  - c: 2\n  - d")

    assert document.position(path) == SourcePosition("a.yaml", line, column)


def test_key_has_a_place() -> None:
    """A finding about a key points at the key, not at its value."""
    document = _parse("a: 1\nb: {c: 2}")

    assert document.key_position(("b", "c")) == SourcePosition("a.yaml", 2, 5)


def test_document_knows_its_file() -> None:
    """The path of a document is that of its source."""
    assert _parse("a: 1").file == "a.yaml"
