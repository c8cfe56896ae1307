"""The place of every node of an ordinary document, in one pass over its events."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from yaml.events import (
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from icesync.config.yaml.source import open_parser

__all__ = ["Position", "Positions", "find_positions"]

Position: TypeAlias = tuple[int, int]
"""Line and column, from 1."""

Positions: TypeAlias = dict[tuple[str | int, ...], Position]

_STARTS: Final = (MappingStartEvent, SequenceStartEvent)
_ENDS: Final = (MappingEndEvent, SequenceEndEvent)


def find_positions(data: bytes) -> tuple[Positions, Positions]:
    """
    Return the places of keys and of values by path.

    Only for a document that the quick reading took: no aliases, tags or
    duplicate keys, so that this pass need not look for them.
    """
    next_event = open_parser(data).get_event
    keys: Positions = {}
    values: Positions = {}
    stack: list[tuple[Any, ...]] = []
    path: tuple[str | int, ...] = ()
    key: str | int | None = 0
    while True:
        event = next_event()
        kind = type(event)
        if kind is StreamEndEvent:
            return keys, values
        if kind in _ENDS:
            path, key = stack.pop()
            key = None if key is None else key + 1 if type(key) is int else None
            continue
        if kind is not ScalarEvent and kind not in _STARTS:
            continue
        mark = event.start_mark
        place = (mark.line + 1, mark.column + 1)
        if key is None:
            key = event.value
            keys[(*path, key)] = place
            continue
        here = (*path, key) if stack else ()
        values[here] = place
        if kind is ScalarEvent:
            key = key + 1 if type(key) is int else None
        else:
            stack.append((path, key))
            path, key = here, (None if kind is MappingStartEvent else 0)
