"""
Checks on the text as a whole, before any parser sees it.

Control, bidi, invisible and private characters are refused by code point, in
comments too: they make a reviewer read something else than what is sent.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from itertools import islice
from typing import TYPE_CHECKING, Final

from icesync.config.yaml.source import MAX_BYTES
from icesync.diagnostics import Diagnostic, SourcePosition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.config.yaml.source import SourceFile

_PLAIN_BYTES: Final = bytes((0x09, 0x0A, 0x0D, *range(0x20, 0x7F)))
_REFUSED: Final = (
    # control, but tab and line ends; delete and C1
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
    # format: soft hyphen, Arabic and Syriac marks, bidi, zero width, joiners, byte order mark
    "\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f"
    # invisible letters and marks
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
    # line and paragraph separators, surrogates, private use, what is no character
    "\u2028\u2029\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\U000f0000-\U0010ffff"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0xF0000, 0x10000))
)
_BLANKS: Final = "\xa0\u1680\u2000-\u200a\u202f\u205f\u3000"
"""Blanks that look like the ordinary one and are not."""

_REFUSED_CHARACTER: Final = re.compile(f"[{_REFUSED}]")
_UNPRINTABLE: Final = re.compile(f"[{_REFUSED}{_BLANKS}\t\n\r]")
_ESCAPE: Final = re.compile(r"\\.", re.DOTALL)
_ESCAPED: Final = dict(
    zip("0abtnvfreN_LP", "\0\a\b\t\n\v\f\r\x1b\x85\xa0\u2028\u2029", strict=True)
)
"""What the escapes of one letter mean in double quotes (YAML 1.2.2, section 5.7)."""
_MOST_STRANGERS: Final = 100
"""A file with more of them is no text; a finding for each could fill the memory."""
_CONFLICT: Final = (b"<<<<<<<", b"|||||||", b">>>>>>>")


def check_text(source: SourceFile) -> tuple[Diagnostic, ...]:
    """Return what is wrong with the bytes of *source*; empty when a parser may read them."""
    data = source.data
    if len(data) > MAX_BYTES:
        return (_at_start(source, "ICE004", f"larger than {MAX_BYTES // 2**20} MiB", "split it"),)
    if not data.strip():
        hint = "write `version: 1`, or remove the file"
        return (_at_start(source, "ICE007", "the file is empty", hint),)
    if any(marker in data for marker in _CONFLICT):
        conflict = _conflict(source)
        if conflict:
            return (conflict,)
    if not data.translate(None, _PLAIN_BYTES):
        return ()
    return _check_unicode(source)


def name_character(character: str) -> str:
    """Return the code point and name of *character*, such as ``U+200B ZERO WIDTH SPACE``."""
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X} {name}".rstrip()


def show_key(key: str) -> str:
    """Return *key* for a message: strange characters are escaped, long keys cut."""
    return (key if key.isprintable() else ascii(key)[1:-1])[:60]


def find_unprintable(text: str) -> str:
    """
    Return the first character of *text* that a value cannot hold, or an empty text.

    By a table, not by the version of Unicode that Python has: what a laptop takes, a
    runner takes. Characters that Unicode may assign some day are taken.
    """
    if text.isascii() and text.isprintable():
        return ""
    found = _UNPRINTABLE.search(text)
    return found[0] if found else ""


def find_escape(raw: str, character: str) -> str:
    r"""Return the escape of a letter in *raw* that YAML reads as *character*, such as ``\b``."""
    escapes = (match[0] for match in _ESCAPE.finditer(raw))
    return next((e for e in escapes if _ESCAPED.get(e[1]) == character), "")


def _check_unicode(source: SourceFile) -> tuple[Diagnostic, ...]:
    data = source.data.removeprefix(codecs.BOM_UTF8)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode()) + 1
        position = SourcePosition(source.path, line, column)
        return (Diagnostic("ICE002", "the file is not UTF-8", position, "save it as UTF-8"),)
    if not _REFUSED_CHARACTER.search(text):
        return ()
    return tuple(islice(_strangers(source, text), _MOST_STRANGERS))


def _strangers(source: SourceFile, text: str) -> Iterator[Diagnostic]:
    for number, line in enumerate(text.split("\n"), start=1):
        for match in _REFUSED_CHARACTER.finditer(line):
            yield Diagnostic(
                "ICE003",
                f"the character {name_character(match[0])} is not allowed",
                SourcePosition(source.path, number, match.start() + 1),
                "remove it; retype the line rather than pasting it",
            )


def _conflict(source: SourceFile) -> Diagnostic | None:
    for number, line in enumerate(source.data.splitlines(), start=1):
        if line.startswith(_CONFLICT):
            return Diagnostic(
                "ICE005",
                "a merge-conflict marker",
                SourcePosition(source.path, number, 1),
                "resolve the conflict, then commit the file again",
            )
    return None


def _at_start(source: SourceFile, rule: str, message: str, hint: str) -> Diagnostic:
    return Diagnostic(rule, message, SourcePosition(source.path, 1, 1), hint)
