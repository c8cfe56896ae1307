"""
Safe text for terminals and CI logs, the few colors that icesync uses, tables and diffs.

Tables are aligned by what letters take on the screen. On a terminal there are heads, and
cells are cut so that a row is one line; in a pipe nothing is cut and no head is in the
way of ``grep`` and ``awk``.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from datetime import datetime
from typing import TYPE_CHECKING, Final

from icesync.frozen import NamedTuple, frozen
from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from icesync.diagnostics import SourcePosition
    from icesync.model.desired import Address
    from icesync.model.snapshot import Snapshot

"""How documents spell a moment, which is always UTC."""

_CI_COMMAND: Final = regex(r"##(?=\[|vso\[)")
_LINE_COMMAND: Final = regex(r"^(\s*):(?=:)")

_PLACE: Final = regex(r"(?<![^\s(`])[^\s:()`,;]+\.ya?ml(?=:\d)", re.ASCII)
"""A file in a sentence: a line number follows it."""

_ESCAPE: Final = regex(r"\x1b\[[0-9;]*m")
_TOKEN: Final = regex(r" *[^ ]+")
_HANG: Final = 4

_CODES: Final = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}


def visible(text: str) -> str:
    """Return *text* with the code point of whatever cannot be printed: controls, bidi marks."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in text)


def safe(text: str) -> str:
    """
    Return *text* as it may stand in a line of output.

    Whatever cannot be printed is shown by its code point, so that no value can
    start a terminal escape; ``::`` at a line's start and ``##[`` anywhere are
    commands of CI runners and are broken up.
    """
    text = visible(text)
    if "#" in text:
        text = _CI_COMMAND.sub(r"#\\u{23}", text)
    return _LINE_COMMAND.sub(r"\1\\u{3a}", text) if ":" in text else text


def quote(text: str) -> str:
    """Return *text* safe and in double quotes."""
    return '"' + safe(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def columns(text: str) -> int:
    """Return how many columns of a terminal *text* takes: colours none, a Chinese letter two."""
    text = _ESCAPE.sub("", text) if "\x1b" in text else text
    return len(text) if text.isascii() else sum(map(_columns_of, text))


def _columns_of(letter: str) -> int:
    if unicodedata.category(letter) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in {"W", "F"} else 1


def fold(text: str, width: int) -> str:
    """
    Return *text* with no line wider than *width* where a space allows it; 0 is no limit.

    A terminal would break lines anywhere and continue at its left edge; here a line
    continues below its own text. A word that fits nowhere stays where it is.
    """
    if width <= 0:
        return text
    return "\n".join(_fold_line(line, width) for line in text.split("\n"))


def _fold_line(line: str, width: int) -> str:
    if columns(line) <= width:
        return line
    hang = " " * (len(line) - len(line.lstrip(" ")) + _HANG)
    lines = [""]
    for token in _TOKEN.findall(line):
        below = hang + token.lstrip(" ")
        if lines[-1] and columns(lines[-1] + token) > width >= columns(below):
            lines.append(below)
        else:
            lines[-1] += token
    return "\n".join(lines)


def rename_places(text: str, named: Callable[[str], str]) -> str:
    """Return *text*, a sentence, with the file of each ``FILE:LINE`` in it as *named* has it."""
    return _PLACE.sub(lambda match: named(match[0]), text)


@frozen
class Style:
    """
    How to paint: with colours or without, and how wide the place is (0: no limit).

    Files are named from the configuration's folder everywhere; *named* gives their
    names from where the reader stands, so that a terminal opens them.
    """

    colour: bool = False
    width: int = 0
    named: Callable[[str], str] = str

    def paint(self, text: str, *names: str) -> str:
        """Return *text* in the named colours, or as it is."""
        if not self.colour or not text or not names:
            return text
        codes = ";".join(_CODES[name] for name in names)
        return f"\x1b[{codes}m{text}\x1b[0m"

    def file(self, name: str) -> str:
        """Return the file *name* of the project, safe, as the reader names it."""
        return safe(self.named(name))

    def place(self, position: SourcePosition) -> str:
        """Return ``FILE:LINE``, safe, as the reader names the file."""
        return f"{self.file(position.file)}:{position.line}"

    def sentence(self, text: str) -> str:
        """Return *text*, safe, with the places in it as the reader names them."""
        return safe(rename_places(text, self.named))


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


_COLOURS: Final = {"---": "bold", "+++": "bold", "@": "cyan", "-": "red", "+": "green"}
_NO_LINE_END: Final = "\\ No newline at end of file"


def render_diff(file: str, before: str, after: str, style: Style) -> str:
    """Return how *file* changes; texts that differ in what a line cannot show are named."""
    file = style.named(file)
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    lines = list(difflib.unified_diff(old, new, file, file)) or [
        f"--- {file}\n",
        f"+++ {file}\n",
        " line ends only\n",
    ]
    return "".join(_diff_line(line, style) for line in lines)


def _diff_line(line: str, style: Style) -> str:
    text = line.removesuffix("\n")
    colour = next((c for start, c in _COLOURS.items() if text.startswith(start)), None)
    shown = style.paint(safe(text), *([colour] if colour else []))
    return f"{shown}\n" if line.endswith("\n") else f"{shown}\n{_NO_LINE_END}\n"


_CLOCKS_DIFFER_S = 300
"""By so much the clocks of two machines may differ without anything being wrong."""


def age(moment: str | None, now: datetime) -> str:
    """Return how long *moment* is ago, in the largest unit that says something."""
    if moment is None:
        return "never"
    return age_of(datetime.fromisoformat(moment), now)


def age_of(then: datetime, now: datetime) -> str:
    """Return how long *then* is ago, in the largest unit that says something."""
    seconds = (now - then).total_seconds()
    if seconds < -_CLOCKS_DIFFER_S:
        return f"dated {_span(-seconds)} in the future"
    return f"{_span(seconds)} ago" if seconds >= 60 else "just now"


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"


def oldest(snapshot: Snapshot) -> tuple[Address, str] | None:
    """Return the address whose acknowledgement is the oldest, and its time."""
    known = [(e.applied_at, a) for a, e in snapshot.entries.items() if e.applied_at]
    if not known:
        return None
    moment, address = min(known)
    return address, moment
