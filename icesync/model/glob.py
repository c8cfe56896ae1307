"""
Globs: the one matcher for files, secret files, variables and addresses.

``*`` stands for any characters, ``?`` for one, ``[abc]`` and ``[!a-z]`` for one of a set;
in a path none of them crosses a ``/``, and ``**`` stands for any number of folders. A
pattern comes from a file that anybody may propose, so it never becomes a regular
expression: matching remembers the last star only, and takes at most the product of both
lengths, whatever the pattern.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_Set: TypeAlias = tuple[bool, frozenset[str], tuple[tuple[str, str], ...]]
"""Whether it is the complement, its characters and its ranges."""

_Piece: TypeAlias = "str | _Set"
_P = TypeVar("_P")

_STAR: Final = "**"
_ANY: Final = "??"
_SPECIAL: Final = frozenset("*?[")


def matches_name(pattern: str, name: str) -> bool:
    """Return whether *pattern* means the whole of *name*, where ``/`` is like any character."""
    start = pattern[:-1]
    if pattern[-1:] == "*" and not _SPECIAL.intersection(start):
        return name.startswith(start)
    return pattern == name or _match(_pieces(pattern), name, _fits)


def matches_path(pattern: str, path: str) -> bool:
    """Return whether *pattern* means *path*; both are divided by ``/``."""
    return _match(_parts(pattern), path.split("/"), matches_name)


@lru_cache(maxsize=1024)
def _parts(pattern: str) -> tuple[str, ...]:
    """Return the parts of *pattern*; ``**.yaml`` is ``**/*.yaml``, other double stars are one."""
    parts: list[str] = []
    for part in pattern.split("/"):
        if part == _STAR:
            parts.append(part)
        elif part.startswith(_STAR):
            parts += [_STAR, "*" + part.lstrip("*")]
        else:
            parts.append(part)
    if parts[-1] == _STAR:
        parts.append("*")
    return tuple(parts)


@lru_cache(maxsize=1024)
def _pieces(pattern: str) -> tuple[_Piece, ...]:
    pieces: list[_Piece] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        end = pattern.find("]", at + 2 + (pattern[at + 1 : at + 2] == "!"))
        if character == "[" and end > 0:
            pieces.append(_set(pattern[at + 1 : end]))
            at = end
        elif character == "*":
            if pieces[-1:] != [_STAR]:
                pieces.append(_STAR)
        else:
            pieces.append(_ANY if character == "?" else character)
        at += 1
    return tuple(pieces)


def _set(text: str) -> _Set:
    """Return the set that *text* spells, between its brackets."""
    negative = text.startswith("!")
    text = text[negative:]
    singles: set[str] = set()
    ranges: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        if text[at + 1 : at + 2] == "-" and at + 2 < len(text):
            ranges.append((text[at], text[at + 2]))
            at += 3
        else:
            singles.add(text[at])
            at += 1
    return negative, frozenset(singles), tuple(ranges)


def _fits(piece: _Piece, character: str) -> bool:
    if isinstance(piece, str):
        return piece in {character, _ANY}
    negative, singles, ranges = piece
    inside = character in singles or any(low <= character <= high for low, high in ranges)
    return inside is not negative


def _match(pieces: Sequence[_P], items: Sequence[str], fits: Callable[[_P, str], bool]) -> bool:
    """Return whether *pieces* mean all *items*; two stars stand for any number of them."""
    at = best = where = 0
    star = -1
    while at < len(items):
        if where < len(pieces) and pieces[where] == _STAR:
            star, best = where, at
            where += 1
        elif where < len(pieces) and fits(pieces[where], items[at]):
            at += 1
            where += 1
        elif star >= 0:
            best += 1
            at, where = best, star + 1
        else:
            return False
    return all(piece == _STAR for piece in pieces[where:])
