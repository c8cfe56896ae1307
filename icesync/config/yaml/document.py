"""
Text to plain data with a position for each node, strictly.

libyaml's parser gives events; nothing is built before an event was looked at,
so size, depth, nodes and alias expansion are bounded first. (PyYAML's loaders
build recursively: a deep document ends the process, a short one with aliases
or merge keys fills the memory.)

There are two readings. The quick one builds the data of ordinary documents and
gives up at anything unusual; :mod:`icesync.config.yaml.tree` reads what the quick
one gave up, knows the place of every node and collects every problem. A property
test holds the two to the same data.

Scalars stay text: a password ``0012`` cannot become 10. A scalar that was
quoted is a :class:`Quoted`, so that ``"587"`` and ``587`` can be told apart.
"""

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
    StreamEndEvent,
)

from icesync.config.yaml.syntax import (
    MAX_NODES,
    Quoted,
    SourceFile,
    check_text,
    find_unprintable,
    open_parser,
    yaml_problem,
)
from icesync.diagnostics import Diagnostic, SourcePosition
from icesync.errors import ConfigMalformed

if TYPE_CHECKING:
    from icesync.config.yaml.tree import NodePath, Tree

Node: TypeAlias = Any
"""A str, a Quoted, or a dict or list of nodes; the only untyped data of the program."""


@dataclass(slots=True)
class Document:
    """
    One file as plain data; *data* is None where *problems* made it unreadable.

    Positions are made when first asked for, by reading the text again: only a
    document that changed or has a problem pays for them.
    """

    source: SourceFile
    data: Node = None
    problems: tuple[Diagnostic, ...] = ()
    _tree: Tree | None = field(default=None, repr=False)

    @property
    def file(self) -> str:
        """The path of the file, relative to the configuration."""
        return self.source.path

    def position(self, path: NodePath = ()) -> SourcePosition:
        """Return the place of the value at *path*, or of its nearest parent that exists."""
        return SourcePosition(self.source.path, *self.tree.position(path))

    def key_position(self, path: NodePath) -> SourcePosition:
        """Return the place of the key at *path*, for a finding about the key itself."""
        return SourcePosition(self.source.path, *self.tree.position(path, key=True))

    def server_position(self, path: NodePath) -> SourcePosition:
        """Return the place of the server at *path*: its `skill` in block style, else its brace."""
        return SourcePosition(self.source.path, *self.tree.block_position(path, "skill"))

    @property
    def tree(self) -> Tree:
        """The file as a tree."""
        if self._tree is None:
            self._tree = _read_carefully(self.source)
        return self._tree


def parse_document(source: SourceFile) -> Document:
    """
    Return *source* as a document; problems of the file are in the document.

    Raises:
        ConfigMalformed: PyYAML was built without libyaml; no file can be read.

    """
    problems = check_text(source)
    if problems:
        return Document(source, problems=problems)
    try:
        return Document(source, _read_quickly(source.data))
    except _UnusualError:
        tree = _read_carefully(source)
    except _TooManyError as error:
        position = SourcePosition(source.path, *error.args)
        message = f"more than {MAX_NODES} values"
        return Document(
            source, problems=(Diagnostic("ICE004", message, position, "split the file"),)
        )
    except ConfigMalformed:
        raise
    except Exception as error:  # noqa: BLE001 - fuzzing found ValueError, KeyError and more here
        return Document(source, problems=(yaml_problem(source, error),))
    return Document(source, None if tree.problems else tree.data(), tree.problems, tree)


def _read_carefully(source: SourceFile) -> Tree:
    """Return *source* as a tree, which ordinary files do not need."""
    from icesync.config.yaml.tree import read_tree

    return read_tree(source)


class _UnusualError(Exception):
    """The document needs the careful reading."""


class _TooManyError(Exception):
    """The document has too many nodes; line and column are those of the first one too many."""


_QUICK_DEPTH: Final = 16


def _read_quickly(data: bytes) -> Node:  # noqa: C901, PLR0912, PLR0915 - kept flat for its speed
    """Return the data of an ordinary document; *data* was checked by :func:`check_text`."""
    next_event = open_parser(data).get_event
    root: list[Node] = []
    stack: list[tuple[Node, str | None]] = []
    current: Node = root
    key: str | None = None
    nodes = 0
    while True:
        event = next_event()
        kind = type(event)
        if kind is ScalarEvent:
            value = event.value
            if event.tag is not None or event.anchor is not None:
                raise _UnusualError
            if not (value.isascii() and value.isprintable()) and find_unprintable(value):
                raise _UnusualError
            nodes += 1
            if type(current) is dict and key is None:
                if value in current or value == "<<":
                    raise _UnusualError
                key = value
                continue
            if event.style:
                value = Quoted(value)
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            current, key = stack.pop()
            continue
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            if event.tag is not None or event.anchor is not None or len(stack) > _QUICK_DEPTH:
                raise _UnusualError
            if type(current) is dict and key is None:
                raise _UnusualError
            value = {} if kind is MappingStartEvent else []
            nodes += 1
        elif kind is StreamEndEvent:
            break
        elif kind is AliasEvent or (kind is DocumentStartEvent and root):
            raise _UnusualError
        else:
            continue
        if nodes > MAX_NODES:
            raise _TooManyError(event.start_mark.line + 1, event.start_mark.column + 1)
        if type(current) is dict:
            current[key] = value
            key = None
        else:
            current.append(value)
        if kind is not ScalarEvent:
            stack.append((current, key))
            current, key = value, None
    if not root:
        raise _UnusualError
    return root[0]
