from __future__ import annotations

from icesync.render.style import Style, render_diff


def test_difference_is_a_unified_diff() -> None:
    """What changes is shown as everywhere, with the file's name on top."""
    shown = render_diff("a.yaml", "x: 1\ny: 2\n", "x: 1\ny: 3\n", Style())

    assert shown == "--- a.yaml\n+++ a.yaml\n@@ -1,2 +1,2 @@\n x: 1\n-y: 2\n+y: 3\n"


def test_difference_is_painted() -> None:
    """Colours follow the signs, on a terminal."""
    shown = render_diff("a.yaml", "x: 1\n", "x: 2\n", Style(colour=True))

    assert "\x1b[31m-x: 1\x1b[0m\n\x1b[32m+x: 2\x1b[0m\n" in shown
    assert "\x1b[1m--- a.yaml\x1b[0m\n" in shown


def test_missing_line_end_is_told() -> None:
    """A last line without its end is marked as git marks it."""
    shown = render_diff("a.yaml", "x: 1", "x: 1\n", Style())

    assert shown.endswith("-x: 1\n\\ No newline at end of file\n+x: 1\n")


def test_line_ends_alone_are_told() -> None:
    """A difference that no line can show is named."""
    shown = render_diff("a.yaml", "x: 1\n", "x: 1\n", Style())

    assert shown == "--- a.yaml\n+++ a.yaml\n line ends only\n"


def test_lines_start_no_command() -> None:
    """What a file holds starts neither a command of a CI runner nor a terminal escape."""
    before, after = "  ::error::x\n##[error]x\n", "  ::error::x\n"
    shown = render_diff("a.yaml", before, after, Style())

    assert "::error" not in shown
    assert "##[" not in shown
