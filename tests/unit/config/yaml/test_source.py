from __future__ import annotations

import pytest
import yaml

from icesync.config.yaml_document import (
    Quoted,
    SourceFile,
    parse_document,
)
from icesync.config.yaml_events import open_parser, yaml_problem
from icesync.errors import ConfigMalformed


def _refused(text: str) -> tuple[str, int, int, str]:
    [finding] = parse_document(SourceFile("a.yaml", text.encode())).problems
    return finding.rule, finding.position.line, finding.position.column, finding.message


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a: @b", 1, 4, "a character that cannot start a value"),
        ("a: `b`", 1, 4, "a character that cannot start a value"),
        ("a: %b", 1, 4, "a character that cannot start a value"),
        ("a: b: c", 1, 5, "an unexpected colon"),
        ("a: 1\nb\nc: 2", 2, 1, "a key without a colon"),
        ("a: 1\n  b: 2", 2, 4, "an unexpected colon"),
        ("- 1\nb: 2", 2, 1, "the indentation does not match the list above"),
        ("  a: 1\n b: 2", 2, 2, "unexpected text after the end of the document"),
        ("a:\n    b: 1\n  c: 2", 3, 3, "the indentation does not match the lines above"),
        ("'a' b", 1, 5, "unexpected text after the end of the document"),
        ("a: 'b' c", 1, 8, "unexpected text after a value"),
        ("a: [1\nb: 2", 1, 4, "an unclosed bracket, still open at the end"),
        ("a: 'b", 1, 4, "an unclosed quote"),
        ('a: "\\q"', 1, 5, "an unknown escape sequence"),
        ("a: !x!y z", 1, 4, "an unknown tag"),
        ("a: *", 1, 5, "a `*` or `&` that is not an alias"),
        ("a: &", 1, 5, "a `*` or `&` that is not an alias"),
    ],
)
def test_broken_yaml_is_told_in_our_words(text: str, line: int, column: int, words: str) -> None:
    """What libyaml refuses has its place, and a sentence that quotes nothing."""
    found = _refused(text)

    assert found == ("ICE006", line, column, f"invalid YAML: {words}")


@pytest.mark.parametrize(
    ("text", "line"),
    [("a:\n\tb: 1", 2), ("a:\n  b: 1\n \tc: 2", 3)],
    ids=["only a tab", "a tab after a blank"],
)
def test_tab_in_the_indentation_is_named(text: str, line: int) -> None:
    """A tab at the start of a line is told as such, whatever libyaml stumbles over."""
    rule, at, _, message = _refused(text)

    assert (rule, at, message) == ("ICE006", line, "a tab in the indentation")


def test_foreign_version_of_yaml_is_refused() -> None:
    """A refusal of libyaml that has no words of ours still has rule and place."""
    found = _refused("%YAML 2.0\n---\na: 1")

    assert found == ("ICE006", 1, 1, "invalid YAML")


@pytest.mark.parametrize("error", [ValueError("secret"), KeyError("secret"), yaml.YAMLError()])
def test_error_without_a_place_is_at_the_start(error: Exception) -> None:
    """Errors that are not libyaml's own have no mark; their text is never shown."""
    finding = yaml_problem(SourceFile("a.yaml", b""), error)

    assert (finding.rule, finding.message) == ("ICE006", "invalid YAML")
    assert str(finding.position) == "a.yaml:1:1"


def test_missing_libyaml_is_no_fault_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """What libyaml is needed for cannot be read, and the hint is a command, not a finding."""
    monkeypatch.delattr(yaml, "CBaseLoader")

    with pytest.raises(ConfigMalformed) as caught:
        parse_document(SourceFile("a.yaml", b"- - a"))

    assert "libyaml" in caught.value.message
    assert caught.value.hints[0].startswith("pip install")


def test_quoted_text_equals_its_text() -> None:
    """A quoted scalar is an ordinary text that remembers its quotes."""
    assert Quoted("587") == "587"


def test_parser_gives_events() -> None:
    """The parser over some bytes starts with the start of the stream."""
    event = open_parser(b"a: 1").get_event()

    assert type(event).__name__ == "StreamStartEvent"
