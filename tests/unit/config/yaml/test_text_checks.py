from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from icesync.config.yaml_document import (
    MAX_BYTES,
    SourceFile,
    check_text,
    find_escape,
    name_character,
    show_key,
)

if TYPE_CHECKING:
    from icesync.diagnostics import Diagnostic

BOM = b"\xef\xbb\xbf"


def _check(data: bytes) -> tuple[Diagnostic, ...]:
    return check_text(SourceFile("a.yaml", data))


def _places(data: bytes) -> list[tuple[str, int, int]]:
    return [(d.rule, d.position.line, d.position.column) for d in _check(data)]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"a: 1\n", id="ASCII"),
        pytest.param(b"a: 1\r\nb: 2\r\n", id="CRLF"),
        pytest.param(b"a: 1 \t# tab in a comment\n", id="tab"),
        pytest.param(BOM + b"a: 1\n", id="BOM"),
        pytest.param(BOM + "a: é\n".encode(), id="BOM and an accent"),
        pytest.param("name: Zoë, 東京, Привет 🎉\n".encode(), id="letters of the world"),
        pytest.param(b"a: '<<<<<<< not at the start of a line'\n", id="not a conflict"),
        pytest.param(b"a" * MAX_BYTES, id="largest"),
    ],
)
def test_ordinary_text_passes(data: bytes) -> None:
    """A text in UTF-8 without strange characters is the parser's business."""
    findings = _check(data)

    assert findings == ()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"", ("ICE007", 1, 1), id="nothing"),
        pytest.param(b" \n\r\n\t", ("ICE007", 1, 1), id="blanks"),
        pytest.param(b"a" * (MAX_BYTES + 1), ("ICE004", 1, 1), id="too large"),
        pytest.param(b"a: 1\nb: \xe9\n", ("ICE002", 2, 4), id="Latin-1"),
        pytest.param("é: ".encode() + b"\xff", ("ICE002", 1, 4), id="columns count characters"),
        pytest.param(BOM + b"\xff", ("ICE002", 1, 1), id="after a BOM"),
        pytest.param("a: 1\n".encode("utf-16"), ("ICE002", 1, 1), id="UTF-16"),
        pytest.param(b"a: \xed\xa0\x80", ("ICE002", 1, 4), id="surrogate"),
        pytest.param(b"a: 1\n<<<<<<< HEAD\n", ("ICE005", 2, 1), id="ours"),
        pytest.param(b"a: 1\n||||||| base\n", ("ICE005", 2, 1), id="base"),
        pytest.param(b"a: 1\r\n>>>>>>> branch\r\n", ("ICE005", 2, 1), id="theirs"),
    ],
)
def test_unreadable_text_is_refused_once(data: bytes, expected: tuple[str, int, int]) -> None:
    """What no parser may see is one finding, with the place where it begins."""
    places = _places(data)

    assert places == [expected]


@pytest.mark.parametrize(
    ("character", "name"),
    [
        ("\x00", "U+0000"),
        ("\x07", "U+0007"),
        ("\x1b", "U+001B"),
        ("\x7f", "U+007F"),
        ("\x85", "U+0085"),
        ("\x9b", "U+009B"),
        ("\xad", "U+00AD SOFT HYPHEN"),
        ("\u200b", "U+200B ZERO WIDTH SPACE"),
        ("\u200d", "U+200D ZERO WIDTH JOINER"),
        ("\u2028", "U+2028 LINE SEPARATOR"),
        ("\u2029", "U+2029 PARAGRAPH SEPARATOR"),
        ("\u202e", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("\u2066", "U+2066 LEFT-TO-RIGHT ISOLATE"),
        ("\ufeff", "U+FEFF ZERO WIDTH NO-BREAK SPACE"),
        ("\ue000", "U+E000"),
        ("\uffff", "U+FFFF"),
        ("\U000e0001", "U+E0001 LANGUAGE TAG"),
    ],
)
def test_deceiving_character_is_named(character: str, name: str) -> None:
    """A control, bidi or invisible character is refused by code point, in comments too."""
    [finding] = _check(f"a: 1\n# é{character}\n".encode())

    assert (finding.rule, finding.position.line, finding.position.column) == ("ICE003", 2, 4)
    assert finding.message == f"the character {name} is not allowed"


def test_every_strange_character_is_found() -> None:
    """One finding for each strange character, in reading order."""
    places = _places("a\u200bb\u200b\nc: \u202e\n".encode())

    assert places == [("ICE003", 1, 2), ("ICE003", 1, 4), ("ICE003", 2, 4)]


def test_flood_of_strange_characters_is_cut() -> None:
    """A file full of strange characters costs no more time and memory than a bad one."""
    before = time.process_time()

    findings = _check(("\u202e" * 600_000).encode())

    assert len(findings) == 100
    assert time.process_time() - before < 5


def test_nameless_character_has_its_code_point() -> None:
    """A character without a name is told by its code point alone."""
    assert name_character("\x01") == "U+0001"


@pytest.mark.parametrize(
    ("key", "shown"),
    [("port", "port"), ("a\nb\u202e", "a\\nb\\u202e"), ("k" * 100, "k" * 60)],
    ids=["plain", "escaped", "cut"],
)
def test_key_is_shown_on_one_short_line(key: str, shown: str) -> None:
    """A key in a message can neither break the line nor fill the screen."""
    assert show_key(key) == shown


@pytest.mark.parametrize(
    ("raw", "character", "escape"),
    [
        (r'"CORP\billing"', "\b", r"\b"),
        (r'"CORP\tom"', "\t", r"\t"),
        (r'"CORP\eva"', "\x1b", r"\e"),
        (r'"CORP\\billing\r"', "\r", r"\r"),
        (r'"CORP\\billing\x08"', "\b", ""),
        (r'"CORP\u0008"', "\b", ""),
    ],
)
def test_escape_that_made_a_character(raw: str, character: str, escape: str) -> None:
    """The escape of a letter is found; a backslash that is escaped itself begins none."""
    assert find_escape(raw, character) == escape
