"""
A text on its way to a forge: its marker, its cut, its banner.

The text itself comes from elsewhere, usually ``plan --report markdown=FILE``.
"""

from __future__ import annotations

import re
from typing import Final

from icesync.codec.marker import Marker, encode_marker, read_marker

__all__ = ["fit", "outdate", "stamp"]

_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_DETAILS: Final = re.compile(r"<(/?)details\b")
_ADDRESS: Final = re.compile(r"https?://[!-~]+")
_BANNER: Final = "<!-- icesync:outdated -->"


def stamp(text: str, marker: Marker) -> str:
    """Return *text* with *marker* as its first line, in place of the one it has."""
    body = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if read_marker(body) is not None:
        body = body.partition("\n")[2]
    return f"{encode_marker(marker)}\n{body}"


def outdate(text: str, run_url: str | None) -> str:
    """Return the marked *text* under a banner that says that a newer run is on its way."""
    first, _, rest = text.replace("\r\n", "\n").partition("\n")
    if rest.startswith(_BANNER):
        rest = rest.partition("\n\n")[2]
    run = _link("newer run", run_url)
    return f"{first}\n{_BANNER}\n> **Outdated:** a {run} is in progress.\n\n{rest}"


def fit(text: str, max_bytes: int, run_url: str | None) -> str:
    """
    Return *text*, or as many whole lines from its start as *max_bytes* of UTF-8 hold.

    A cut closes the fences and ``<details>`` that are open there, and says so
    with a link to the run that has all of it.
    """
    whole = len(text.encode())
    if whole <= max_bytes:
        return text
    notice = (
        f"\n> **Cut here.** The whole text has {whole:,} bytes, more than fit into a comment; "
        f"{_link('the run', run_url)} has all of it.\n"
    )
    room = max_bytes - len(notice.encode())
    kept, used, best = _Open(), 0, (0, "")
    position = 0
    for line in text.splitlines(keepends=True):
        used += len(line.encode())
        position += len(line)
        kept.take(line)
        closing = kept.closing()
        if closing is not None and used + len(closing) <= room:
            best = (position, closing)
    end, closing = best
    return text[:end] + closing + notice


def _link(words: str, url: str | None) -> str:
    """Return *words* as a link, if *url* can be one without ending the Markdown around it."""
    if url is None or not _ADDRESS.fullmatch(url) or set(url) & set("()<>[]\\`"):
        return words
    return f"[{words}]({url})"


class _Open:
    """What is open at the end of the lines so far."""

    def __init__(self) -> None:
        self._fence = ""
        self._details = 0
        self._comment = False

    def take(self, line: str) -> None:
        """Read one more line."""
        match = None if self._comment else _FENCE.match(line.rstrip())
        if self._fence:
            if match and match[1].startswith(self._fence) and not match[2].strip():
                self._fence = ""
        elif match and not (match[1][0] == "`" and "`" in match[2]):
            self._fence = match[1]
        else:
            lowered = line.lower()
            for slash in _DETAILS.findall(lowered):
                self._details = max(0, self._details + (-1 if slash else 1))
            self._comment = lowered.rfind("<!--") > lowered.rfind("-->") or (
                self._comment and "-->" not in lowered
            )

    def closing(self) -> str | None:
        """Return what closes everything; None where no cut can be made."""
        if self._comment:
            return None
        fence = f"{self._fence}\n" if self._fence else ""
        return fence + "\n</details>\n" * self._details
