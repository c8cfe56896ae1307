"""
The canonical text of a document: order of keys, indentation, white space; nothing else.

Two blanks for each level, dashes indented below their key, keys in the order of
the documentation (unknown ones last, as they stand), items of lists as they stand.
Scalars, comments and blank lines are copied as they are written
(:mod:`icesync.config.yaml_tree`); what is in braces stays in braces, and no line
is wrapped. A round trip through a YAML library does not do: ruamel.yaml spells
escapes anew, leaves comments at columns of former lines, and loses those in braces.

A new text is given out only if it reads as the same data, holds the same ink, and
its comments to icesync are about the same.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from functools import cache
from itertools import dropwhile
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from icesync.config.project import OptionTree, option_tree
from icesync.config.yaml_document import Node, SourceFile, is_sealed, parse_document
from icesync.config.yaml_tree import (
    DIRECTIVE,
    Collection,
    Entry,
    Line,
    NodePath,
    Scalar,
    TrailingComment,
    Tree,
)
from icesync.diagnostics import Diagnostic, SourcePosition
from icesync.frozen import frozen
from icesync.model.fields import FIELDS, Role
from icesync.model.project import REFERENCE_PATTERN, Option

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_MARGIN: Final = 2
"""At least so many blanks stand before a comment behind something, as yamllint asks."""

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
    after = _canonical(document.tree, key_order(document.data))
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


def _canonical(tree: Tree, order: KeyOrder) -> str:
    page, root = tree.root, tree.root.node
    if isinstance(root, Collection) and not root.flow:
        header, rest = _split_header(page.leading)
        if rest and _ordered(root, order, opens=True)[0] is not root.entries[0]:
            root.entries[0].leading[:0] = rest
        else:
            header = page.leading
        body = [*_indented(header, 0), *_block(root, 0, order, opens=True)]
    else:
        body = [*_indented(page.leading, 0), *_labelled("", page, 0, order)]
    lines = [*tree.prologue, *body, *_indented(tree.page.tail, 0)]
    return "\n".join(lines).strip("\n") + "\n"


def _split_header(lines: list[Line]) -> tuple[list[Line], list[Line]]:
    """
    Return the lines that open the file, and those behind the last blank one: the first key's.

    What speaks to icesync there is about the whole file.
    """
    if any(DIRECTIVE.search(line.text) for line in lines):
        return lines, []
    blank = max((index for index, line in enumerate(lines) if not line.text), default=-1)
    return (lines[: blank + 1], lines[blank + 1 :]) if blank >= 0 else (lines, [])


def _block(node: Collection, indent: int, order: KeyOrder, *, opens: bool) -> Iterator[str]:
    """Yield the lines of a block; what is above its first key is outside where it *opens* one."""
    entries = _ordered(node, order, opens=opens)
    yield from _indented(node.head, indent)
    below = False
    for entry in entries:
        leading = list(entry.leading)
        if entry is entries[0] is not node.entries[0]:
            leading = list(dropwhile(lambda line: not line.text, leading))
        if below and (not leading or leading[0].text):
            yield ""  # without it, what stands below the last entry would be about this one
        yield from _indented(leading, indent)
        head = _key(entry.key) if entry.key else "-"
        yield from _labelled(head, entry, indent, _below(order, entry))
        yield from _indented(entry.below, indent)
        below = bool(entry.below)
    if below and node.tail and node.tail[0].text:
        yield ""
    yield from _indented(node.tail, indent)


def _labelled(head: str, entry: Entry, indent: int, order: KeyOrder) -> Iterator[str]:
    """Yield the lines of *entry*: *head*, which is its key or dash, and its value."""
    node = entry.node
    anchor = f" &{node.anchor}" if node and node.anchor and not _is_alias(node) else ""
    margin = " " * indent
    if isinstance(node, Collection) and not node.flow:
        item = head == "-" and not anchor
        below = list(_block(node, indent + 2, order, opens=item))
        if item:
            yield from _behind_dash(below, margin)
        else:
            yield from _with_comment(margin + head + anchor, entry.aside)
            yield from below
        return
    first, *others = _value(node, indent, order)
    remark, start = entry.remark, margin + f"{head}{anchor} {first}".strip()
    if entry.aside is not None:
        if remark is None and not others:
            remark = entry.aside
        else:
            yield from _with_comment(margin + f"{head}{anchor}".strip(), entry.aside)
            start = f"{margin}  {first}".rstrip()
    lines = [start, *others]
    yield from lines[:-1]
    yield from _with_comment(lines[-1], remark)


def _behind_dash(below: list[str], margin: str) -> Iterator[str]:
    """Yield the lines of a collection that begins on the line of its dash; comments go above."""
    start = next(i for i, line in enumerate(below) if line.strip() and line.lstrip()[0] != "#")
    yield from (margin + line.lstrip() for line in below[:start] if line)
    yield f"{margin}- {below[start].lstrip()}"
    yield from below[start + 1 :]


def _alone(comment: TrailingComment) -> list[Line]:
    """Return *comment* as lines of their own."""
    return [Line(text) for text in (comment.text, *comment.more)]


def _with_comment(line: str, comment: TrailingComment | None) -> Iterator[str]:
    """Yield *line* with the *comment* behind it, and the lines that continue the comment."""
    if comment is None:
        yield line
        return
    margin = line + " " * max(_MARGIN, comment.blanks)
    yield margin + comment.text
    yield from (" " * len(margin) + text for text in comment.more)


def _value(node: Scalar | Collection | None, indent: int, order: KeyOrder) -> list[str]:
    """Return the lines of a value that stands behind a key or dash at *indent*."""
    if isinstance(node, Collection):
        return list(_broken(node, indent, order)) if node.broken else [_flow(node, order)]
    assert node is not None
    first, *others = node.text.split("\n")
    if node.block:
        margin = " " * (indent + (node.digit or 2))
        return [first, *(margin + line if line else "" for line in others)]
    return [first, *(" " * (indent + 2) + line.lstrip() for line in others)]


def _flow(node: Collection, order: KeyOrder) -> str:
    """Return a flow collection that stands on one line."""
    texts = [
        " ".join((*_head(entry), *_value(entry.node, 0, _below(order, entry))))
        for entry in _ordered(node, order)
    ]
    return f"{{{', '.join(texts)}}}" if node.mapping else f"[{', '.join(texts)}]"


def _broken(node: Collection, indent: int, order: KeyOrder) -> Iterator[str]:
    """
    Yield the lines of a flow collection that spans lines: an entry each.

    The closing bracket stands right of the key: YAML 1.2 asks for that, and
    editors warn otherwise.
    """
    entries = _ordered(node, order)
    yield "{" if node.mapping else "["
    margin = " " * (indent + 4)
    yield from _indented(node.head, indent + 4)
    below = False
    for entry in entries:
        if below and (not entry.leading or entry.leading[0].text):
            yield ""
        yield from _indented(entry.leading, indent + 4)
        remark = entry.remark or entry.aside
        if entry.aside is not None and entry.aside is not remark:
            yield from _indented(_alone(entry.aside), indent + 4)
        lines = _value(entry.node, indent + 2, _below(order, entry))
        lines[0] = margin + " ".join((*_head(entry), lines[0]))
        yield from lines[:-1]
        comma = "" if entry is entries[-1] else ","
        yield from _with_comment(lines[-1].rstrip() + comma, remark)
        yield from _indented(entry.below, indent + 4)
        below = bool(entry.below)
    yield from _indented(node.tail, indent + 4)
    yield " " * (indent + 2) + ("}" if node.mapping else "]")


def _head(entry: Entry) -> Iterator[str]:
    """Yield the words before the value of a flow entry."""
    if entry.key:
        yield _key(entry.key)
    if entry.node and entry.node.anchor and not _is_alias(entry.node):
        yield f"&{entry.node.anchor}"


def _key(key: Scalar) -> str:
    anchor = f"&{key.anchor} " if key.anchor else ""
    return f"{anchor}{key.text}:"


def _is_alias(node: Node) -> bool:
    return isinstance(node, Scalar) and node.alias


def _indented(lines: Iterable[Line], indent: int) -> Iterator[str]:
    return (" " * indent + line.text if line.text else "" for line in lines)


def _below(order: KeyOrder, entry: Entry) -> KeyOrder:
    """Return the order below *entry*; an empty one where there is none."""
    return order.get(entry.key.value if entry.key else None, _NOTHING_BELOW)


def _ordered(node: Collection, order: KeyOrder, *, opens: bool = False) -> list[Entry]:
    """
    Return the entries in the documented order of keys, unknown ones last.

    They stay as they are where an alias would come to mean another anchor, or none,
    and where a comment to icesync would come to be above the first key of what *opens*
    an item or the file, and so be about all of it.
    """
    if not node.mapping:
        return node.entries
    ranks = {key: rank for rank, key in enumerate(order)}
    last = len(ranks)
    found = [ranks.get(e.key.value, last) if e.key else last for e in node.entries]
    if found == sorted(found):
        return node.entries
    ordered = sorted(
        node.entries, key=lambda e: ranks.get(e.key.value, len(ranks)) if e.key else len(ranks)
    )
    widened = opens and ordered[0] is not node.entries[0] and _directed(ordered[0])
    same = _by_anchor(ordered) == _by_anchor(node.entries)
    return ordered if same and not widened else node.entries


def _directed(entry: Entry) -> bool:
    return any(DIRECTIVE.search(line.text) for line in entry.leading)


def _by_anchor(entries: Iterable[Entry]) -> list[tuple[str, bool]]:
    """Return the name of each anchor and alias, and which of the two it is, in order by name."""
    return sorted(_anchors(entries), key=lambda found: found[0])


def _anchors(entries: Iterable[Entry]) -> Iterator[tuple[str, bool]]:
    for entry in entries:
        node = entry.node
        if node and node.anchor:
            yield node.anchor, _is_alias(node)
        if isinstance(node, Collection):
            yield from _anchors(node.entries)
