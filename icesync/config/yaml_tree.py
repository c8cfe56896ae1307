"""
A YAML file as a tree: every node with its place, every comment with what it is about.

The one reader of libyaml's events beside the quick one of
:mod:`icesync.config.yaml_document`. Data, positions, the formatter and
suppressions stand on its tree. Scalars are slices of the text, so whoever
writes the tree out again cannot change a quote, an escape or a long line.

libyaml drops comments, so they are read from what lies between two tokens: white
space, punctuation and comments. What a comment is about is decided here and
nowhere else:

* behind something on its line: that, with the lines below that continue it: they
  start below its ``#``, or right of the keys around them;
* directly below something, with a blank line behind it: what stands above;
* indented like a block that just ended, or one of its lines that was commented
  out in the first column: the end of that block;
* else what follows.

A directive, a comment that starts with ``# icesync:``, is never about what
stands above its line.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

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

from icesync.config.yaml_document import (
    MAX_NODES,
    Quoted,
    decode,
    find_escape,
    find_unprintable,
    name_character,
    show_key,
)
from icesync.config.yaml_events import open_parser, yaml_problem
from icesync.diagnostics import Diagnostic, SourcePosition
from icesync.frozen import NamedTuple, mutable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.config.yaml_document import SourceFile

MAX_DEPTH: Final = 32
_ALIAS_FLOOR: Final = 10_000
_SECRETS: Final = frozenset({"password", "token", "key"})
"""Keys whose value is never quoted; an unquoted password in braces is read as a mapping."""

DIRECTIVE: Final = re.compile(r"(?:^|(?<=\s))#\s*icesync:\s*(.*)")

NodePath: TypeAlias = tuple[str | int, ...]


class Line(NamedTuple):
    """A comment on a line of its own and where it starts; a blank line has no text."""

    text: str
    start: int = 0


@mutable
class TrailingComment:
    """A comment behind something, the blanks between the two, and the lines that continue it."""

    text: str
    blanks: int
    start: int
    more: list[str] = field(default_factory=list)


@mutable
class Scalar:
    """
    A scalar, or an alias, from *start* to *end*.

    *text* is as written, *value* as read. A scalar written with ``|`` or ``>`` is
    a *block*: its lines are without their common margin, *digit* is the margin
    that its header asks for. *target* is what an alias stands for.
    """

    start: int
    end: int
    text: str
    value: str
    anchor: str = ""
    quoted: bool = False
    block: bool = False
    digit: int = 0
    target: Node = None
    inner: int = 0
    """where *text* begins, behind the anchor"""

    @property
    def alias(self) -> bool:
        """Whether it stands for another node."""
        return self.target is not None


@mutable
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
    end: int = 0
    anchor: str = ""
    broken: bool = False
    entries: list[Entry] = field(default_factory=list)
    head: list[Line] = field(default_factory=list)
    """comments and blank lines above the first entry that are about all of them"""
    tail: list[Line] = field(default_factory=list)
    """comments and blank lines behind the last entry"""
    keys: dict[str, Entry] | None = None
    """the first entry of each key of a mapping"""

    def at(self, part: str | int) -> Entry | None:
        """Return the entry with the key, or at the index, *part*."""
        if self.keys is not None:
            return self.keys.get(part) if isinstance(part, str) else None
        inside = isinstance(part, int) and 0 <= part < len(self.entries)
        return self.entries[part] if inside else None  # type: ignore[index]


Node: TypeAlias = "Scalar | Collection | None"


@mutable
class Entry:
    """A key with its value, or an item without a key."""

    key: Scalar | None = None
    node: Node = None
    leading: list[Line] = field(default_factory=list)
    """comments and blank lines above"""
    aside: TrailingComment | None = None
    """the comment behind the key, whose value begins on another line"""
    remark: TrailingComment | None = None
    """the comment behind the value"""
    below: list[Line] = field(default_factory=list)
    """comments on the lines below that are about this entry"""


class Subject(NamedTuple):
    """
    What a comment is about: from *start* to *end*; its value begins at *inner*.

    *path* is that of the value; a key alone ends at *inner*.
    """

    path: NodePath
    start: int
    end: int
    inner: int


@mutable
class Tree:
    """A whole document; *prologue* is all up to an explicit ``---``."""

    text: str
    page: Collection
    prologue: list[str] = field(default_factory=list)
    problems: tuple[Diagnostic, ...] = ()
    _breaks: list[int] = field(default_factory=list)

    @property
    def root(self) -> Entry:
        """The entry that holds the whole document."""
        return self.page.entries[0] if self.page.entries else Entry()

    def data(self) -> Any:
        """Return the plain data: texts, lists and mappings."""
        return _data(self.root.node, {})

    def position(self, path: NodePath, *, key: bool = False) -> tuple[int, int]:
        """Return line and column of the value (or *key*) at *path*, or of its nearest parent."""
        node, of_key = self._find(path)
        return self.place(of_key if key else node.start if node else 0)

    def block_position(self, path: NodePath, key: str) -> tuple[int, int]:
        """
        Return line and column of the mapping at *path*: in block style where its *key* stands.

        That is the same before and after its keys are sorted.
        """
        node, _ = self._find(path)
        block = isinstance(node, Collection) and not node.flow and node.at(key)
        return self.position((*path, key), key=True) if block else self.position(path)

    def _find(self, path: NodePath) -> tuple[Node, int]:
        """Return the node at *path*, or its nearest parent, and where the last key stands."""
        node, of_key = self.root.node, 0
        for part in path:
            entry = node.at(part) if isinstance(node, Collection) else None
            if entry is None or entry.node is None:
                break
            node = entry.node
            if entry.key is not None:
                of_key = entry.key.start
        return node, of_key

    def place(self, offset: int) -> tuple[int, int]:
        """Return line and column of *offset* in the text, both from 1."""
        if not self._breaks:
            self._breaks = [0, *(match.end() for match in re.finditer("\n", self.text))]
        line = bisect_right(self._breaks, offset)
        return line, offset - self._breaks[line - 1] + 1

    def directives(self) -> Iterator[tuple[str, int, Subject | None]]:
        """
        Yield what each comment to icesync says, where, and what it is about.

        Above a setting or a server, or behind it: all of it. Behind the key of a
        block: the key. Above the first key: the file. Where nothing follows: nothing.
        """
        for text, start, subject in _comments(self):
            match = DIRECTIVE.search(text)
            if match:
                yield match[1].strip(), start + match.start(), subject


def _comments(tree: Tree) -> Iterator[tuple[str, int, Subject | None]]:
    """Yield each comment, where it is, and what it is about, in the order of the text."""
    root = tree.root
    whole = Subject((), 0, len(tree.text), 0)
    for line in root.leading:
        yield line.text, line.start, whole
    yield from _comments_below(root, whole)
    for line in tree.page.tail:
        yield line.text, line.start, None


def _comments_of(entry: Entry, path: NodePath) -> Iterator[tuple[str, int, Subject | None]]:
    """Yield the comments above the entry at *path* and in it."""
    node = entry.node
    if node is None:
        return
    start = entry.key.start if entry.key else node.start
    subject = Subject(path, start, node.end, node.start)
    for line in entry.leading:
        yield line.text, line.start, subject
    yield from _comments_below(entry, subject)


def _comments_below(entry: Entry, subject: Subject) -> Iterator[tuple[str, int, Subject | None]]:
    """Yield the comments in *entry*, which is the *subject* of those behind it."""
    node, key = entry.node, entry.key
    block = isinstance(node, Collection) and not node.flow
    if entry.aside is not None:
        about = subject
        if key is not None and block:
            about = subject._replace(end=key.end, inner=key.end)
        yield entry.aside.text, entry.aside.start, about
    if isinstance(node, Scalar) and node.block:
        header, mark, comment = node.text.partition("\n")[0].partition("#")
        if mark:
            yield mark + comment, node.inner + len(header), subject
    if isinstance(node, Collection):
        for index, below in enumerate(node.entries):
            part = index if below.key is None else below.key.value
            yield from _comments_of(below, (*subject.path, part))
        for line in node.tail:
            yield line.text, line.start, None
    if entry.remark is not None:
        yield entry.remark.text, entry.remark.start, subject


def _data(node: Node, shared: dict[int, Any]) -> Any:
    if isinstance(node, Scalar):
        if node.target is not None:
            return _data(node.target, shared)
        return Quoted(node.value) if node.quoted else node.value
    if node is None:
        return ""
    if id(node) not in shared:
        if node.mapping:
            pairs = ((e.key.value, e.node) for e in node.entries if e.key)
            shared[id(node)] = {key: _data(value, shared) for key, value in pairs}
        else:
            shared[id(node)] = [_data(entry.node, shared) for entry in node.entries]
    return shared[id(node)]


def read_tree(source: SourceFile) -> Tree:
    """
    Return the tree of *source*, with every problem of it; never raises.

    The bytes must have passed :func:`icesync.config.yaml_document.check_text`.
    """
    reader = _Reader(source, decode(source.data))
    try:
        reader.read()
    except _LimitError:
        pass
    except Exception as error:  # noqa: BLE001 - fuzzing found ValueError, KeyError and more here
        reader.problems.append(yaml_problem(source, error))
    reader.tree.problems = tuple(reader.problems)
    return reader.tree


class _LimitError(Exception):
    """A limit was passed; the problem is noted, reading on is pointless."""


class _GapLine(NamedTuple):
    """A comment or a blank line; *loose* ones stand before any punctuation of what follows."""

    text: str
    column: int
    start: int
    loose: bool

    @property
    def line(self) -> Line:
        return Line(self.text, self.start)


@mutable
class _Anchored:
    """An anchored node and how many nodes it expands to; no size while it is still open."""

    node: Scalar | Collection
    size: int | None


_ANCHOR: Final = re.compile(r"&[^\s,\[\]{}]+")
_BETWEEN: Final = re.compile(r"(?:\s|#[^\n]*\n)*")
_BLOCK_DIGIT: Final = re.compile(r"[|>][-+]?([1-9])")
_COMMENTED_OUT: Final = re.compile(r"#(\s+)(?:- |[\w.-]+:(?:\s|$))")
"""A line of YAML that an editor commented out in the first column."""


class _Reader:
    """Feeds on events; the text between two tokens is dealt out when the second is met."""

    def __init__(self, source: SourceFile, text: str) -> None:
        page = Collection(mapping=False, flow=False, column=-1, edge=-1, end=len(text))
        self.source = source
        self.text = text
        self.tree = Tree(text, page)
        self.problems: list[Diagnostic] = []
        self.stack = [page]
        self.path: list[str] = []
        self.opened: list[tuple[int, int]] = []
        """of each open collection the size before it, and where its bracket is"""
        self.anchors: dict[str, _Anchored] = {}
        self.literal = self.expanded = self.documents = 0
        self.closed: list[Collection] = []
        """the blocks that ended since the last token, innermost first"""
        self.place = 0
        """the end of the last token"""
        self.before: Entry | None = None
        """the entry of the last token"""
        self.valued = False
        """whether the last token ended the value of its entry"""
        self.fresh: tuple[Entry, Collection] | None = None
        """the outermost entry that began since the last token, and its block"""

    def read(self) -> None:
        """Read the whole document."""
        next_event = open_parser(self.text.encode()).get_event
        while (kind := type(event := next_event())) is not StreamEndEvent:
            if kind is ScalarEvent:
                self._scalar(event)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self._open(event)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                self._close(event)
            elif kind is AliasEvent:
                self._alias(event)
            elif kind is DocumentStartEvent:
                self._document(event)
        if not self.documents:
            hint = "add `version: 1`, or remove the file"
            self._problem("ICE007", "the file contains only comments", 0, hint)
        self.closed.append(self.stack[0])
        self._token(len(self.text), len(self.text), None, ending=True)

    def _document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            hint = "a file may contain only one document; remove the `---`"
            self._stop("ICE009", "a second document", event, hint)
        if event.explicit:
            self.place = int(event.end_mark.index)
            prologue = self.text[: self.place].split("\n")
            self.tree.prologue = [line.rstrip() for line in prologue]

    # --- nodes ----------------------------------------------------------------------------

    def _alias(self, event: Any) -> None:
        anchored = self.anchors.get(event.anchor)
        if anchored is None or anchored.size is None:
            what = "an alias without an anchor" if anchored is None else "an alias to itself"
            hint = "quote the value if it starts with `*`; otherwise repeat the value"
            self._stop("ICE009", what, event, hint)
        if self._expects_key():
            self._stop("ICE009", "an alias as a key", event, "use a plain word as the key")
        self.expanded += anchored.size
        if self.expanded > max(_ALIAS_FLOOR, 2 * self.literal):
            hint = "repeat the values, or use `defaults:`"
            self._stop("ICE004", "aliases expand to too many values", event, hint)
        start, end = event.start_mark.index, event.end_mark.index
        entry = self._valued()
        text = self.text[start:end]
        entry.node = Scalar(start, end, text, "", event.anchor, target=anchored.node)
        self._token(start, end, entry, valued=True)

    def _scalar(self, event: Any) -> None:
        self._count(event)
        frame = self.stack[-1]
        is_key = frame.mapping and (not frame.entries or frame.entries[-1].node is not None)
        entry = self._begun() if is_key else self._valued()
        start, end, anchor = event.start_mark.index, event.end_mark.index, event.anchor or ""
        inner = self._anchored(event, entry) if anchor else start
        end = max(inner, end)
        value, style = event.value, event.style
        node = Scalar(start, end, self.text[inner:end], value, anchor, bool(style), inner=inner)
        if style in {"|", ">"}:
            _unfold(node, frame.column)
        plain = value.isascii() and value.isprintable()
        if not plain and (stranger := find_unprintable(value)):
            what = "key" if is_key else "value"
            message = f"the {what} contains the character {name_character(stranger)}"
            hint = "use one line of printable text"
            if style == '"' and (escape := find_escape(node.text, stranger)):
                message += f" (`{escape}` in double quotes)"
                hint = f"use single quotes for a literal backslash; {hint}"
            self._problem("ICE003", message, event, hint)
        if is_key:
            entry.key = node
            self._key(entry, event)
        else:
            entry.node = node
        if anchor:
            self.anchors[anchor] = _Anchored(node, 1)
        self._token(inner, node.end, entry, valued=not is_key)

    def _key(self, entry: Entry, event: Any) -> None:
        """Note the key of *entry*, unless it was there before."""
        frame = self.stack[-1]
        key = event.value
        assert frame.keys is not None
        if key == "<<":
            hint = "use `defaults:` or a `_defaults.yaml`"
            self._problem("ICE009", "a merge key `<<`", event, hint)
        elif key in frame.keys:
            known = frame.keys[key].key
            first = self.tree.place(known.start)[0] if known else 0
            shown = f"`{show_key(key)}`" if _SECRETS.isdisjoint(self.path) else "a key"
            message = f"{shown} is given twice, lines {first} and {event.start_mark.line + 1}"
            self._problem("ICE106", message, event, "keep one of them")
        else:
            frame.keys[key] = entry

    def _open(self, event: Any) -> None:
        self._count(event)
        if len(self.stack) > MAX_DEPTH:
            self._stop("ICE004", f"nested more than {MAX_DEPTH} levels deep", event)
        if self._expects_key():
            hint = "use a plain word as the key"
            self._stop("ICE009", "a list or mapping as a key", event, hint)
        parent = self.stack[-1]
        entry = self._valued()
        start, end = event.start_mark.index, event.end_mark.index
        inner = self._anchored(event, entry) if event.anchor else start
        mapping = type(event) is MappingStartEvent
        column = event.end_mark.column
        if not event.flow_style and self.text[inner:end] == "-":
            column -= 1  # where dashes stand below their key, libyaml's mark is behind the dash
        edge = max(column, parent.column + 1)
        node = Collection(mapping, event.flow_style, column, edge, start, anchor=event.anchor or "")
        node.keys = {} if mapping else None
        entry.node = node
        self.stack.append(node)
        self.path.append(entry.key.value if entry.key else "")
        self.opened.append((self.expanded, inner))
        if node.anchor:
            self.anchors[node.anchor] = _Anchored(node, None)
        if node.flow and end > inner:
            self._token(inner, end, None)

    def _close(self, event: Any) -> None:
        node = self.stack.pop()
        self.path.pop()
        before, inner = self.opened.pop()
        if node.anchor:
            self.anchors[node.anchor] = _Anchored(node, self.expanded - before + 1)
        node.end = self.place
        if not node.flow:
            self.closed.append(node)
            return
        start, end = event.start_mark.index, event.end_mark.index
        if end > start:
            node.end = end
            node.broken = "\n" in self.text[inner:end]
            self.closed = [node]
            self._token(start, end, self.stack[-1].entries[-1], valued=True, ending=True)

    def _expects_key(self) -> bool:
        frame = self.stack[-1]
        return frame.mapping and (not frame.entries or frame.entries[-1].node is not None)

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
        self.fresh = self.fresh or (entry, frame)
        return entry

    def _anchored(self, event: Any, entry: Entry) -> int:
        """Return where the node itself starts, behind its anchor."""
        start = int(event.start_mark.index)
        anchor = _ANCHOR.match(self.text, start)
        end = anchor.end() if anchor else start
        self._token(start, end, entry)
        between = _BETWEEN.match(self.text, end)
        return between.end() if between else end

    # --- problems -------------------------------------------------------------------------

    def _count(self, event: Any) -> None:
        if event.tag is not None:
            self._problem("ICE009", "a tag", event, "remove the `!`, or quote the value")
        self.literal += 1
        self.expanded += 1
        if self.literal > MAX_NODES:
            self._stop("ICE004", f"more than {MAX_NODES} values", event, "split the file")

    def _stop(self, rule: str, message: str, event: Any, hint: str | None = None) -> NoReturn:
        self._problem(rule, message, event, hint)
        raise _LimitError

    def _problem(self, rule: str, message: str, event: Any, hint: str | None = None) -> None:
        line, column = (1, 1)
        if event:
            line, column = event.start_mark.line + 1, event.start_mark.column + 1
        position = SourcePosition(self.source.path, line, column)
        self.problems.append(Diagnostic(rule, message, position, hint))

    # --- comments -------------------------------------------------------------------------

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
        gap = self.text[self.place : start]
        if start == len(self.text):
            gap = gap.rstrip() + "\n"  # blank lines at the end are nobody's
        if "\n" in gap or "#" in gap:
            lines, trailing = self._lines(gap, self.place)
            if lines:
                self._deal(lines, trailing, None if ending else start)
        self.closed = []
        self.fresh = None
        self.before = entry
        self.valued = valued
        self.place = end

    def _lines(self, gap: str, offset: int) -> tuple[list[_GapLine], TrailingComment | None]:
        """Return the lines of *gap* without its ends, and the comment behind the last token."""
        first, *others = gap.split("\n")
        lines: list[_GapLine] = []
        code, mark, comment = first.partition("#")
        trailing = None
        if mark:
            blanks = len(code) - len(code.rstrip())
            trailing = TrailingComment(f"#{comment}".rstrip(), blanks, offset + len(code))
            if not self._attach(trailing):
                lines.append(_GapLine(trailing.text, 0, trailing.start, loose=False))
                trailing = None
        offset += len(first) + 1
        loose = True
        for line in others[:-1]:
            code, mark, comment = line.partition("#")
            bare = not code.strip()
            loose = loose and bare
            if mark or bare:
                text = f"{mark}{comment}".rstrip()
                lines.append(_GapLine(text, len(code), offset + len(code), loose=loose))
            offset += len(line) + 1
        return lines, trailing

    def _attach(self, comment: TrailingComment) -> bool:
        """Give *comment* to the entry of the last token, if there is a place for it."""
        entry = self.before
        if entry is None:
            return False
        if self.valued:
            entry.remark = comment
        elif entry.aside is None:
            entry.aside = comment
        else:
            return False
        return True

    def _deal(
        self, lines: list[_GapLine], trailing: TrailingComment | None, follows: int | None
    ) -> None:
        """Give *lines* to what they are about; *follows* is where an entry follows."""
        heir, block, column = None, None, -1
        if follows is not None:
            heir, column = self.before, self.tree.place(follows)[1] - 1
            if self.fresh is not None:
                heir, block = self.fresh
                column = column if block.flow else block.column
        if trailing is not None:
            count = self._continued(lines, trailing, column)
            trailing.more = [line.text for line in lines[:count]]
            lines = lines[count:]
        if heir is not None and self.fresh is None and heir.aside is None:
            lines = self._take_aside(heir, lines)
        owners = _Owners(self.closed, heir, block, column)
        above = _directly_below(lines)
        for line in lines[:above]:
            owners.take(line, above=True)
        for line in lines[above:]:
            owners.take(line, above=False)
        owners.finish()

    def _take_aside(self, entry: Entry, lines: list[_GapLine]) -> list[_GapLine]:
        """Return *lines* without the one behind the colon of *entry*, whose key has a line."""
        for line in lines:
            if line.text and not line.loose:
                entry.aside = TrailingComment(line.text, 1, line.start)
                return [other for other in lines if other is not line]
        return lines

    def _continued(self, lines: list[_GapLine], trailing: TrailingComment, column: int) -> int:
        """Return how many of *lines* continue *trailing*; what follows stands in *column*."""
        start = self.text.rfind("\n", 0, trailing.start) + 1
        code = self.text[start : trailing.start]
        right_of = max(column, len(code) - len(code.lstrip(" -")))
        count = 0
        for line in lines:
            aligned = line.column == len(code) != column or line.column > right_of
            if not line.text or not line.loose or DIRECTIVE.search(line.text) or not aligned:
                break
            count += 1
        return count


def _directly_below(lines: list[_GapLine]) -> int:
    """Return how many comments stand right below the last token, with a blank line behind them."""
    for count, line in enumerate(lines):
        if not line.text:
            return count
        if not line.loose or DIRECTIVE.search(line.text):
            break
    return 0


@mutable
class _Owners:
    """
    Who may own the lines between two tokens: the blocks that *ended*, then *heir*.

    *heir* is the entry that follows, in *block*, whose keys stand in *column*.
    Lines are taken from top to bottom, so an owner that was passed over gets no more.
    """

    ended: list[Collection]
    heir: Entry | None
    block: Collection | None
    column: int
    waiting: list[Line] = field(default_factory=list)

    def take(self, line: _GapLine, *, above: bool) -> None:
        """Give *line* to its owner, or keep it until the owner is known."""
        if line.text:
            while self.ended and not self._holds(self.ended[0], line, above=above):
                del self.ended[0]
        if line.text and self.ended:
            node = self.ended[0]
            if above and not node.flow and node.column >= 0:
                node.entries[-1].below.append(line.line)
            else:
                node.tail += [*self.waiting, line.line]
                self.waiting = []
        elif above and self.block is not None and self.block.column >= 0:
            siblings = self.block.entries
            owner = siblings[-2].below if len(siblings) > 1 else self.block.head
            owner.append(line.line)
        else:
            self.waiting.append(line.line)

    def finish(self) -> None:
        """Give what waits to the heir."""
        if self.heir is not None:
            self.heir.leading += self.waiting
        elif self.ended:
            self.ended[0].tail += self.waiting

    def _holds(self, node: Collection, line: _GapLine, *, above: bool) -> bool:
        """Return whether *line* stands in the block *node*, which ended."""
        if node.flow or node.column < 0:
            return True
        if not line.loose or DIRECTIVE.search(line.text):
            return False
        column = line.column
        if column == 0 and (code := _COMMENTED_OUT.match(line.text)):
            column = len(code[1])
        elif column == 0 < self.column and above:
            return True
        return column > self.column and column >= node.edge


def _unfold(node: Scalar, outer: int) -> None:
    """Take the margin from the lines of a block scalar below column *outer*."""
    end = len(node.text.rstrip(" \n"))
    body = node.text[:end] + node.text[end:].partition("\n")[0]
    header, *lines = body.split("\n")
    digit = _BLOCK_DIGIT.match(header)
    node.digit = int(digit[1]) if digit else 0
    first = next((line for line in lines if line.strip()), "")
    margin = max(outer, 0) + node.digit if digit else len(first) - len(first.lstrip(" "))
    node.block = True
    node.end = node.inner + len(body)
    node.text = "\n".join([header, *(line[margin:] for line in lines)])
