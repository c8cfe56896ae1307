from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icesync.render.style import Cell, Style, columns, render_table

ROWS = (
    (Cell("~ update", ("yellow",)), Cell("59/663"), Cell("Support")),
    (Cell("+ add", ("green",)), Cell("440/51"), Cell("木漏れ日文具 お客様窓口")),
    (Cell("- disable", ("red",)), Cell("7/1"), Cell("")),
)
HEADS = ("action", "server", "name")


def test_pipe_gets_aligned_rows_and_no_heads() -> None:
    """Columns line up, nothing is cut, and no line ends in blanks."""
    assert render_table(HEADS, ROWS, Style()) == (
        "~ update   59/663  Support\n+ add      440/51  木漏れ日文具 お客様窓口\n- disable  7/1\n"
    )


def test_terminal_gets_heads() -> None:
    """Whoever looks at it is told what the columns are."""
    assert render_table(HEADS, ROWS, Style(width=80)).startswith("action     server  name\n~ upd")


def test_widest_column_is_cut_first() -> None:
    """A row stays one line; what gives way is what has most."""
    lines = render_table(HEADS, ROWS, Style(width=32)).splitlines()

    assert lines[2] == "+ add      440/51  木漏れ日文..."
    assert lines[1] == "~ update   59/663  Support"


@given(st.integers(60, 200), st.lists(st.text("ab 密", max_size=150), min_size=3, max_size=3))
def test_row_is_one_line_and_fits(width: int, texts: list[str]) -> None:
    """From 60 columns on no row is wider than its terminal."""
    table = render_table(HEADS, [[Cell(text) for text in texts]], Style(width=width))

    assert len(table.splitlines()) == 2
    assert max(map(columns, table.splitlines())) <= width


@pytest.mark.parametrize("width", [0, 80])
def test_no_rows_are_no_table(width: int) -> None:
    """Heads alone say nothing."""
    assert render_table(HEADS, [], Style(width=width)) == ""


def test_colours_do_not_move_columns() -> None:
    """Paint changes how a table looks, not where things stand."""
    painted = render_table(HEADS, ROWS, Style(colour=True))

    assert "\x1b[33m~ update\x1b[0m   59/663" in painted


def test_very_narrow_place_is_no_reason_to_fail() -> None:
    """Below what makes sense a table is too wide, and that is all."""
    assert "59/663" in render_table(HEADS, ROWS, Style(width=5))
