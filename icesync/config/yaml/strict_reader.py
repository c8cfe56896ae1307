"""The careful reading: the place of every node, aliases within a budget, every problem."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from icesync.config.yaml.source import Quoted, open_parser, yaml_problem
from icesync.config.yaml.text_checks import name_character, show_key
from icesync.diagnostics import Diagnostic, SourcePosition

if TYPE_CHECKING:
    from icesync.config.yaml.positions import Position, Positions
    from icesync.config.yaml.source import SourceFile

__all__ = ["MAX_DEPTH", "MAX_NODES", "StrictReading", "read_strictly"]

MAX_DEPTH: Final = 32
MAX_NODES: Final = 100_000
_ALIAS_FLOOR: Final = 10_000
_SECRETS: Final = frozenset({"password", "token", "key"})
"""Keys whose value is never quoted; an unquoted password in braces is read as a mapping."""

_Path: TypeAlias = tuple[str | int, ...]

Mark: TypeAlias = Any
"""libyaml's place of an event; lines and columns from 0."""


@dataclass(slots=True)
class StrictReading:
    """What the careful reading found; *keys* and *values* give places by path."""

    data: Any = None
    keys: Positions = field(default_factory=dict)
    values: Positions = field(default_factory=dict)
    problems: tuple[Diagnostic, ...] = ()


def read_strictly(source: SourceFile) -> StrictReading:
    """Return the data, places and problems of *source*; never raises."""
    reader = _Reader(source)
    try:
        reader.read()
    except _LimitError:
        pass
    except Exception as error:  # noqa: BLE001 - fuzzing found ValueError, KeyError and more here
        reader.problems.append(yaml_problem(source, error))
    result = reader.result
    result.problems = tuple(reader.problems)
    return result


class _LimitError(Exception):
    """A limit was passed; the problem is noted, reading on is pointless."""


@dataclass(slots=True)
class _Frame:
    """An open collection: its data, its path, the key that waits for a value, its anchor."""

    data: Any
    path: _Path
    anchor: str | None
    size_before: int
    key: str | None = None
    shadow: bool = False
    """whether the value to come belongs to a key that was refused"""


@dataclass(slots=True)
class _Anchored:
    """An anchored node and how many nodes it expands to; no size while it is still open."""

    data: Any
    size: int | None


