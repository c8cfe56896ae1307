"""
The canonical text of a document: order of keys, indentation, white space; nothing else.

Two blanks for each level, dashes indented below their key, keys in the order of
the schema (unknown ones last, as they stand), items of lists as they stand.
Scalars, comments and blank lines are copied as they are written
(:mod:`icesync.config.yaml.cst`); what is in braces stays in braces, and no line
is wrapped. A round trip through a YAML library does not do: ruamel.yaml spells
escapes anew, leaves comments at columns of former lines, and loses those in braces.

A new text is given out only if it reads as the same data, holds the same ink, and
its comments to icesync are about the same.
"""

from __future__ import annotations

import codecs
from collections import Counter
from dataclasses import dataclass
from itertools import dropwhile
from typing import TYPE_CHECKING, Any, Final

from icesync.config.schema import SCHEMAS
from icesync.config.sops_files import is_sealed
from icesync.config.yaml.cst import (
    Collection,
    ConcreteDocument,
    Entry,
    Scalar,
    TrailingComment,
    read_cst,
)
from icesync.config.yaml.directives import DIRECTIVE, find_directives
from icesync.config.yaml.document import parse_document
from icesync.config.yaml.source import SourceFile
from icesync.diagnostics import Diagnostic, SourcePosition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from icesync.config.yaml.document import Node

__all__ = ["Formatted", "decode", "format_source", "schema_of"]

_MARGIN: Final = 2
"""At least so many blanks stand before a comment behind something, as yamllint asks."""

_PUNCTUATION: Final = frozenset("-?:,[]{}.")


