"""
Read request bodies as people have them: one, a list, one a line, or as a page prints them.

The vendor's printed sample has curly quotes and no-break spaces (doc:sample), so
both are taken for what they stand for, outside of straight quotes. So is what Python
prints: single quotes, ``True`` and ``None``. Everything
keeps its place; what cannot be read is told by place, and reading goes on at
the next line that opens an object. Nothing that is told quotes the text.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Final

from icesync.model.imported import Cell, Raw, Record, Slip

_MAX_DEPTH: Final = 32
_BLANK: Final = re.compile(r"[\s\u00a0\u200b\ufeff]*")
_CURLY: Final = "\u201c\u201d\u201e\u2033"
_CURLY_BODY: Final = re.compile(rf'(?:[^\\"{_CURLY}]|\\.)*', re.DOTALL)
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.])")
_WORD: Final = re.compile(r"(?:true|false|null|True|False|None)\b")
_SINGLE_BODY: Final = re.compile(r"(?:[^\\']|\\.)*", re.DOTALL)
_IN_SINGLE: Final = re.compile(r"\\'|\"|\\.", re.DOTALL)
_NEXT: Final = re.compile(r"\n[\s\u00a0,\[]*(?=\{)")


def looks_printed(text: str) -> bool:
    """Return whether *text* opens like an object or a list, and not like a table."""
    start = _BLANK.match(text)
    return text[start.end() if start else 0 :][:1] in {"{", "["}


def read_printed(text: str) -> tuple[tuple[Record, ...], tuple[Slip, ...]]:
    """Return the objects in *text*, in order, and what could not be read."""
    reader = _Reader(text)
    reader.read()
    return tuple(reader.records), tuple(reader.slips)


def _plain_quote(match: re.Match[str]) -> str:
    """Return a piece of a text in single quotes as it stands in double ones."""
    return {"\\'": "'", '"': '\\"'}.get(match[0], match[0])


class _MalformedError(Exception):
    """Something else was expected at the reader's place."""


class _Reader:
    """A descent over one text; *at* is the place of the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.records: list[Record] = []
        self.slips: list[Slip] = []
        self._starts = [0, *(m.end() for m in re.finditer("\n", text))]

    def read(self) -> None:
        opened: list[int] = []
        while mark := self._peek():
            try:
                self._top(mark, opened)
            except _MalformedError as error:
                self.slips.append(Slip(*self._place(self.at), f"not valid JSON: {error}"))
                following = _NEXT.search(self.text, self.at)
                self.at = following.end() if following else len(self.text)
        if opened and not self.slips:
            message = "not valid JSON: a list that is never closed"
            self.slips.append(Slip(*self._place(opened[-1]), message, "is the file whole?"))

    def _top(self, mark: str, opened: list[int]) -> None:
        """Read one piece of the text: an object, or what stands between objects."""
        if mark == "{":
            self.records.append(self._object(1))
            return
        if mark == "[":
            opened.append(self.at)
        elif mark == "]" and opened:
            opened.pop()
        elif mark != ",":
            raise _MalformedError("expected an object, `{`")
        self.at += 1

    def _object(self, depth: int) -> Record:
        line, column = self._place(self.at)
        cells: list[Cell] = []
        self.at += 1
        while self._peek() != "}":
            place = self._place(self.at)
            name = self._string()
            if self._peek() != ":":
                raise _MalformedError("expected `:` after a name")
            self.at += 1
            cells.append(Cell(name, self._value(depth), *place))
            self._separate("}")
        self.at += 1
        return Record(tuple(cells), line, column)

    def _list(self, depth: int) -> tuple[Raw, ...]:
        items: list[Raw] = []
        self.at += 1
        while self._peek() != "]":
            items.append(self._value(depth))
            self._separate("]")
        self.at += 1
        return tuple(items)

    def _value(self, depth: int) -> Raw:
        mark = self._peek()
        if depth > _MAX_DEPTH:
            raise _MalformedError(f"more than {_MAX_DEPTH} levels")
        if mark == "{":
            return self._object(depth + 1)
        if mark == "[":
            return self._list(depth + 1)
        match = _NUMBER.match(self.text, self.at) or _WORD.match(self.text, self.at)
        if match is None:
            return self._string()
        self.at = match.end()
        return None if match[0] in {"null", "None"} else match[0]

    def _string(self) -> str:
        mark = self._peek()
        if not mark or (mark not in {'"', "'"} and mark not in _CURLY):
            raise _MalformedError("expected a string in quotes or a value")
        try:
            if mark == '"':
                found, self.at = scanstring(self.text, self.at + 1, False)
                return str(found)
            body = (_SINGLE_BODY if mark == "'" else _CURLY_BODY).match(self.text, self.at + 1)
            end = body.end() if body else self.at
            inner = self.text[self.at + 1 : end]
            if mark == "'":
                inner = _IN_SINGLE.sub(_plain_quote, inner)
            found = json.loads(f'"{inner}"', strict=False)
        except ValueError:
            raise _MalformedError(
                "a string with an invalid escape, or without a closing quote"
            ) from None
        if not self.text[end : end + 1]:
            raise _MalformedError("a string without a closing quote")
        self.at = end + 1
        return str(found)

    def _separate(self, end: str) -> None:
        """Step over a comma, which may be the last one; without it the *end* must follow."""
        mark = self._peek()
        if mark == ",":
            self.at += 1
        elif mark != end:
            raise _MalformedError(f"expected `,` or `{end}`")

    def _peek(self) -> str:
        """Return the next character behind blanks, or nothing at the end."""
        blank = _BLANK.match(self.text, self.at)
        self.at = blank.end() if blank else self.at
        return self.text[self.at : self.at + 1]

    def _place(self, at: int) -> tuple[int, int]:
        line = bisect_right(self._starts, at)
        return line, at - self._starts[line - 1] + 1
