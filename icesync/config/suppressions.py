"""
``# icesync: allow ICE303 reason``: excuse a finding where it fires.

What a waiver covers follows from where it stands:

* at the end of a line: that line;
* on a line of its own: what begins on the next line that is no comment, to its
  end: a value, a block, or with ``- skill:`` a whole server, its values that
  come from defaults included;
* before the first key of a file: the whole file.

libyaml drops comments, so they are found in the text; the parser's events say
which ``#`` stands inside of a scalar, and how far a node reaches. Only a file
that mentions ``icesync:`` pays for that.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from icesync.config.rules import RULES
from icesync.config.yaml.source import SourceFile, open_parser
from icesync.diagnostics import Diagnostic, Severity, SourcePosition

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Suppression", "find_suppressions"]

_MARK: Final = b"icesync:"
_COMMENT: Final = re.compile(r"#\s*icesync:\s*(.*)")
_BREAK: Final = re.compile("\r\n|\r|\n")
_IDS: Final = re.compile(r"ice\w*", re.IGNORECASE)
_HINT: Final = "write `# icesync: allow ICE303 reason`"
_ENDLESS: Final = 10**9


@dataclass(frozen=True, slots=True)
class Suppression:
    """
    One rule that is excused from line *first* to line *last* of a file.

    *whole* tells a node from a line: a whole server is covered wherever its
    values come from.
    """

    rule: str
    position: SourcePosition
    first: int
    last: int
    whole: bool

    def covers(self, position: SourcePosition, owner: SourcePosition | None) -> bool:
        """Return whether a finding at *position*, about the server at *owner*, is excused."""
        return self._holds(position) or (self.whole and owner is not None and self._holds(owner))

    def _holds(self, position: SourcePosition) -> bool:
        return position.file == self.position.file and self.first <= position.line <= self.last


class _Comment(NamedTuple):
    """A comment that speaks to icesync: its line and column from 1, and what it says."""

    line: int
    column: int
    text: str
    alone: bool


@dataclass(slots=True)
class _Layout:
    """Where a file's scalars are, where its nodes end, and where its first key is."""

    scalars: list[tuple[tuple[int, int], tuple[int, int]]]
    ends: dict[int, int]
    start: int


def find_suppressions(source: SourceFile) -> tuple[tuple[Suppression, ...], tuple[Diagnostic, ...]]:
    """Return the waivers in *source*, and what is wrong with those that cannot be understood."""
    if _MARK not in source.data:
        return (), ()
    try:
        lines = _BREAK.split(source.data.decode("utf-8-sig"))
        layout = _read_layout(source.data)
    except Exception:  # noqa: BLE001 - a file that cannot be read has its own finding already
        return (), ()
    waivers: list[Suppression] = []
    problems: list[Diagnostic] = []
    for comment in _comments(lines, layout):
        position = SourcePosition(source.path, comment.line, comment.column)
        rules, troubles = _read(comment.text)
        problems += (
            Diagnostic("ICE014", told, position, hint, Severity.WARNING) for told, hint in troubles
        )
        first, last = _span(comment, lines, layout)
        waivers += (Suppression(rule, position, first, last, comment.alone) for rule in rules)
    return tuple(waivers), tuple(problems)


def _comments(lines: list[str], layout: _Layout) -> Iterator[_Comment]:
    for number, line in enumerate(lines, start=1):
        for match in _COMMENT.finditer(line):
            before = line[: match.start()]
            place = (number, match.start() + 1)
            starts = not before or before[-1].isspace()
            if starts and not any(first <= place < last for first, last in layout.scalars):
                yield _Comment(*place, match[1].strip(), not before.strip())
                break


def _span(comment: _Comment, lines: list[str], layout: _Layout) -> tuple[int, int]:
    """Return the lines that *comment* speaks about."""
    if not comment.alone:
        return comment.line, comment.line
    if comment.line < layout.start:
        return 1, _ENDLESS
    for number in range(comment.line + 1, len(lines) + 1):
        text = lines[number - 1].strip()
        if text and not text.startswith("#"):
            return number, layout.ends.get(number, number)
    return comment.line, comment.line


def _read(text: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the rules that a comment waives, and sentence and hint of each trouble with it."""
    verb, _, rest = text.partition(" ")
    if verb != "allow":
        return [], [(f"a comment to icesync that starts with `{verb[:20]}`", _HINT)]
    names: list[str] = []
    words = rest.replace(",", " ").split()
    while words and _IDS.fullmatch(words[0]):
        names.append(words.pop(0).upper())
    if not names:
        return [], [("a waiver that names no rule", _HINT)]
    if not words:
        told = f"a waiver of {', '.join(names)} without a reason"
        return [], [(told, f"write why: `# icesync: allow {names[0]} reason`")]
    trouble = [t for name in names if (t := _trouble(name)) is not None]
    return [n for n in names if n in RULES and RULES[n].suppressible], trouble


def _trouble(name: str) -> tuple[str, str] | None:
    rule = RULES.get(name)
    if rule is None:
        near = difflib.get_close_matches(name, RULES, n=1)
        hint = f"did you mean {near[0]}?" if near else "icesync explain   lists the rules"
        return f"a waiver of the unknown rule {name[:20]}", hint
    if not rule.suppressible:
        return f"{name} cannot be waived: {rule.title}", f"icesync explain {name}   says why"
    return None


def _read_layout(data: bytes) -> _Layout:
    """Return the layout of *data*; what the parser raises passes through."""
    next_event = open_parser(data).get_event
    reader = _LayoutReader()
    while type(event := next_event()) is not StreamEndEvent:
        if isinstance(event, ScalarEvent | AliasEvent):
            reader.scalar(event)
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            reader.open(event)
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            reader.close(event)
    return reader.layout


class _LayoutReader:
    """
    Follows the events and notes which line each item and each key's value reaches.

    The end of a block collection is told where the next node starts, so it is
    taken from the last scalar or bracket inside.
    """

    def __init__(self) -> None:
        self.layout = _Layout([], {}, _ENDLESS)
        self.stack: list[tuple[int, bool]] = []
        """of each open collection the line where its item began, and whether it has keys"""
        self.key: int | None = None
        """the line of a key that waits for its value"""
        self.last = 0

    def scalar(self, event: Any) -> None:
        line = self._begin(event)
        self.last = _end(event)
        self.layout.scalars.append((_place(event.start_mark), _place(event.end_mark)))
        if self.stack and self.stack[-1][1] and self.key is None:
            self.key = line
        else:
            self._finish(line)

    def open(self, event: Any) -> None:
        self.stack.append((self._begin(event), isinstance(event, MappingStartEvent)))
        self.key = None

    def close(self, event: Any) -> None:
        if event.end_mark.index != event.start_mark.index:
            self.last = event.end_mark.line + 1
        self._finish(self.stack.pop()[0])

    def _begin(self, event: Any) -> int:
        line = int(event.start_mark.line) + 1
        if self.stack:
            self.layout.start = min(self.layout.start, line)
        return line if self.key is None else self.key

    def _finish(self, line: int) -> None:
        self.layout.ends[line] = max(self.layout.ends.get(line, 0), self.last)
        self.key = None


def _place(mark: Any) -> tuple[int, int]:
    return mark.line + 1, mark.column + 1


def _end(event: Any) -> int:
    """Return the last line of a scalar; a block scalar ends where the next line starts."""
    end, start = event.end_mark, event.start_mark
    return int(end.line if end.column == 0 and end.line > start.line else end.line + 1)
