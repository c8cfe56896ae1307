"""
Text from files, replies and pipelines as it may stand in Markdown.

What users wrote goes into code, where neither Markdown nor HTML means anything,
nobody is mentioned and no issue is linked; a fence is longer than every run of
backticks inside of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from icesync.render.style import safe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_RUNS: Final = re.compile(r"`+")
_SPECIAL: Final = re.compile(r"[\\`*_\[\]<>&|~$^]|:(?=//)|[@#](?=\w)")
_START: Final = re.compile(r"^(\d+(?=[.)])|(?=[#+=-]))")
"""Where a line would start a heading, a list or a rule."""
_ENTITIES: Final = re.compile(r"[^\w ,.-]", re.ASCII)


def code(text: str) -> str:
    """Return *text* as a code span; outside of tables."""
    text = safe(text)
    if not text:
        return "` `"
    ticks = "`" * (_longest_run(text) + 1)
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def cell(text: str) -> str:
    """Return *text* as code in a cell of a table, where ``|`` ends even a code span."""
    if "|" not in text and "\\" not in safe(text):
        return code(text)
    inside = _ENTITIES.sub(lambda match: f"&#{ord(match[0])};", safe(text))
    return f"<code>{inside}</code>"


def prose(text: str) -> str:
    """Return a sentence of icesync's own; what it quotes in backticks becomes code."""
    parts = safe(text).lstrip().split("`")
    if len(parts) % 2 == 0:
        parts[-2:] = ["`".join(parts[-2:])]
    shown = "".join(code(part) if n % 2 else _plain(part) for n, part in enumerate(parts))
    return _START.sub(r"\1\\", shown)


def _plain(text: str) -> str:
    return _SPECIAL.sub(_inert, text)


def _inert(match: re.Match[str]) -> str:
    if match[0] == ":":
        return "&#58;"
    # A zero-width space behind: nobody is called, no issue learns of it.
    return f"{match[0]}&#8203;" if match[0] in "@#" else f"\\{match[0]}"


def link(label: str, url: str) -> str:
    """Return *label* as code, linked to *url* where there is one."""
    return f"[{code(label)}]({url})" if url else code(label)


def fence(lines: Iterable[str], language: str = "") -> str:
    """Return *lines* as a fenced block that none of them can close."""
    text = "\n".join(lines)
    ticks = "`" * max(3, _longest_run(text) + 1)
    return f"{ticks}{language}\n{text}\n{ticks}\n"


def _longest_run(text: str) -> int:
    return max((len(run) for run in _RUNS.findall(text)), default=0)


def first_that_fits(levels: Sequence[Callable[[], str]], limit_bytes: int) -> str:
    """Return the first, most telling of *levels* that is short enough; else the last."""
    for level in levels[:-1]:
        text = level()
        if len(text.encode()) <= limit_bytes:
            return text
    return levels[-1]()
