"""
Text to plain data with a position for each node, strictly.

libyaml's parser gives events; nothing is built before an event was looked at,
so size, depth, nodes and alias expansion are bounded first. (PyYAML's loaders
build recursively: a deep document ends the process, a short one with aliases
or merge keys fills the memory.)

There are three readings, each for what the one before gives up: by lines, which knows
block style with one plain key and value a line, as `icesync fmt` writes it, and what stands
in brackets on one line; :mod:`icesync.config.yaml_events`, which knows all ordinary
documents; and :mod:`icesync.config.yaml_tree`, which knows the place of every node and
collects every problem. Property tests hold them to the same data.

Scalars stay text: a password ``0012`` cannot become 10. A scalar that was
quoted is a :class:`Quoted`, so that ``"587"`` and ``587`` can be told apart.

The text is checked as a whole first. Control, bidi, invisible and private characters are
refused by code point, in comments too: they make a reviewer read something else than what
is sent.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
import zlib
from functools import cache, lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from icesync.diagnostics import Diagnostic, SourcePosition
from icesync.errors import ConfigMalformed, printable
from icesync.frozen import NamedTuple, frozen
from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from icesync.config.yaml_tree import NodePath, Tree

MAX_BYTES: Final = 2 * 1024 * 1024
"""Largest file that is read; some 2,400 servers."""
MAX_NODES: Final = 100_000
"""So many values may stand in one file."""


class Quoted(str):
    """A scalar that was quoted or written as a block, and so is a text in every YAML."""

    __slots__ = ()


@frozen
class SourceFile:
    """One file: *path* relative to the configuration with forward slashes, *data* as read."""

    path: str
    data: bytes


def decode(data: bytes) -> str:
    """Return *data* as a text with plain line ends, without byte order mark."""
    text = data.removeprefix(codecs.BOM_UTF8).decode(errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


_PLAIN_BYTES: Final = bytes((0x09, 0x0A, 0x0D, *range(0x20, 0x7F)))
_REFUSED: Final = (
    # control, but tab and line ends; delete and C1
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
    # format: soft hyphen, Arabic and Syriac marks, bidi, zero width, joiners, byte order mark
    "\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f"
    # invisible letters and marks
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
    # line and paragraph separators, surrogates, private use, what is no character
    "\u2028\u2029\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\U000f0000-\U0010ffff"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0xF0000, 0x10000))
)
_BLANKS: Final = "\xa0\u1680\u2000-\u200a\u202f\u205f\u3000"
"""Blanks that look like the ordinary one and are not."""


@cache
def _pattern(more: str = "") -> re.Pattern[str]:
    """Return what finds a refused character, or one of *more*; plain ASCII needs no look."""
    return re.compile(f"[{_REFUSED}{more}]")


_ESCAPE: Final = regex(r"\\.", re.DOTALL)
_ESCAPED: Final = dict(
    zip("0abtnvfreN_LP", "\0\a\b\t\n\v\f\r\x1b\x85\xa0\u2028\u2029", strict=True)
)
"""What the escapes of one letter mean in double quotes (YAML 1.2.2, section 5.7)."""
_MAX_STRANGERS: Final = 100
"""A file with more of them is no text; a finding for each could fill the memory."""
_CONFLICT: Final = (b"<<<<<<<", b"|||||||", b">>>>>>>")


def check_text(source: SourceFile) -> tuple[Diagnostic, ...]:
    """Return what is wrong with the bytes of *source*; empty when a parser may read them."""
    data = source.data
    if len(data) > MAX_BYTES:
        return (_at_start(source, "ICE004", f"larger than {MAX_BYTES // 2**20} MiB", "split it"),)
    if not data.strip():
        hint = "add `version: 1`, or remove the file"
        return (_at_start(source, "ICE007", "the file is empty", hint),)
    if any(marker in data for marker in _CONFLICT):
        conflict = _conflict(source)
        if conflict:
            return (conflict,)
    if not data.translate(None, _PLAIN_BYTES):
        return ()
    return _check_unicode(source)


def name_character(character: str) -> str:
    """Return the code point and name of *character*, such as ``U+200B ZERO WIDTH SPACE``."""
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X} {name}".rstrip()


def show_key(key: str) -> str:
    """Return *key* for a message: strange characters are escaped, long keys cut."""
    return (key if key.isprintable() else printable(key))[:60]


def find_unprintable(text: str) -> str:
    """
    Return the first character of *text* that a value cannot hold, or an empty text.

    By a table, not by the version of Unicode that Python has: what a laptop takes, a
    runner takes. Characters that Unicode may assign some day are taken.
    """
    if text.isascii() and text.isprintable():
        return ""
    found = _pattern(f"{_BLANKS}\t\n\r").search(text)
    return found[0] if found else ""


def find_escape(raw: str, character: str) -> str:
    r"""Return the escape of a letter in *raw* that YAML reads as *character*, such as ``\b``."""
    escapes = (match[0] for match in _ESCAPE.finditer(raw))
    return next((e for e in escapes if _ESCAPED.get(e[1]) == character), "")


def _check_unicode(source: SourceFile) -> tuple[Diagnostic, ...]:
    data = source.data.removeprefix(codecs.BOM_UTF8)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode()) + 1
        position = SourcePosition(source.path, line, column)
        return (Diagnostic("ICE002", "the file is not UTF-8", position, "save it as UTF-8"),)
    if not _pattern().search(text):
        return ()
    return tuple(islice(_strangers(source, text), _MAX_STRANGERS))


def _strangers(source: SourceFile, text: str) -> Iterator[Diagnostic]:
    for number, line in enumerate(text.split("\n"), start=1):
        for match in _pattern().finditer(line):
            yield Diagnostic(
                "ICE003",
                f"the character {name_character(match[0])} is not allowed",
                SourcePosition(source.path, number, match.start() + 1),
                "delete it; retype the line instead of pasting it",
            )


def _conflict(source: SourceFile) -> Diagnostic | None:
    for number, line in enumerate(source.data.splitlines(), start=1):
        if line.startswith(_CONFLICT):
            return Diagnostic(
                "ICE005",
                "a merge-conflict marker",
                SourcePosition(source.path, number, 1),
                "resolve the conflict, then commit the file again",
            )
    return None


def _at_start(source: SourceFile, rule: str, message: str, hint: str) -> Diagnostic:
    return Diagnostic(rule, message, SourcePosition(source.path, 1, 1), hint)


Node: TypeAlias = Any
"""A str, a Quoted, or a dict or list of nodes; the only untyped data of the program."""


def node_at(node: Node, path: NodePath) -> Node:
    """Return what stands at *path* below *node*, or None."""
    for part in path:
        if isinstance(part, str) and (not isinstance(node, dict) or part not in node):
            return None
        node = node[part]
    return node


class Document:
    """
    One file as plain data; *data* is None where *problems* made it unreadable.

    Positions are made when first asked for, by reading the text again: only a
    document that changed or has a problem pays for them. One that was read *by_lines*
    needs no tree for that.
    """

    __slots__ = (
        "_by_lines",
        "_data",
        "_packed",
        "_source",
        "_tree",
        "altered",
        "problems",
        "sealed",
    )

    def __init__(
        self,
        source: SourceFile,
        data: Node = None,
        problems: tuple[Diagnostic, ...] = (),
        tree: Tree | None = None,
        *,
        by_lines: bool = False,
    ) -> None:
        self._packed = False
        self._source = source
        self.problems = problems
        self.altered = False
        """Whether the data is not what the text says."""
        self.sealed: Mapping[NodePath, frozenset[str]] = {}
        """The settings that sops encrypted, which the data lacks, by the place of their mapping."""
        self._by_lines = by_lines
        self._data = data
        self._tree = tree

    @property
    def data(self) -> Node:
        """The file as plain data."""
        if self._data is not _LET_GO:
            return self._data
        read = _read_again if self._by_lines else _data_again
        return read(self._source, self._packed)

    def let_go(self) -> None:
        """Hold the text only, packed if it is long; who asks again pays for reading it."""
        if self.altered or self.problems:
            return
        self._data, self._tree = _LET_GO, None
        if len(self._source.data) > _SHORT and not self._packed:
            self._source = SourceFile(self.file, zlib.compress(self._source.data, 1))
            self._packed = True

    @property
    def source(self) -> SourceFile:
        """The file as it was read."""
        return _unpack(self._source) if self._packed else self._source

    @source.setter
    def source(self, source: SourceFile) -> None:
        self._source, self._packed = source, False

    @property
    def file(self) -> str:
        """The path of the file, relative to the configuration."""
        return self._source.path

    def position(self, path: NodePath = ()) -> SourcePosition:
        """Return the place of the value at *path*, or of its nearest parent that exists."""
        places = self._places
        place = places.value(path) if places else self.tree.position(path)
        return SourcePosition(self.file, *place)

    def find(self, path: NodePath, key: str) -> SourcePosition | None:
        """Return the place of the value at the dotted *key* below *path*; None without one."""
        places = self._places
        if places is None:
            path = (*path, *key.split("."))
            return None if node_at(self.data, path) is None else self.position(path)
        place = places.below(path).get(key)
        return None if place is None else SourcePosition(self.file, *place)

    def key_position(self, path: NodePath) -> SourcePosition:
        """Return the place of the key at *path*, for a finding about the key itself."""
        places = self._places
        place = places.key(path) if places else self.tree.position(path, key=True)
        return SourcePosition(self.file, *place)

    def server_position(self, path: NodePath) -> SourcePosition:
        """Return the place of the server at *path*: its `skill` in block style, else its brace."""
        places = self._places
        if places is None:
            return SourcePosition(self.file, *self.tree.block_position(path, "skill"))
        return SourcePosition(self.file, *places.block_position(path, "skill"))

    @property
    def _places(self) -> _Places | None:
        if not self._by_lines or self.altered:
            return None
        return _find_places(self._source, self._packed)

    @property
    def tree(self) -> Tree:
        """The file as a tree."""
        return self._tree or _read_carefully(self.source)


_LET_GO: Final = object()
_SHORT: Final = 4096
"""A text of so many bytes is not worth the time that packing takes."""


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
        return Document(source, _read_lines(source.data), by_lines=True)
    except UnusualError:
        pass
    return _parse_events(source)


def _parse_events(source: SourceFile) -> Document:
    """Return *source*, whose text is right and which is not in plain block style."""
    from icesync.config.yaml_events import TooManyError, read_events, yaml_problem

    try:
        return Document(source, read_events(source.data))
    except UnusualError:
        tree = _read_carefully(source)
    except TooManyError as error:
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


@lru_cache(maxsize=4)
def _read_carefully(source: SourceFile) -> Tree:
    """Return *source* as a tree, which ordinary files do not need."""
    from icesync.config.yaml_tree import read_tree

    return read_tree(source)


def _unpack(source: SourceFile) -> SourceFile:
    return SourceFile(source.path, zlib.decompress(source.data))


# Whoever looks for many places of one file asks many times. What is remembered is known by
# the text as it is held: to unpack a long one each time would take longer than to look.


@lru_cache(maxsize=4)
def _data_again(source: SourceFile, packed: bool) -> Node:
    return _read_carefully(_unpack(source) if packed else source).data()


@lru_cache(maxsize=4)
def _read_again(source: SourceFile, packed: bool) -> Node:
    return _read_lines(_unpack(source).data if packed else source.data)


@lru_cache(maxsize=4)
def _find_places(source: SourceFile, packed: bool) -> _Places:
    return _Places(_unpack(source).data if packed else source.data)


class UnusualError(Exception):
    """The document needs a more careful reading."""


MAX_QUICK_DEPTH: Final = 16
_UNCOUNTED_LINES: Final = MAX_NODES // 4
"""A line makes up to four nodes: a list, an item of it, a key and a value."""

_VALUE: Final = (
    r"(?:([\w/.~+$][^\s:]*(?:(?::(?=\S)| +(?=[^\s#]))[^\s:]*)*)|'([^']*)'|\"([^\"\\]*)\""
    r"|(\{[^{}\[\]\r]*\}|\[[^{}\[\]\r]*\]))"
)
"""Plain, in quotes without escapes, or in brackets."""
_BEHIND: Final = r"(?: +#[^\r]*)? *"
_LINE: Final = regex(rf"( *)(- )?([a-z_][a-z0-9_]{{0,63}}):(?: +{_VALUE})?{_BEHIND}")
"""A key and its value, which may be on the lines below."""
_ITEM: Final = regex(rf"( *)- {_VALUE}{_BEHIND}")
"""A value of a list."""
_MEMBER: Final = regex(
    r" *(?:([a-z_][a-z0-9_]{0,63}): +)?"
    r"(([\w/.~+$][^\s:,?]*(?:(?::(?=[^\s:,?])| +(?=[^\s:,?#]))[^\s:,?]*)*)"
    r"|'([^']*)'|\"([^\"\\]*)\") *(?:,|$)"
)
"""A value in brackets with what ends it, and its key if they are braces."""
_NO_CODE: Final = regex(r" *(?:#[^\r]*)?")
_REMEMBERED: Final = 4096


class _Lines(dict[str, tuple[int, str, Node] | None]):
    """
    What each line says, learned as it is asked: most lines of a fleet are seen again and again.

    The level of its key, the key, and the value. Levels are twice the column, and one more
    where a dash opens an item, so that a list may stand right below its key. A value of a
    list has no key. What stands in brackets is made anew each time: no two documents share it.
    """

    def __missing__(self, line: str) -> tuple[int, str, Node] | None:
        match = _LINE.fullmatch(line)
        if len(self) >= _REMEMBERED:
            self.clear()
        if match is not None:
            indent, dash, key, plain, single, double, brackets = match.groups()
            level = 2 * len(indent) + (dash is not None)
        elif (match := _ITEM.fullmatch(line)) is not None:
            indent, plain, single, double, brackets = match.groups()
            level, key = 2 * len(indent) + 1, ""
        elif _NO_CODE.fullmatch(line):
            self[line] = None
            return None
        else:
            raise UnusualError
        if brackets is not None:
            return level, key, _read_brackets(brackets)
        value = plain
        if plain is None and (single is not None or double is not None):
            value = Quoted(double if single is None else single)
        if value is not None and not value.isprintable():
            raise UnusualError
        said = self[line] = level, key, value
        return said


class _Member(NamedTuple):
    """A value in brackets, its key in braces, and how far behind the bracket both are."""

    key: str | None
    value: str
    key_at: int
    value_at: int


def _members(brackets: str) -> Iterator[_Member]:
    """Yield what stands in *brackets*."""
    inside = brackets[1:-1].rstrip(" ")
    at = 0
    while at < len(inside):
        match = _MEMBER.match(inside, at)
        if match is None:
            raise UnusualError
        key, _, plain, single, double = match.groups()
        value = plain if plain is not None else Quoted(double if single is None else single)
        if (key is None) is (brackets[0] == "{") or not value.isprintable():
            raise UnusualError
        yield _Member(key, value, match.start(1) + 1, match.start(2) + 1)
        at = match.end()


def _read_brackets(brackets: str) -> Node:
    """Return the mapping in braces, or the list in square brackets."""
    members = list(_members(brackets))
    if brackets[0] == "[":
        return [member.value for member in members]
    made = {member.key: member.value for member in members}
    if len(made) < len(members):
        raise UnusualError
    return made


_LINES: Final = _Lines()


class _NoMapping(dict[str, Node]):
    """What lines below a value of a list are put into: each is refused."""

    def __contains__(self, _key: object) -> bool:
        return True


_NO_MAPPING: Final = _NoMapping()


def _read_lines(data: bytes) -> Node:  # noqa: C901, PLR0912 - kept flat for its speed
    """Return the data of a document in block style; *data* was checked by :func:`check_text`."""
    lines = data.decode().split("\n")
    # A bracket and a comma make two more nodes at most.
    most = len(lines) + sum(map(data.count, (b"{", b"[", b",")))
    if most > MAX_NODES:
        raise UnusualError
    root: list[Node] = []
    current: Node = root
    opened: str | None = ""
    """the key whose value begins on the next line"""
    above: list[tuple[int, Node]] = []
    """the collections around the current one, with their levels"""
    level = -1
    for line in lines:
        said = _LINES[line]
        if said is None:
            continue
        here, key, value = said
        if here != level or opened is not None:
            if (here > level) is (opened is None) or len(above) > MAX_QUICK_DEPTH:
                raise UnusualError
            if opened is not None:
                above.append((level, current))
                made: Node = [] if here & 1 else {}
                if current is root:
                    root.append(made)
                else:
                    current[opened] = made
                level, current, opened = here, made, None
            while here < level:
                level, current = above.pop()
            if here != level:
                raise UnusualError
            if here & 1:
                above.append((level, current))
                if not key:
                    current.append(value)
                    level, current = here + 3, _NO_MAPPING
                    continue
                current.append({})
                level, current = here + 3, current[-1]
        if key in current:
            raise UnusualError
        if value is None:
            opened = key
        current[key] = value
    if opened is not None or (most > _UNCOUNTED_LINES and _count(root[0]) > MAX_NODES):
        raise UnusualError
    return root[0]


def _count(node: Node) -> int:
    """Return how many values *node* holds with itself; a key is one, too."""
    if type(node) is dict:
        return 1 + len(node) + sum(map(_count, node.values()))
    return 1 + sum(map(_count, node)) if type(node) is list else 1


_Place: TypeAlias = tuple[int, int]
"""Line and column, from 1."""


_Start: TypeAlias = tuple[int, int]
"""
The index of the first line of a collection, and its level.

