from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icesync.render.style import Style, columns, fold, quote, safe


@pytest.mark.parametrize(
    "text", ["", "Support EU", "Büro für Ärger", "密码", "C:\\x", "a: b", "a::b", "# x", "##x", ":"]
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    """What can be printed and commands nothing is shown as it is."""
    assert safe(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", r"\u{1b}[31m"),
        ("a\nb\r", r"a\u{a}b\u{d}"),
        ("\u202eevil", r"\u{202e}evil"),
        ("\u200b", r"\u{200b}"),
        ("\ud800", r"\u{d800}"),
        ("\U000e0041", r"\u{e0041}"),
        ("::error::x", r"\u{3a}:error::x"),
        ("  ::add-mask::x", r"  \u{3a}:add-mask::x"),
        ("##[error]x", r"#\u{23}[error]x"),
        ("x ##[error]", r"x #\u{23}[error]"),
        ("####[x]", r"###\u{23}[x]"),
        ("##vso[task]", r"#\u{23}vso[task]"),
    ],
    ids=ascii,
)
def test_commands_and_escapes_are_broken_up(text: str, shown: str) -> None:
    """Terminals and CI runners see text, and so does the reader."""
    assert safe(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [("x", '"x"'), ("", '""'), ('a"b', r'"a\"b"'), ("a\\b", r'"a\\b"'), ("\n", r'"\u{a}"')],
    ids=ascii,
)
def test_quoted_text_shows_its_ends(text: str, shown: str) -> None:
    """Blanks at the end and quotes inside can be told."""
    assert quote(text) == shown


@given(st.text(st.characters(codec=None) | st.sampled_from(":#[]\n\x1b")))
def test_any_text_is_one_inert_line(text: str) -> None:
    """Nothing gets through that is not printable or that commands something."""
    shown = safe(text)

    assert shown.isprintable()
    assert not shown.lstrip().startswith("::")
    assert "##[" not in shown
    assert "##vso[" not in shown


@given(st.text(st.sampled_from("a :#[]\u2028\x1b")))
def test_safe_text_is_safe_already(text: str) -> None:
    """Escaping twice is escaping once."""
    assert safe(safe(text)) == safe(text)


def test_colour_wraps_the_text() -> None:
    """One escape in front, one behind."""
    assert Style(colour=True).paint("x", "red", "bold") == "\x1b[31;1mx\x1b[0m"


@pytest.mark.parametrize(
    ("style", "text", "names"),
    [(Style(), "x", ("red",)), (Style(colour=True), "", ("red",)), (Style(colour=True), "x", ())],
    ids=["no colour", "no text", "no name"],
)
def test_what_needs_no_colour_gets_none(style: Style, text: str, names: tuple[str, ...]) -> None:
    """Nothing is wrapped around nothing."""
    assert style.paint(text, *names) == text


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("plan", 4), ("Büro", 4), ("密码", 4), ("a\u0301", 1), ("\x1b[1;31mred\x1b[0m", 3)],
)
def test_columns(text: str, width: int) -> None:
    """A Chinese letter takes two columns; an accent on its own, and colours, take none."""
    assert columns(text) == width


@pytest.mark.parametrize(
    ("text", "width", "folded"),
    [
        ("one two three", 9, "one two\n    three"),
        ("  one two three", 11, "  one two\n      three"),
        ("one two", 7, "one two"),
        ("one two", 0, "one two"),
        ("short\none two three\n", 9, "short\none two\n    three\n"),
        ("a-word-that-fits-nowhere and more", 9, "a-word-that-fits-nowhere\n    and\n    more"),
        ("one  two", 7, "one\n    two"),
        ("密码 密码", 8, "密码\n    密码"),
    ],
)
def test_fold(text: str, width: int, folded: str) -> None:
    """Lines go on below their own text; a word that fits nowhere stays where it is."""
    assert fold(text, width) == folded


def test_fold_does_not_see_colours() -> None:
    """Escapes take no room, and are not lost."""
    line = Style(colour=True).paint("one two", "red")

    assert fold(f"{line} three", 9) == f"{line}\n    three"


@given(st.text(alphabet="ab 密\n", max_size=80), st.integers(1, 30))
def test_fold_keeps_all_words_in_their_order(text: str, width: int) -> None:
    """Nothing but blanks changes, and no line is too wide that has a blank to break at."""
    folded = fold(text, width)

    assert folded.split() == text.split()
    for line in folded.split("\n"):
        indent = len(line) - len(line.lstrip(" "))
        assert columns(line) <= width or max(map(columns, line.split())) > width - indent - 4


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("twice, here and at servers/a.yaml:4:5", "twice, here and at ../servers/a.yaml:4:5"),
        ("(servers/a.yml:4), so both", "(../servers/a.yml:4), so both"),
        ("`a.yaml` has no line; smtp.example.com:587 is a host", None),
        ("run `icesync fmt servers/a.yaml`", None),
    ],
)
def test_places_in_sentences(text: str, shown: str | None) -> None:
    """A file that a line number follows is named from where the reader stands."""
    style = Style(named=lambda name: f"../{name}")

    assert style.sentence(text) == (shown or text)
    assert Style().sentence(text) == text
