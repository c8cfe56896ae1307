"""
Tables for people: aligned by what letters take on the screen.

On a terminal there are heads, and cells are cut so that a row is one line; in a
pipe nothing is cut and no head is in the way of ``grep`` and ``awk``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from icesync.render.style import columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icesync.render.style import Style

__all__ = ["Cell", "render_table"]

_GAP: Final = "  "
_CUT: Final = "..."
_NARROWEST: Final = 6
"""No column is made narrower than this, however narrow the terminal is."""


class Cell(NamedTuple):
    """Safe text, and the names of its colours."""

    text: str
    colours: tuple[str, ...] = ()


def render_table(heads: Sequence[str], rows: Sequence[Sequence[Cell]], style: Style) -> str:
    """Return *rows* below each other, a line each; *heads* stand above them on a terminal."""
    if not rows:
        return ""
    lines = [[Cell(head, ("dim",)) for head in heads], *rows] if style.width else list(rows)
    widths = [max(columns(line[n].text) for line in lines) for n in range(len(heads))]
    if style.width:
        _fit(widths, style.width)
    return "".join(f"{_line(line, widths, style)}\n" for line in lines)


def _fit(widths: list[int], most: int) -> None:
    """Take columns from the widest ones until a row has its place."""
    spare = most - len(_GAP) * (len(widths) - 1)
    while sum(widths) > spare:
        widest = max(range(len(widths)), key=widths.__getitem__)
        if widths[widest] <= _NARROWEST:
            return
        widths[widest] -= 1


def _line(cells: Sequence[Cell], widths: Sequence[int], style: Style) -> str:
    painted = []
    for cell, width in zip(cells, widths, strict=True):
        text = _cut(cell.text, width)
        painted.append(style.paint(text, *cell.colours) + " " * (width - columns(text)))
    return _GAP.join(painted).rstrip()


def _cut(text: str, width: int) -> str:
    if columns(text) <= width:
        return text
    while columns(text) > width - len(_CUT):
        text = text[:-1]
    return text + _CUT