@dataclass(frozen=True, slots=True)
class Formatted:
    """A file and its canonical text, which is the file's own where *problems* forbid it."""

    source: SourceFile
    after: bytes
    problems: tuple[Diagnostic, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether the file is not in shape."""
        return self.after != self.source.data


def format_source(source: SourceFile) -> Formatted:
    """
    Return *source* with its canonical text; it keeps its line ends and byte order mark.

    What sops encrypted stays as it is: the order of its values is part of its checksum.
    """
    document = parse_document(source)
    if document.problems or is_sealed(source):
        return Formatted(source, source.data, document.problems)
    before = decode(source.data).rstrip("\n") + "\n"
    after = _canonical(read_cst(before), schema_of(document.data))
    line_end = "\r\n" if source.data.partition(b"\n")[0].endswith(b"\r") else "\n"
    data = after.replace("\n", line_end).encode()
    if source.data.startswith(codecs.BOM_UTF8):
        data = codecs.BOM_UTF8 + data
    written = parse_document(SourceFile(source.path, data))
    if not _same(written.data, document.data) or _ink(after) != _ink(before):
        message = "the file uses YAML that cannot be laid out without changing what it says"
        return _refused(source, 1, message, "write each key as one plain word")
    said = Counter(speech[:2] for speech in find_directives(after))
    for text, subject, line in find_directives(before):
        if not said[text, subject]:
            message = "the comment to icesync would be about something else once laid out"
            hint = "put it on a line of its own, above what it is about"
            return _refused(source, line, message, hint)
    return Formatted(source, data)


def _refused(source: SourceFile, line: int, message: str, hint: str) -> Formatted:
    problem = Diagnostic("ICE009", message, SourcePosition(source.path, line), hint)
    return Formatted(source, source.data, (problem,))


def decode(data: bytes) -> str:
    """Return *data* as a text with plain line ends, without byte order mark."""
    text = data.removeprefix(codecs.BOM_UTF8).decode()
    return text.replace("\r\n", "\n").replace("\r", "\n")


def schema_of(data: Node) -> Mapping[str, Any]:
    """Return the schema that knows most of the keys at the top of *data*: files tell by content."""
    keys = data.keys() if isinstance(data, dict) else set()
    order = ("email-servers", "icesync")
    return max((SCHEMAS[name] for name in order), key=lambda s: len(keys & s["properties"].keys()))


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


def _canonical(written: ConcreteDocument, schema: Mapping[str, Any]) -> str:
    page, root = written.root, written.root.node
    if isinstance(root, Collection) and not root.flow:
        header, rest = _split_header(page.leading)
        if rest and _ordered(root, schema)[0] is not root.entries[0]:
            root.entries[0].leading[:0] = rest
        else:
            header = page.leading
        body = [*header, *_block(root, 0, schema)]
    else:
        body = [*page.leading, *_labelled("", page, 0, schema)]
    lines = [*written.prologue, *body, *written.footer]
    return "\n".join(lines).strip("\n") + "\n"


def _split_header(lines: list[str]) -> tuple[list[str], list[str]]:
    """
    Return the lines that open the file, and those behind the last blank one: the first key's.

    What speaks to icesync there is about the whole file.
    """
    if any(map(DIRECTIVE.match, lines)):
        return lines, []
    blank = max((index for index, line in enumerate(lines) if not line), default=-1)
    return (lines[: blank + 1], lines[blank + 1 :]) if blank >= 0 else (lines, [])


def _block(node: Collection, indent: int, schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a block mapping or a block sequence."""
    entries = _ordered(node, schema)
    for entry in entries:
        leading: Iterable[str] = entry.leading
        if entry is entries[0] is not node.entries[0]:
            leading = dropwhile(lambda line: not line, leading)
        yield from _indented(leading, indent)
        head = _key(entry.key) if entry.key else "-"
        yield from _labelled(head, entry, indent, _below(schema, entry))
    yield from _indented(node.tail, indent)


def _labelled(head: str, entry: Entry, indent: int, schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of *entry*: *head*, which is its key or dash, and its value."""
    node = entry.node
    anchor = f" &{node.anchor}" if node and node.anchor and not _is_alias(node) else ""
    margin = " " * indent
    if isinstance(node, Collection) and not node.flow:
        below = list(_block(node, indent + 2, schema))
        if head == "-" and not anchor:
            yield from _behind_dash(below, margin)
        else:
            yield margin + head + anchor + _aside(entry.aside)
            yield from below
        return
    first, *others = _value(node, indent, schema)
    remark = entry.remark
    if entry.aside is not None:
        if remark is None and not others:
            remark = entry.aside
        else:
            yield margin + entry.aside.text
    lines = [margin + f"{head}{anchor} {first}".strip(), *others]
    yield from lines[:-1]
    yield lines[-1] + _aside(remark)


def _behind_dash(below: list[str], margin: str) -> Iterator[str]:
    """Yield the lines of a collection that begins on the line of its dash; comments go above."""
    start = next(i for i, line in enumerate(below) if line.strip() and line.lstrip()[0] != "#")
    yield from (margin + line.lstrip() for line in below[:start] if line)
    yield f"{margin}- {below[start].lstrip()}"
    yield from below[start + 1 :]


def _value(node: Scalar | Collection | None, indent: int, schema: Mapping[str, Any]) -> list[str]:
    """Return the lines of a value that stands behind a key or dash at *indent*."""
    if isinstance(node, Collection):
        return list(_broken(node, indent, schema)) if node.broken else [_flow(node, schema)]
    assert node is not None
    first, *others = node.text.split("\n")
    if node.block:
        margin = " " * (indent + (node.digit or 2))
        return [first, *(margin + line if line else "" for line in others)]
    return [first, *(" " * (indent + 2) + line.lstrip() for line in others)]


def _flow(node: Collection, schema: Mapping[str, Any]) -> str:
    """Return a flow collection that stands on one line."""
    texts = [
        " ".join((*_head(entry), *_value(entry.node, 0, _below(schema, entry))))
        for entry in _ordered(node, schema)
    ]
    return f"{{{', '.join(texts)}}}" if node.mapping else f"[{', '.join(texts)}]"


def _broken(node: Collection, indent: int, schema: Mapping[str, Any]) -> Iterator[str]:
    """
    Yield the lines of a flow collection that spans lines: an entry each.

    The closing bracket stands right of the key: YAML 1.2 asks for that, and
    editors warn otherwise.
    """
    entries = _ordered(node, schema)
    yield "{" if node.mapping else "["
    margin = " " * (indent + 4)
    for entry in entries:
        yield from _indented(entry.leading, indent + 4)
        remark = entry.remark or entry.aside
        if entry.aside is not None and entry.aside is not remark:
            yield margin + entry.aside.text
        lines = _value(entry.node, indent + 2, _below(schema, entry))
        lines[0] = margin + " ".join((*_head(entry), lines[0]))
        yield from lines[:-1]
        comma = "" if entry is entries[-1] else ","
        yield lines[-1].rstrip() + comma + _aside(remark)
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


def _is_alias(node: Scalar | Collection) -> bool:
    return isinstance(node, Scalar) and node.alias


def _aside(remark: TrailingComment | None) -> str:
    return " " * max(_MARGIN, remark.blanks) + remark.text if remark else ""


def _indented(lines: Iterable[str], indent: int) -> Iterator[str]:
    return (" " * indent + line if line else "" for line in lines)


def _below(schema: Mapping[str, Any], entry: Entry) -> Mapping[str, Any]:
    """Return the schema of the value of *entry*; an empty one where there is none."""
    if entry.key is None:
        found = schema.get("items", {})
    else:
        found = schema.get("properties", {}).get(entry.key.value, {})
    return found if isinstance(found, dict) else {}


def _ordered(node: Collection, schema: Mapping[str, Any]) -> list[Entry]:
    """
    Return the entries in the order of the schema's keys, unknown ones last.

    They stay as they are where an alias would come to mean another anchor, or none.
    """
    if not node.mapping:
        return node.entries
    ranks = {key: rank for rank, key in enumerate(schema.get("properties", ()))}
    ordered = sorted(
        node.entries, key=lambda e: ranks.get(e.key.value, len(ranks)) if e.key else len(ranks)
    )
    return ordered if _by_anchor(ordered) == _by_anchor(node.entries) else node.entries


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