class _Reader:
    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.result = StrictReading()
        self.problems: list[Diagnostic] = []
        self.stack: list[_Frame] = []
        self.anchors: dict[str, _Anchored] = {}
        self.literal = 0
        self.expanded = 0
        self.documents = 0

    def read(self) -> None:
        parser = open_parser(self.source.data)
        while (event := parser.get_event()) is not None:
            if isinstance(event, ScalarEvent):
                self._scalar(event)
            elif isinstance(event, MappingStartEvent | SequenceStartEvent):
                self._open(event)
            elif isinstance(event, MappingEndEvent | SequenceEndEvent):
                self._close()
            elif isinstance(event, AliasEvent):
                self._alias(event)
            elif isinstance(event, DocumentStartEvent):
                self.documents += 1
                if self.documents > 1:
                    self._problem(
                        "ICE009",
                        "a second document",
                        event.start_mark,
                        "one file, one document: remove the `---`",
                    )
                    raise _LimitError
        if self.documents == 0:
            self._problem_at(
                "ICE007",
                "the file holds only comments",
                (1, 1),
                "write `version: 1`, or remove the file",
            )

    def _scalar(self, event: Any) -> None:
        self._count(event.start_mark)
        self._refuse_tag(event)
        value = Quoted(event.value) if event.style else event.value
        if self._expects_key():
            self._key(str(value), event.start_mark)
            return
        self._check_characters("value", value, event.start_mark)
        if event.anchor is not None:
            self.anchors[event.anchor] = _Anchored(value, 1)
        self._place(value, event.start_mark)

    def _key(self, key: str, mark: Mark) -> None:
        frame = self.stack[-1]
        path = (*frame.path, key)
        frame.shadow = True
        self._check_characters("key", key, mark)
        if key == "<<":
            self._problem(
                "ICE009", "a merge key `<<`", mark, "use `defaults:` or a `_defaults.yaml`"
            )
        elif path in self.result.keys:
            first = self.result.keys[path][0]
            shown = f"`{show_key(key)}`" if _SECRETS.isdisjoint(frame.path) else "a key"
            self._problem(
                "ICE106",
                f"{shown} is given twice, lines {first} and {mark.line + 1}",
                mark,
                "keep one of them",
            )
        else:
            frame.shadow = False
            self.result.keys[path] = _place(mark)
        frame.key = key

    def _open(self, event: Any) -> None:
        self._count(event.start_mark)
        self._refuse_tag(event)
        if len(self.stack) >= MAX_DEPTH:
            self._problem("ICE004", f"nested deeper than {MAX_DEPTH} levels", event.start_mark)
            raise _LimitError
        if self._expects_key():
            self._problem(
                "ICE009",
                "a key that is a list or a mapping",
                event.start_mark,
                "keys are plain words",
            )
            raise _LimitError
        data: Any = {} if isinstance(event, MappingStartEvent) else []
        path = self._place(data, event.start_mark)
        self.stack.append(_Frame(data, path, event.anchor, self.expanded))
        if event.anchor is not None:
            self.anchors[event.anchor] = _Anchored(data, None)

    def _close(self) -> None:
        frame = self.stack.pop()
        if frame.anchor is not None:
            self.anchors[frame.anchor] = _Anchored(
                frame.data, self.expanded - frame.size_before + 1
            )

    def _alias(self, event: Any) -> None:
        anchored = self.anchors.get(event.anchor)
        if anchored is None or anchored.size is None:
            what = "an alias without its anchor" if anchored is None else "an alias to itself"
            self._problem("ICE009", what, event.start_mark, "write the value out")
            raise _LimitError
        if self._expects_key():
            self._problem(
                "ICE009", "a key that is an alias", event.start_mark, "keys are plain words"
            )
            raise _LimitError
        self.expanded += anchored.size
        if self.expanded > max(_ALIAS_FLOOR, 2 * self.literal):
            self._problem(
                "ICE004",
                "aliases expand to too many values",
                event.start_mark,
                "write the values out, or use `defaults:`",
            )
            raise _LimitError
        self._place(anchored.data, event.start_mark)

    def _place(self, value: Any, mark: Mark) -> _Path:
        """Put *value* where the stack says, note its place, and return its path."""
        if not self.stack:
            self.result.data = value
            self.result.values[()] = _place(mark)
            return ()
        frame = self.stack[-1]
        if isinstance(frame.data, list):
            path = (*frame.path, len(frame.data))
            frame.data.append(value)
        else:
            path = (*frame.path, str(frame.key))
            if frame.shadow:
                frame.key = None
                return (*frame.path, "\0", str(mark.index))
            frame.data[frame.key] = value
            frame.key = None
        self.result.values[path] = _place(mark)
        return path

    def _expects_key(self) -> bool:
        return (
            bool(self.stack)
            and isinstance(self.stack[-1].data, dict)
            and self.stack[-1].key is None
        )

    def _count(self, mark: Mark) -> None:
        self.literal += 1
        self.expanded += 1
        if self.literal > MAX_NODES:
            self._problem("ICE004", f"more than {MAX_NODES} values", mark, "split the file")
            raise _LimitError

    def _refuse_tag(self, event: Any) -> None:
        if event.tag is not None:
            self._problem("ICE009", "a tag", event.start_mark, "remove the `!`, or quote the value")

    def _check_characters(self, what: str, text: str, mark: Mark) -> None:
        stranger = next((c for c in text if not c.isprintable()), None)
        if stranger is not None:
            self._problem(
                "ICE003",
                f"the {what} holds the character {name_character(stranger)}",
                mark,
                f"a {what} is one line of printable text",
            )

    def _problem(self, rule: str, message: str, mark: Mark | None, hint: str | None = None) -> None:
        self._problem_at(rule, message, _place(mark), hint)

    def _problem_at(self, rule: str, message: str, place: Position, hint: str | None) -> None:
        position = SourcePosition(self.source.path, *place)
        self.problems.append(Diagnostic(rule, message, position, hint))


def _place(mark: Mark | None) -> Position:
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)
