"""
A document as it is written: every scalar, comment and blank line, and what it belongs to.

Built from the marks of libyaml's events: what lies between two tokens is white
space, punctuation and comments. Scalars are slices of the text, so whoever
writes the tree out again cannot change a quote, an escape or a long line.

A comment behind something on its line belongs to it. A comment on a line of its
own belongs to what follows, unless it is indented like the block that just
ended; then it stays at that block's end. One that speaks to icesync is always
about what follows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from icesync.config.yaml.directives import DIRECTIVE
from icesync.config.yaml.source import open_parser

__all__ = ["Collection", "ConcreteDocument", "Entry", "Scalar", "TrailingComment", "read_cst"]


@dataclass(frozen=True, slots=True)
class TrailingComment:
    """A comment behind something, and how many blanks stand between the two."""

    text: str
    blanks: int


@dataclass(slots=True)
class Scalar:
    """
    A scalar or an alias.

    *text* is as written, *value* as read, *span* its place in the text. A scalar
    written with ``|`` or ``>`` is a *block*: its lines are without their common
    margin, *digit* is the margin that its header asks for.
    """

    text: str
    value: str
    span: tuple[int, int]
    anchor: str = ""
    alias: bool = False
    block: bool = False
    digit: int = 0


@dataclass(slots=True)
class Collection:
    """
    A mapping or a sequence; *broken* is a flow collection that spans lines.

    *edge* is the least column of a comment that belongs to it: its own, but
    right of its parent's, where dashes may stand below their key.
    """

    mapping: bool
    flow: bool
    column: int
    edge: int
    start: int = 0
    anchor: str = ""
    broken: bool = False
    entries: list[Entry] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)
    """comments and blank lines (empty texts) behind the last entry"""

    def holds(self, line: _Line, column: int) -> bool:
        """Return whether *line* stands in this block, which ended; *column* is what follows."""
        if self.flow or self.column < 0:
            return True
        if DIRECTIVE.match(line.text):
            return False
        return line.loose and line.column > column and line.column >= self.edge


@dataclass(slots=True)
class Entry:
    """A key with its value, or an item without a key."""

    key: Scalar | None = None
    node: Scalar | Collection | None = None
    leading: list[str] = field(default_factory=list)
    """comments and blank lines (empty texts) above"""
    aside: TrailingComment | None = None
    """the comment behind the key, whose value begins on another line"""
    remark: TrailingComment | None = None
    """the comment behind the value"""


@dataclass(frozen=True, slots=True)
class ConcreteDocument:
    """A whole document; *prologue* is all up to an explicit ``---``."""

    prologue: list[str]
    root: Entry
    footer: list[str]


class _Line(NamedTuple):
    """A comment, or a blank line; *loose* ones stand before any punctuation of what follows."""

    text: str
    column: int
    loose: bool


def read_cst(text: str) -> ConcreteDocument:
    """
    Return *text* as it is written.

    It must have passed :func:`icesync.config.yaml.document.parse_document`, start
    without a byte order mark and break its lines by a line feed.
    """
    reader = _Reader(text)
    parser = open_parser(text.encode())
    while not isinstance(event := parser.get_event(), StreamEndEvent):
        reader.take(event)
    return reader.finish()


_ANCHOR: Final = re.compile(r"&[^\s,\[\]{}]+")
_BETWEEN: Final = re.compile(r"(?:\s|#[^\n]*\n)*")
_BLANK_END: Final = re.compile(r"(?:\n *)*\Z")
_BLOCK_DIGIT: Final = re.compile(r"[|>][-+]?([1-9])")


@dataclass(slots=True)
class _Reader:
    """Feeds on events; the text between two tokens is dealt out when the second is met."""

    text: str
    prologue: list[str] = field(default_factory=list)
    stack: list[Collection] = field(default_factory=lambda: [_page()])
    closed: list[Collection] = field(default_factory=list)
    """the blocks that ended since the last token, innermost first"""
    place: int = 0
    """the end of the last token"""
    before: Entry | None = None
    """the entry of the last token"""
    valued: bool = False
    """whether the last token ended the value of its entry"""
    fresh: tuple[Entry, int] | None = None
    """the outermost entry that began since the last token, and the column of its block"""

    def take(self, event: Any) -> None:
        """Position one event."""
        if isinstance(event, ScalarEvent):
            self._scalar(event)
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            self._open(event)
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._close(event)
        elif isinstance(event, AliasEvent):
            self._alias(event)
        elif isinstance(event, DocumentStartEvent) and event.explicit:
            self.place = _end(event)
            self.prologue = [line.rstrip() for line in self.text[: self.place].split("\n")]

    def finish(self) -> ConcreteDocument:
        """Return the document, when all events were taken."""
        page = self.stack[0]
        self.closed.append(page)
        self._token(len(self.text), len(self.text), None, ending=True)
        return ConcreteDocument(self.prologue, page.entries[0], page.tail)

    def _alias(self, event: Any) -> None:
        span = (event.start_mark.index, _end(event))
        entry = self._valued()
        entry.node = Scalar(self.text[slice(*span)], "", span, event.anchor, alias=True)
        self._token(*span, entry, valued=True)

    def _scalar(self, event: Any) -> None:
        frame = self.stack[-1]
        is_key = frame.mapping and (not frame.entries or frame.entries[-1].node is not None)
        entry = self._begun() if is_key else self._valued()
        start = self._anchored(event, entry)
        end = max(start, _end(event))
        leaf = Scalar(self.text[start:end], event.value, (start, end), event.anchor or "")
        if event.style in {"|", ">"}:
            _unfold(leaf, frame.column)
        if is_key:
            entry.key = leaf
        else:
            entry.node = leaf
        self._token(*leaf.span, entry, valued=not is_key)

    def _open(self, event: Any) -> None:
        parent = self.stack[-1]
        entry = self._valued()
        start = self._anchored(event, entry)
        mapping = isinstance(event, MappingStartEvent)
        column = event.end_mark.column
        if not event.flow_style and self.text[start : _end(event)] == "-":
            column -= 1  # where dashes stand below their key, libyaml's mark is behind the dash
        edge = max(column, parent.column + 1)
        node = Collection(mapping, event.flow_style, column, edge, start, event.anchor or "")
        entry.node = node
        self.stack.append(node)
        if node.flow and _end(event) > start:
            self._token(start, _end(event), None)

    def _close(self, event: Any) -> None:
        node = self.stack.pop()
        start, end = event.start_mark.index, _end(event)
        if not node.flow:
            self.closed.append(node)
        elif end > start:
            node.broken = "\n" in self.text[node.start : end]
            self.closed = [node]
            entry = self.stack[-1].entries[-1]
            self._token(start, end, entry, valued=True, ending=True)

    def _valued(self) -> Entry:
        """Return the entry that the next node is the value of."""
        frame = self.stack[-1]
        if frame.mapping and frame.entries[-1].node is None:
            return frame.entries[-1]
        return self._begun()

    def _begun(self) -> Entry:
        entry = Entry()
        frame = self.stack[-1]
        frame.entries.append(entry)
        self.fresh = self.fresh or (entry, frame.column)
        return entry

    def _anchored(self, event: Any, entry: Entry) -> int:
        """Return where the node itself starts, behind its anchor."""
        start = int(event.start_mark.index)
        if event.anchor is None:
            return start
        anchor = _ANCHOR.match(self.text, start)
        end = anchor.end() if anchor else start
        self._token(start, end, entry)
        between = _BETWEEN.match(self.text, end)
        return between.end() if between else end

    def _token(
        self,
        start: int,
        end: int,
        entry: Entry | None,
        *,
        valued: bool = False,
        ending: bool = False,
    ) -> None:
        """
        Deal out what stands before a token, which is the last one from now on.

        *entry* takes the comment behind the token: behind its value if *valued*,
        else behind its key. *ending* tokens close a collection: no entry follows.
        """
        lines = self._lines(self.text[self.place : start])
        heir, column = self.fresh or (self.before, -1)
        if lines:
            self._deal(lines, None if ending else heir, column)
        self.closed = []
        self.fresh = None
        self.before = entry
        self.valued = valued
        self.place = end

    def _lines(self, gap: str) -> list[_Line]:
        """Return the lines of *gap*, but for the parts that share a line with a token."""
        first, *others = gap.split("\n")
        lines: list[_Line] = []
        code, mark, comment = first.partition("#")
        if mark:
            remark = TrailingComment(f"#{comment}".rstrip(), len(code) - len(code.rstrip()))
            if not self._attach(remark):
                lines.append(_Line(remark.text, 0, loose=False))
        loose = True
        for line in others[:-1]:
            code, mark, comment = line.partition("#")
            loose = loose and not code.strip()
            if mark or not code.strip():
                lines.append(_Line(f"{mark}{comment}".rstrip(), len(code), loose=loose))
        return lines

    def _attach(self, remark: TrailingComment) -> bool:
        """Give *remark* to the entry of the last token, if there is a place for it."""
        entry = self.before
        if entry is None:
            return False
        if self.valued:
            entry.remark = remark
        elif entry.aside is None:
            entry.aside = remark
        else:
            return False
        return True

    def _deal(self, lines: list[_Line], heir: Entry | None, column: int) -> None:
        """Give *lines* to the blocks that ended, from the inside, and the rest to *heir*."""
        ended = iter(self.closed)
        block = next(ended, None)
        waiting: list[str] = []
        for line in lines:
            waiting.append(line.text)
            while line.text and block is not None and not block.holds(line, column):
                block = next(ended, None)
            if line.text and block is not None:
                block.tail += waiting
                waiting = []
        if heir is not None:
            heir.leading += waiting


def _end(event: Any) -> int:
    return int(event.end_mark.index)


def _page() -> Collection:
    """Return what holds the root, as its only item."""
    return Collection(mapping=False, flow=False, column=-1, edge=-1)


def _unfold(leaf: Scalar, outer: int) -> None:
    """Take the margin from the lines of a block scalar below column *outer*."""
    body = _BLANK_END.sub("", leaf.text)
    header, *lines = body.split("\n")
    digit = _BLOCK_DIGIT.match(header)
    leaf.digit = int(digit[1]) if digit else 0
    first = next((line for line in lines if line.strip()), "")
    margin = max(outer, 0) + leaf.digit if digit else len(first) - len(first.lstrip(" "))
    leaf.block = True
    leaf.span = (leaf.span[0], leaf.span[0] + len(body))
    leaf.text = "\n".join([header, *(line[margin:] for line in lines)])
