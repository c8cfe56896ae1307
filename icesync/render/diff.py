"""Two texts of one file as a unified diff, which ``patch -p0`` takes too."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

from icesync.render.style import safe

if TYPE_CHECKING:
    from icesync.render.style import Style

__all__ = ["render_diff"]

_COLOURS: Final = {"---": "bold", "+++": "bold", "@": "cyan", "-": "red", "+": "green"}
_NO_LINE_END: Final = "\\ No newline at end of file"


def render_diff(file: str, before: str, after: str, style: Style) -> str:
    """Return how *file* changes; texts that differ in what a line cannot show are named."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    lines = list(difflib.unified_diff(old, new, file, file)) or [
        f"--- {file}\n",
        f"+++ {file}\n",
        " line ends only\n",
    ]
    return "".join(_line(line, style) for line in lines)


def _line(line: str, style: Style) -> str:
    text = line.removesuffix("\n")
    colour = next((c for start, c in _COLOURS.items() if text.startswith(start)), None)
    shown = style.paint(safe(text), *([colour] if colour else []))
    return f"{shown}\n" if line.endswith("\n") else f"{shown}\n{_NO_LINE_END}\n"
