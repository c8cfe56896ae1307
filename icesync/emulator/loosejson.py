"""
Read JSON as Json.NET does, which takes more than the standard.

Single quotes, bare names, comments, trailing commas, hexadecimal and octal
numbers are fine (observed). Strict text is read by the standard library, which
is fast; only what it refuses goes through the loose reader. Both give the same
value where both read.
"""

from __future__ import annotations

import json
import re
from typing import Final

__all__ = ["MAX_DEPTH", "Members", "Number", "read_json"]

MAX_DEPTH: Final = 256
"""How deep objects and arrays may nest (observed)."""


class Number(str):
    """A number as its literal text: a string member keeps it to the letter."""

    __slots__ = ()


class Members(list[tuple[str, object]]):
    """An object as its members, in order, so that a name given twice is seen."""

    __slots__ = ()


def read_json(text: str) -> object:
    """
    Return the value in *text*: None, bool, str, Number, list or Members.

    Raises:
        ValueError: Json.NET would not read it either.

    """
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        try:
            return _DECODER.decode(text)
        except ValueError:
            pass
    return _LooseReader(text).read()


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=Members, parse_int=Number, parse_float=Number, parse_constant=Number
)
_BLANK: Final = re.compile(r"(?:\s|/\*.*?\*/|//[^\r\n]*)*", re.DOTALL)
_WORD: Final = re.compile(r"[\w$.+-]+")
_PLAIN: Final = {
    '"': re.compile(r'[^"\\]*'),
    "'": re.compile(r"[^'\\]*"),
}
_HEX: Final = re.compile(r"[0-9a-fA-F]{4}")
_NUMBER: Final = re.compile(
    r"0[xX][0-9a-fA-F]+|-?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|NaN|-?Infinity"
)
_ESCAPES: Final = {
    "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
    "\\": "\\", "/": "/", '"': '"', "'": "'",
}  # fmt: skip
_WORDS: Final = {"true": True, "false": False, "null": None, "undefined": None}


class _LooseReader:
    """A descent over one text; *_at* is the place of the next character."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def read(self) -> object:
        value = self._value(0)
        if self._peek():
            raise self._error("nothing more")
        return value

    def _value(self, depth: int) -> object:
        if depth > MAX_DEPTH:
            raise self._error(f"at most {MAX_DEPTH} levels")
        match self._peek():
            case "{":
                return self._object(depth + 1)
            case "[":
                return self._array(depth + 1)
            case '"' | "'" as quote:
                return self._string(quote)
            case _:
                return self._literal()

    def _object(self, depth: int) -> Members:
        members = Members()
        self._at += 1
        while self._peek() != "}":
            name = self._name()
            self._expect(":")
            members.append((name, self._value(depth)))
            self._separate("}")
        self._at += 1
        return members

    def _array(self, depth: int) -> list[object]:
        items: list[object] = []
        self._at += 1
        while self._peek() != "]":
            items.append(self._value(depth))
            self._separate("]")
        self._at += 1
        return items

    def _separate(self, end: str) -> None:
        """Step over a comma, which may be the last one; without it the *end* must follow."""
        if self._peek() == ",":
            self._at += 1
        elif self._peek() != end:
            raise self._error(f"`,` or `{end}`")

    def _name(self) -> str:
        start = self._peek()
        return self._string(start) if start in _PLAIN else self._word()

    def _string(self, quote: str) -> str:
        plain = _PLAIN[quote]
        parts: list[str] = []
        self._at += 1
        while True:
            parts.append(self._match(plain))
            mark = self._text[self._at : self._at + 1]
            self._at += 1
            if mark == quote:
                return _join_surrogates("".join(parts))
            if not mark:
                raise self._error(f"a closing {quote}")
            parts.append(self._escape())

    def _escape(self) -> str:
        letter = self._text[self._at : self._at + 1]
        self._at += 1
        if letter == "u" and _HEX.match(self._text, self._at):
            return chr(int(self._match(_HEX), 16))
        if letter not in _ESCAPES:
            raise self._error("an escape sequence")
        return _ESCAPES[letter]

    def _literal(self) -> object:
        word = self._word()
        if word in _WORDS:
            return _WORDS[word]
        if _NUMBER.fullmatch(word):
            return Number(word)
        raise self._error("a value")

    def _word(self) -> str:
        word = self._match(_WORD)
        if not word:
            raise self._error("a name or a value")
        return word

    def _expect(self, mark: str) -> None:
        if self._peek() != mark:
            raise self._error(f"`{mark}`")
        self._at += 1

    def _peek(self) -> str:
        """Return the next character behind blanks and comments, or nothing at the end."""
        self._match(_BLANK)
        return self._text[self._at : self._at + 1]

    def _match(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            return ""
        self._at = match.end()
        return match[0]

    def _error(self, expected: str) -> ValueError:
        return ValueError(f"expected {expected} at character {self._at}")


def _join_surrogates(text: str) -> str:
    """Return *text* with pairs of escaped halves as the one character they spell."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
