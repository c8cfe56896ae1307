"""
A text on its way to a forge: its marker, its cut, its banner.

The text itself comes from elsewhere, usually ``plan --report markdown=FILE``.
"""

from __future__ import annotations

import re
from typing import Final

from icesync.codec.marker import Marker, encode_marker, read_marker

_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_DETAILS: Final = re.compile(r"<(/?)details\b")
_COMMENT: Final = re.compile(r"<!--.*?-->")
_ADDRESS: Final = re.compile(r"https?://[!-~]+")
_BANNER: Final = "<!-- icesync:outdated -->"


def stamp(text: str, marker: Marker) -> str:
    """Return *text* with *marker* as its first line, in place of the one it has."""
    body = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if read_marker(body) is not None:
        body = body.partition("\n")[2]
    return f"{encode_marker(marker)}\n{body}"


def outdate(text: str, run_url: str) -> str:
    """Return the marked *text* under a banner that says that a newer run is on its way."""
    first, _, rest = text.replace("\r\n", "\n").partition("\n")
    if rest.startswith(_BANNER):
        rest = rest.partition("\n\n")[2]
    run = _link("newer run", run_url)
    return f"{first}\n{_BANNER}\n> **Outdated:** a {run} is in progress.\n\n{rest}"


def fit(text: str, max_bytes: int, run_url: str) -> str:
    """
    Return *text*, or as much from its start as *max_bytes* of UTF-8 hold.

    It is cut at a blank line where nothing is open, and says so with a link to the
    run that has all of it.
    """
    size = len(text.encode())
    if size <= max_bytes:
        return text
    notice = (
        f"\n> **Cut here.** The whole text has {size:,} bytes, too many for a comment. "
        f"{_link('The run', run_url)} has all of it; `--summary` makes it shorter.\n"
    )
    return text[: _last_cut(text, max_bytes - len(notice.encode()))] + notice


def _last_cut(text: str, max_bytes: int) -> int:
    """Return where to cut: behind a blank line outside of fences, ``<details>`` and comments."""
    fence, depth, used, position, best = "", 0, 0, 0, 0
    for number, line in enumerate(text.splitlines(keepends=True)):
        used += len(line.encode())
        position += len(line)
        match = _FENCE.match(line.rstrip())
        if fence:
            if match and match[1].startswith(fence) and not match[2].strip():
                fence = ""
        elif match and not (match[1][0] == "`" and "`" in match[2]):
            fence = match[1]
        else:
            seen = _COMMENT.sub("", line).lower()
            if "<!--" in seen:
                break
            for slash in _DETAILS.findall(seen):
                depth = max(0, depth + (-1 if slash else 1))
        if used > max_bytes:
            break
        if not fence and not depth and (number == 0 or not line.strip()):
            best = position
    return best


def _link(words: str, url: str | None) -> str:
    """Return *words* as a link, if *url* can be one without ending the Markdown around it."""
    if url is None or not _ADDRESS.fullmatch(url) or set(url) & set("()<>[]\\`"):
        return words
    return f"[{words}]({url})"
