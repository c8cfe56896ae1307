"""Comments to icesync, such as waivers, and what in the file they are about."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from icesync.config.yaml.source import SourceFile
from icesync.config.yaml.strict_reader import read_strictly

__all__ = ["DIRECTIVE", "Subject", "find_directives"]

DIRECTIVE: Final = re.compile(r"#\s*icesync:")
_BEHIND: Final = re.compile(r"(?:^|(?<=\s))#\s*icesync:")

Subject: TypeAlias = frozenset[tuple[str | int, ...]]
"""The paths of what a comment is about; the root's path for the whole file."""


def find_directives(text: str) -> list[tuple[str, Subject, int]]:
    """
    Return each comment to icesync with what it is about and its line, from top to bottom.

    Behind something: all that begins on the line. On a line of its own: the
    outermost of what begins on the next one, or the file where nothing began yet.
    """
    if "icesync:" not in text:
        return []
    begins = _beginnings(text)
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        match = _BEHIND.search(line)
        if match is None:
            continue
        if line[: match.start()].strip():
            subject = frozenset(begins.get(number, ()))
        else:
            subject = _outermost(begins, number)
        found.append((line[match.start() :].rstrip(), subject, number))
    return found


def _beginnings(text: str) -> dict[int, set[tuple[str | int, ...]]]:
    """Return the paths of the keys and items that begin on each line."""
    careful = read_strictly(SourceFile("", text.encode()))
    items = ((p, place) for p, place in careful.values.items() if p and isinstance(p[-1], int))
    begins: dict[int, set[tuple[str | int, ...]]] = {}
    for path, (line, _) in (*careful.keys.items(), *items):
        begins.setdefault(line, set()).add(path)
    return begins


def _outermost(begins: dict[int, set[tuple[str | int, ...]]], above: int) -> Subject:
    if above < min(begins, default=0):
        return frozenset([()])
    line = min((line for line in begins if line > above), default=0)
    return frozenset([min(begins[line], key=len)]) if line else frozenset()
