"""
Whether a text holds a secret: pure, for what a mail server says after a login.

A server may repeat what it was sent, in its own spelling. So a text is read in
every spelling that is undone here, one inside another, and is not shown if six
characters of the secret stand in a row in any of these readings.
"""

from __future__ import annotations

import base64
import binascii
import html
import quopri
import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, unquote_plus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RUN: Final = 6
"""So many characters in a row are too many; a shorter secret counts as a whole."""

_RUN_OF_BASE64: Final = 8
_DEPTH: Final = 3
_MAX_READINGS: Final = 400
_MAX_TEXT: Final = 1_000

_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{2,}={0,2}")
_HEX: Final = re.compile(
    r"(?:(?:\\x|0x|%|&#x|u\+|\\u|=)?[0-9a-f]{2,8}[\s:;,.-]*){2,}", re.IGNORECASE
)
_WORTH: Final = re.compile(r"[!-~]{4}")
"""What else may hold a spelling that can be undone; the bytes of a wrong guess seldom do."""

_SEPARATORS: Final = str.maketrans("", "", "-._:,;|/ ")
_NUMBERS: Final = re.compile(r"(?:\b\d{2,3}\b[\s:;,.-]*){2,}")
_ESCAPE: Final = re.compile(
    r"\\(?:u\{?([0-9a-fA-F]{4,6})\}?|x([0-9a-fA-F]{2})|([0-7]{3})|U([0-9a-fA-F]{8}))"
)


def windows(secret: str, username: str) -> frozenset[str]:
    """Return what must not stand in any reading of a text: all runs of *secret*."""
    found: set[str] = set()
    # What precedes a password in a login, so that a short one is found beside its user name.
    joined = [secret, *(username[-3:] + sep + secret for sep in ("\0", ":", " ", ","))]
    for text in joined if len(secret) >= RUN else [secret]:
        for form in _folded(text):
            size = min(RUN, len(form))
            found.update(form[n : n + size] for n in range(len(form) - size + 1))
            found.update(form[::-1][n : n + size] for n in range(len(form) - size + 1))
    data = secret.encode("utf-8", "surrogatepass")
    for shift in range(3):
        # In base64 that lost its capitals nothing can be undone, but it can be recognised.
        spelled = base64.b64encode(b"\0" * shift + data).decode().rstrip("=")
        core = spelled[(shift * 4 + 2) // 3 : len(spelled) - 1]
        for form in _folded(core) if len(core) >= _RUN_OF_BASE64 else ():
            found.update(
                form[n : n + _RUN_OF_BASE64] for n in range(len(form) - _RUN_OF_BASE64 + 1)
            )
    prefix = _folded(username)
    return frozenset(run for run in found if run and not any(run in name for name in prefix))


@lru_cache(maxsize=256)
def readings(text: str) -> frozenset[str]:
    """Return *text* in all its readings, folded so that case, blanks and signs do not matter."""
    seen = {text[:_MAX_TEXT]}
    layer = set(seen)
    for _ in range(_DEPTH):
        worth = [one for one in layer if _WORTH.search(one)]
        layer = {found for one in worth for undo in _UNDOING for found in undo(one)} - seen
        if len(seen) + len(layer) > _MAX_READINGS:
            layer = set(sorted(layer, key=len, reverse=True)[: max(_MAX_READINGS - len(seen), 0)])
        seen |= layer
    return frozenset(form for one in seen for form in _folded(one))


def _folded(text: str) -> set[str]:
    """Return *text* without case and blanks, and without anything but letters and digits."""
    wide = unicodedata.normalize("NFKC", text).casefold()
    tight = "".join(c for c in wide if not c.isspace() and c.isprintable())
    bare = "".join(c for c in wide if c.isalnum())
    # Signs between all letters hide nothing; a secret of few letters is compared with its signs.
    forms = {tight, tight.translate(_SEPARATORS) or tight}
    return {*forms, bare} if len(bare) >= RUN else forms


def _texts(data: bytes) -> Iterator[str]:
    """Yield *data* as text: one byte a letter, UTF-8, and UTF-16 in both orders."""
    yield data.decode("utf-8", "ignore").replace("\0", "")
    yield data.decode("latin-1").replace("\0", "")
    if b"\0" in data or any(byte > 0x7F for byte in data):
        yield from (data.decode(name, "ignore") for name in ("utf-16-le", "utf-16-be"))
        yield from (data[1:].decode(name, "ignore") for name in ("utf-16-le", "utf-16-be"))


def _escapes(text: str) -> Iterator[str]:
    def letter(match: re.Match[str]) -> str:
        number = int(match[1] or match[2] or match[4] or "0", 16) or int(match[3] or "0", 8)
        return chr(number) if number < 0x11_0000 else ""

    plain = _ESCAPE.sub(letter, text)
    yield plain
    yield re.sub(r"\\(.)", r"\1", plain)
    # A string of bytes, as Python's repr writes it, holds UTF-8.
    yield plain.encode("latin-1", "ignore").decode("utf-8", "ignore")


def _urls(text: str) -> Iterator[str]:
    for undo in (unquote, unquote_plus):
        yield undo(text, errors="ignore")
        yield undo(text, encoding="latin-1")


def _quoted_printable(text: str) -> Iterator[str]:
    data = text.replace("=\r\n", "").encode("utf-8", "ignore")
    yield from _texts(quopri.decodestring(data))
    yield from _texts(quopri.decodestring(data.replace(b"_", b" ")))


def _base64(text: str) -> Iterator[str]:
    """Undo base64 wherever it may begin: a server may cut it, or put words before it."""
    for found in (text, "".join(text.split())):
        for match in _BASE64.finditer(found):
            run = match[0].rstrip("=").replace("-", "+").replace("_", "/")
            for shift in range(4):
                part = run[shift : len(run) - ((len(run) - shift) % 4 == 1)]
                if len(part) >= 2:
                    yield from _texts(base64.b64decode(part + "=" * (-len(part) % 4)))


def _hex(text: str) -> Iterator[str]:
    for match in _HEX.finditer(text):
        bare = re.sub(r"\\x|0x|%|&#x|u\+|\\u|=|[\s:;,.-]", "", match[0], flags=re.IGNORECASE)
        for shift in range(2):
            part = bare[shift : len(bare) - (len(bare) - shift) % 2]
            if len(part) >= 4:
                yield from _texts(binascii.unhexlify(part))


def _numbers(text: str) -> Iterator[str]:
    for match in _NUMBERS.finditer(text):
        numbers = [int(n) for n in re.findall(r"\d+", match[0])]
        yield from _texts(bytes(n for n in numbers if n < 256))


def _html(text: str) -> Iterator[str]:
    yield html.unescape(text)


_UNDOING: Final[tuple[Callable[[str], Iterator[str]], ...]] = (
    _escapes,
    _html,
    _urls,
    _quoted_printable,
    _base64,
    _hex,
    _numbers,
)
