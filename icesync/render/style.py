"""Safe text for terminals and CI logs, and the few colours that icesync uses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["Style", "counted", "quote", "safe"]

_CI_COMMAND: Final = re.compile(r"##(?=\[|vso\[)")
_LINE_COMMAND: Final = re.compile(r"^(\s*):(?=:)")

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


def safe(text: str) -> str:
    """
    Return *text* as it may stand in a line of output.

    Whatever cannot be printed is shown by its code point, so that no value can
    start a terminal escape; ``::`` at a line's start and ``##[`` anywhere are
    commands of CI runners and are broken up.
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in text)
    if "#" in text:
        text = _CI_COMMAND.sub(r"#\\u{23}", text)
    return _LINE_COMMAND.sub(r"\1\\u{3a}", text) if ":" in text else text


def counted(number: int, noun: str) -> str:
    """Return *number* and *noun*, in the plural unless there is one."""
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"


def quote(text: str) -> str:
    """Return *text* safe and in double quotes."""
    return '"' + safe(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


@dataclass(frozen=True, slots=True)
class Style:
    """How to paint: with colours or without, and how wide the place is (0: no limit)."""

    colour: bool = False
    width: int = 0

    def paint(self, text: str, *names: str) -> str:
        """Return *text* in the named colours, or as it is."""
        if not self.colour or not text or not names:
            return text
        codes = ";".join(_CODES[name] for name in names)
        return f"\x1b[{codes}m{text}\x1b[0m"
