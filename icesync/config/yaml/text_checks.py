"""
Checks on the text as a whole, before any parser sees it.

Control, bidi, zero-width and private characters are refused by code point, in
comments too: they make a reviewer read something else than what is sent.
"""

from __future__ import annotations

import codecs
import unicodedata
from itertools import islice
from typing import TYPE_CHECKING, Final

from icesync.config.yaml.source import MAX_BYTES
from icesync.diagnostics import Diagnostic, SourcePosition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.config.yaml.source import SourceFile

__all__ = ["check_text", "name_character", "show_key"]

_PLAIN_BYTES: Final = bytes((0x09, 0x0A, 0x0D, *range(0x20, 0x7F)))
_ALLOWED: Final = frozenset("\t\n\r")
_REFUSED_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
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


def refused(character: str) -> bool:
    """Return whether *character* may stand nowhere in a file."""
    return unicodedata.category(character) in _REFUSED_CATEGORIES and character not in _ALLOWED


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
    strangers = {character for character in set(text) if refused(character)}
    if not strangers:
        return ()
    return tuple(islice(_strangers(source, text, strangers), _MOST_STRANGERS))


def _strangers(source: SourceFile, text: str, strangers: set[str]) -> Iterator[Diagnostic]:
    for number, line in enumerate(text.split("\n"), start=1):
        for column, character in enumerate(line, start=1):
            if character in strangers:
                yield Diagnostic(
                    "ICE003",
                    f"the character {name_character(character)} is not allowed",
                    SourcePosition(source.path, number, column),
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