That of one in brackets is the column of the bracket below zero.
"""


class _Step(NamedTuple):
    """The places of a key and its value, and where it starts if it is a collection."""

    key: _Place | None
    value: _Place
    inside: _Start | None


def _place(start: _Start) -> _Place:
    index, level = start
    return index + 1, -level if level < 0 else level // 2 + 1


class _Places:
    """
    The places of keys and values in a text that :func:`_read_lines` can read.

    A path is followed from the top, so that one place costs little more than a look at the
    lines; what is on the way of many paths is remembered. A collection is the index of its
    first line and its level, as in :class:`_Lines`; those of lists are odd.
    """

    def __init__(self, data: bytes) -> None:
        self._lines = data.decode().split("\n")
        self._mappings: dict[int, dict[str, int]] = {}
        self._lists: dict[int, list[int]] = {}
        self._below: dict[NodePath, Mapping[str, _Place]] = {}
        self._brackets: dict[_Start, Mapping[str | int, _Step]] = {}
        self._children: dict[tuple[_Start, str | int], _Step | None] = {}

    def below(self, path: NodePath) -> Mapping[str, _Place]:
        """Return the places of all values in the mapping at *path*, by their dotted keys."""
        if path not in self._below:
            steps = list(self._follow(path))
            inside = steps[-1].inside if len(steps) > len(path) else None
            self._below[path] = dict(self._walk(inside)) if inside else {}
        return self._below[path]

    def value(self, path: NodePath) -> _Place:
        """Return the place of the value at *path*, or of its nearest parent that exists."""
        return list(self._follow(path))[-1].value

    def key(self, path: NodePath) -> _Place:
        """Return the place of the last key of *path* that exists."""
        keys = [step.key for step in self._follow(path) if step.key is not None]
        return keys[-1] if keys else (1, 1)

    def block_position(self, path: NodePath, key: str) -> _Place:
        """Return the place of *key* in the mapping at *path* in block style, else of its value."""
        last = list(self._follow(path))[-1]
        in_block = last.inside is not None and last.inside[1] >= 0
        return self.key((*path, key)) if in_block and key in self.below(path) else last.value

    def _walk(self, start: _Start, above: str = "") -> Iterator[tuple[str, _Place]]:
        index, level = start
        if level < 0:
            members = self._bracketed(start).items()
            yield from ((f"{above}{key}", step.value) for key, step in members if step.key)
            return
        for i, key in self._block(index, level) if not level & 1 else ():
            step = self._step(i)
            yield above + key, step.value
            if step.inside is not None:
                yield from self._walk(step.inside, f"{above}{key}.")

    def _follow(self, path: NodePath) -> Iterator[_Step]:
        """Yield the step to the document, which has no key, and to each part that exists."""
        start = self._begin(0)
        step = _Step(None, _place(start), start)
        yield step
        for part in path:
            if step.inside is None:
                return
            asked = step.inside, part
            if asked not in self._children:
                self._children[asked] = self._child(*asked)
            child = self._children[asked]
            if child is None:
                return
            step = child
            yield step

    def _step(self, index: int) -> _Step:
        """Return what stands at the key in the line at *index*."""
        text = self._lines[index]
        here, key, value = _LINES[text] or (0, "", None)
        column = here // 2 + 1 + 2 * (here & 1)
        if value is None:
            inside = self._begin(index + 1)
            return _Step((index + 1, column), _place(inside), inside)
        after = text[column + len(key) :]
        blanks = len(after) - len(after.lstrip(" "))
        behind = column + len(key) + blanks + 1
        brackets = (index, -behind) if isinstance(value, dict | list) else None
        return _Step((index + 1, column), (index + 1, behind), brackets)

    def _bracketed(self, start: _Start) -> Mapping[str | int, _Step]:
        """Return what stands in the brackets that open at *start*, by its key or its number."""
        if start in self._brackets:
            return self._brackets[start]
        index, column = start[0], -start[1]
        line = self._lines[index]
        closed = "}" if line[column - 1] == "{" else "]"
        brackets = line[column - 1 : line.index(closed, column) + 1]
        steps: dict[str | int, _Step] = {}
        for number, (key, _, key_at, value_at) in enumerate(_members(brackets)):
            place = None if key is None else (index + 1, column + key_at)
            part = number if key is None else key
            steps[part] = _Step(place, (index + 1, column + value_at), None)
        self._brackets[start] = steps
        return steps

    def _begin(self, index: int) -> tuple[int, int]:
        """Return the first line from *index* on that says something, and its level."""
        while (said := _LINES[self._lines[index]]) is None:
            index += 1
        return index, said[0]

    def _child(self, start: _Start, part: str | int) -> _Step | None:
        """Return the step to *part* of the collection at *start*."""
        index, level = start
        if level < 0:
            return self._bracketed(start).get(part)
        if isinstance(part, str):
            found = None if level & 1 else self._mapping(index, level).get(part)
            return None if found is None else self._step(found)
        items = self._list(index, level) if level & 1 else []
        if part >= len(items):
            return None
        inside = items[part], level + 3
        _, key, value = _LINES[self._lines[inside[0]]] or (0, "", None)
        if not key:
            column = level // 2 + 3
            brackets = (inside[0], -column) if isinstance(value, dict | list) else None
            return _Step(None, (inside[0] + 1, column), brackets)
        return _Step(None, _place(inside), inside)

    def _mapping(self, index: int, level: int) -> Mapping[str, int]:
        if index not in self._mappings:
            self._mappings[index] = {key: i for i, key in self._block(index, level)}
        return self._mappings[index]

    def _list(self, index: int, level: int) -> Sequence[int]:
        if index not in self._lists:
            self._lists[index] = [i for i, _ in self._block(index, level)]
        return self._lists[index]

    def _block(self, index: int, level: int) -> Iterator[tuple[int, str]]:
        """Yield the lines at *level* from *index* on, and their keys, until the collection ends."""
        deeper = " " * (level // 2 + 1)
        for i in range(index, len(self._lines)):
            text = self._lines[i]
            if i > index and text.startswith(deeper):
                continue
            said = _LINES[text]
            if said is not None and (i == index or said[0] == level):
                yield i, said[1]
            elif said is not None and said[0] < level:
                return


SOPS_METADATA: Final = regex(rb"^sops:", re.MULTILINE)


def is_sealed(source: SourceFile) -> bool:
    """Return whether *source* is a file that sops encrypted."""
    return b"ENC[" in source.data and SOPS_METADATA.search(source.data) is not None
