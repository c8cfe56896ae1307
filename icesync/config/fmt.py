"""
The canonical text of a document: order of keys, indentation, white space; nothing else.

Two blanks for each level, dashes indented below their key, keys in the order of
the documentation (unknown ones last, as they stand), items of lists as they stand.
A file of plain lines that stands so already is left at that by a look at each line;
any other is made a tree, and :mod:`icesync.config.fmt_text` writes that. A property
test holds the two to the same answer.

A new text is given out only if it reads as the same data, holds the same ink, and
its comments to icesync are about the same.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from icesync.config.project import OptionTree, option_tree
from icesync.config.yaml_document import Node, SourceFile, is_sealed, parse_document
from icesync.diagnostics import Diagnostic, SourcePosition
from icesync.frozen import frozen, mutable
from icesync.model.fields import FIELDS, Role
from icesync.model.project import REFERENCE_PATTERN, Option

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icesync.config.yaml_tree import Entry, NodePath, Scalar, Tree

KeyOrder: TypeAlias = "Mapping[str | None, KeyOrder]"
"""The keys of a mapping in their order, each with those below it; None stands for list items."""

_PUNCTUATION: Final = frozenset("-?:,[]{}.")


@frozen
class Formatted:
    """A file and its canonical text, which is the file's own where *problems* forbid it."""

    source: SourceFile
    after: bytes
    problems: tuple[Diagnostic, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether formatting changes the file."""
        return self.after != self.source.data


def format_source(source: SourceFile) -> Formatted:
    """
    Return *source* with its canonical text; it keeps its line ends and byte order mark.

    What sops encrypted stays as it is: the order of its values is part of its checksum.
    """
    document = parse_document(source)
    if document.problems or is_sealed(source):
        return Formatted(source, source.data, document.problems)
    order = key_order(document.data)
    if is_plainly_canonical(source, order):
        return Formatted(source, source.data)
    from icesync.config.fmt_text import canonical_text

    after = canonical_text(document.tree, order)
    line_end = "\r\n" if source.data.partition(b"\n")[0].endswith(b"\r") else "\n"
    data = after.replace("\n", line_end).encode()
    if source.data.startswith(codecs.BOM_UTF8):
        data = codecs.BOM_UTF8 + data
    if data == source.data:
        return Formatted(source, data)
    written = parse_document(SourceFile(source.path, data))
    if not _same(written.data, document.data) or _ink(after) != _ink(document.tree.text):
        message = "this YAML cannot be formatted without changing its meaning"
        return _refused(source, 1, message, "write each key as one plain word")
    lost = _subjects(document.tree) - _subjects(written.tree)
    if lost:
        message = "after formatting, a suppression would apply to something else"
        hint = "put it on its own line, above what it is about"
        return _refused(source, 1, message, hint)
    return Formatted(source, data)


def _subjects(tree: Tree) -> Counter[tuple[str, NodePath | None, bool]]:
    """Return what each comment to icesync in *tree* says, and what it is about."""
    if "icesync:" not in tree.text:
        return Counter()
    return Counter(
        (text, subject and subject.path, bool(subject and subject.inner == subject.end))
        for text, _, subject in tree.directives()
    )


def _refused(source: SourceFile, line: int, message: str, hint: str) -> Formatted:
    problem = Diagnostic("ICE009", message, SourcePosition(source.path, line), hint)
    return Formatted(source, source.data, (problem,))


def key_order(data: Node) -> KeyOrder:
    """Return the order of the keys of *data*."""
    if _is_of_servers(data):
        return _of_servers()
    if "rules" not in data:
        return _of_options()
    from icesync.config.rules import RULES

    return {**_of_options(), "rules": dict.fromkeys(RULES, _NOTHING_BELOW)}


def _is_of_servers(data: Node) -> bool:
    """Return whether *data* is of servers or of options, which the keys at its top tell."""
    keys = data.keys() if isinstance(data, dict) else set()
    return len(keys & _of_servers().keys()) >= len(keys & _of_options().keys())


_NOTHING_BELOW: Final[KeyOrder] = {}


@cache
def _of_servers() -> KeyOrder:
    """Return the order of a file of servers, from the table of fields."""
    settings: dict[str | None, Any] = {}
    for row in FIELDS:
        if row.role is not Role.ADDRESS:
            above = settings.setdefault(row.block, {}) if row.block else settings
            above[row.leaf] = {}
    defaults = {key: below for key, below in settings.items() if key != "name"}
    return {
        "version": {},
        "organization": {},
        "defaults": defaults,
        "servers": {None: {"skill": {}, **settings}},
        "removed": {None: {"skill": {}, "action": {}}},
        "moved": {None: {"skill": {}, "from": {}}},
    }


@cache
def _of_options() -> KeyOrder:
    """Return the order of ``icesync.yaml``, from the table of options."""

    def below(tree: OptionTree) -> dict[str | None, KeyOrder]:
        return {k: {} if isinstance(v, Option) else below(v) for k, v in tree.items()}

    return {"version": {}, **below(option_tree())}


_LEAKS: Final = {
    "ICE401": (
        "the file contains a plaintext secret, so no diff is shown",
        "store it outside the repository and use a reference: ref+env://ICE_NAME",
    ),
    "ICE105": (
        "the value of an unknown key may be a secret, so no diff is shown",
        "run `icesync validate` for details",
    ),
}
_REFERENCE: Final = re.compile(REFERENCE_PATTERN)
_SECRET_COMMENT: Final = re.compile(
    r"(?:password|token|key)[\"']?\s*[:=]\s*(?:#\s*)?(?![\"']?ref\+)[^\s#{\[&*]"
)
_HASH_VALUE: Final = re.compile(r"(?:password|token|key)[\"']?\s*[:=]\s*$")
"""A secret in a comment: a line that is out of use, or a value that begins with ``#``."""


def find_literal_secrets(source: SourceFile) -> tuple[Diagnostic, ...]:
    """
    Return what may be a secret in *source*, which can be read: a difference would show it.

    That is a literal one at a secret's place or in a comment, and what stands at an
    unknown key, which may be a secret's, misspelled.
    """
    document = parse_document(source)
    tree = document.tree
    found = [(tree.place(s.start), rule) for s, rule in _literals(tree, document.data)]
    for number, line in enumerate(tree.text.split("\n"), start=1):
        code, mark, comment = line.partition("#")
        if mark and (_SECRET_COMMENT.search(comment) or _HASH_VALUE.search(code)):
            found.append(((number, len(code) + 1), "ICE401"))
    return tuple(
        Diagnostic(rule, _LEAKS[rule][0], SourcePosition(source.path, *place), _LEAKS[rule][1])
        for place, rule in sorted(found)
    )


def _literals(tree: Tree, data: Any) -> Iterator[tuple[Scalar, str]]:
    """Yield the scalars that may be secret, with the rule that they break."""
    from icesync.config.schema import SCHEMAS
    from icesync.config.yaml_tree import Collection, Scalar

    schema_of_file = SCHEMAS["email-servers" if _is_of_servers(data) else "icesync"]
    open_: list[tuple[Entry, Mapping[str, Any] | None]] = [(tree.root, schema_of_file)]
    while open_:
        entry, schema = open_.pop()
        node = entry.node
        if isinstance(node, Collection):
            # Alternatives are those of a list of limits: its items have them, too.
            items = (schema or {}).get("items", schema if schema and "anyOf" in schema else None)
            known = (schema or {}).get("properties", {})
            open_ += [(e, known.get(e.key.value) if e.key else items) for e in node.entries]
            continue
        scalar = node.target if node and node.alias else node
        if isinstance(scalar, Scalar) and not _REFERENCE.fullmatch(scalar.value):
            if schema is None:
                yield scalar, "ICE105"
            elif schema.get("pattern") == REFERENCE_PATTERN:
                yield scalar, "ICE401"


def _same(one: Node, other: Node) -> bool:
    """Return whether two nodes are equal, quoted texts and plain ones told apart."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _ink(text: str) -> Counter[str]:
    """Return what a person wrote in *text*: all characters but white space and punctuation."""
    letters = Counter(text)
    for character in [c for c in letters if c.isspace() or c in _PUNCTUATION]:
        del letters[character]
    return letters


_WORD: Final = r"[\w./+~][^\s,\[\]{}'\"#]*(?<!:)"
_TEXT: Final = r"'(?:[^'\s]| )*'|\"(?:[^\"\\\s]| )*\""
_PAIR: Final = rf"[a-z_][a-z0-9_]*: {_WORD}"
_REMARK: Final = r"#(?:\S| (?! *$))*"
_LINE: Final = re.compile(
    rf"( *)(- )?([a-z_][a-z0-9_]*):(?: ([\w./+~]\S*(?: \S+)*|{_TEXT}"
    rf"|\[(?:(?:{_WORD}|{_TEXT})(?:, (?:{_WORD}|{_TEXT}))*)?\]|{{(?:{_PAIR}(?:, {_PAIR})*)?}}))?"
    rf"(  +{_REMARK})?"
)
"""A key, behind a dash or not, and what stands behind it on its line, if anything does."""

_COMMENT: Final = re.compile(rf"( *){_REMARK}")
_PAIR_KEY: Final = re.compile("[{ ]([a-z_][a-z0-9_]*): ")

_Ranks: TypeAlias = "dict[str | None, tuple[int, _Ranks]]"
"""The place of each key in its mapping, and the keys below it."""


@mutable
class _Frame:
    """A mapping, or a list of them, whose lines begin at *column*; *last* is its latest key."""

    column: int
    ranks: _Ranks
    is_list: bool = False
    last: int = -1


def is_plainly_canonical(source: SourceFile, order: KeyOrder) -> bool:  # noqa: C901, PLR0911, PLR0912 - kept flat for its speed
    """
    Return whether *source*, which can be read, consists of plain lines in canonical form.

    False says nothing: there may be anchors, texts of several lines, or comments whose place
    takes a second look. Plain are a comment behind a line, one right above a line and in its
    column (but not at the left edge below a block: it may be a line of that which is out of
    use), and blank lines above what begins no block.
    """
    *lines, end = source.data.removeprefix(codecs.BOM_UTF8).decode().split("\n")
    if end or not lines or not (lines[0] and lines[-1]) or b"icesync:" in source.data:
        return False
    frame = _Frame(0, _ranks_of_servers() if order is _of_servers() else _ranked(order))
    outer: list[_Frame] = []
    opened: tuple[int, _Ranks] | None = None
    comment: int | None = None
    blank = False
    remark = ""
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            above = _COMMENT.fullmatch(line)
            if above is not None and not remark and comment in {None, len(above[1])}:
                comment = len(above[1])
            elif not line and (comment is None or frame.last < 0 == comment):
                comment, remark = None, ""
                blank = True
            else:
                return False
            continue
        margin, dash, key, value, remark = match.groups()
        column = len(margin)
        if opened is not None:
            if blank or comment not in {None, column} or column != opened[0] + 2:
                return False
            outer.append(frame)
            frame = _Frame(column, opened[1], is_list=bool(dash))
        else:
            inside = frame.column == column
            while frame.column > column:
                frame = outer.pop()
            if frame.column != column or comment not in {None, column}:
                return False
            if comment == 0 and not inside:
                return False
        if frame.is_list != bool(dash):
            return False
        if dash:
            items = frame.ranks.get(None)
            if items is None:
                return False
            outer.append(frame)
            column += 2
            frame = _Frame(column, items[1])
        known = frame.ranks.get(key)
        if known is None or known[0] <= frame.last:
            return False
        frame.last = known[0]
        opened = (column, known[1]) if value is None else None
        if value and not _is_plain(value, known[1]):
            return False
        comment = None
        blank = False
    return opened is None and comment is None


_NOT_PLAIN: Final = re.compile(": | #|:$")


def _is_plain(value: str, below: _Ranks) -> bool:
    """Return whether *value* is one plain word or text, or pairs in braces in their order."""
    if value[0] == "{":
        places = [below.get(key, (-1,))[0] for key in _PAIR_KEY.findall(value)]
        return -1 not in places and places == sorted(set(places))
    return value[0] in "'\"[" or _NOT_PLAIN.search(value) is None


@cache
def _ranks_of_servers() -> _Ranks:
    return _ranked(_of_servers())


def _ranked(order: KeyOrder) -> _Ranks:
    return {key: (rank, _ranked(below)) for rank, (key, below) in enumerate(order.items())}
