"""
Change a server file in place: some values of some servers, and servers behind the others.

Only the texts of the values are replaced; comments, order and style stay. Whoever calls
reads the new text again before it is written: an anchor may carry a change further.
"""

from __future__ import annotations

import codecs
from itertools import groupby
from typing import TYPE_CHECKING

from icesync.config.emitter import write_scalar, write_server
from icesync.config.fmt import format_source
from icesync.config.yaml_document import SourceFile
from icesync.config.yaml_tree import Collection, Scalar, Tree, read_tree
from icesync.frozen import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from icesync.model.fields import Setting
    from icesync.model.imported import ImportedServer
    from icesync.model.secret import SecretRef


class _Edit(NamedTuple):
    """What comes in the place of the text from *start* to *end*."""

    start: int
    end: int
    text: str


def edit_server_file(
    source: SourceFile,
    changed: Mapping[int, Mapping[str, Setting | SecretRef]],
    added: Sequence[ImportedServer] = (),
) -> SourceFile | None:
    """
    Return *source* with the values *changed*, by skill and dotted key, and the servers *added*.

    None where it is written in a way that leaves no place for them, or holds not all skills.
    """
    tree = read_tree(source)
    servers = _servers(tree)
    if tree.problems or servers is None:
        return None
    edits: list[_Edit] = []
    left = dict(changed)
    for entry in servers.entries:
        node = entry.node
        skill = node.at("skill") if isinstance(node, Collection) else None
        if isinstance(node, Collection) and skill and isinstance(skill.node, Scalar):
            values = left.pop(int(skill.node.value), {}) if skill.node.value.isdecimal() else {}
            found = list(_change(tree, node, values))
            if None in found:
                return None
            edits += [edit for edit in found if edit is not None]
    if added:
        place = _behind(tree, servers)
        if place is None:
            return None
        offset, margin = place
        lines = [line for server in added for line in write_server(server, margin)]
        ahead = "" if tree.text[:offset].endswith("\n") else "\n"
        edits.append(_Edit(offset, offset, ahead + "\n".join(lines) + "\n"))
    return None if left else _apply(source, tree.text, edits)


def _servers(tree: Tree) -> Collection | None:
    root = tree.root.node
    entry = root.at("servers") if isinstance(root, Collection) else None
    return entry.node if entry is not None and isinstance(entry.node, Collection) else None


def _change(
    tree: Tree, server: Collection, values: Mapping[str, Setting | SecretRef]
) -> Iterator[_Edit | None]:
    """Yield the edits that give *values* to one server; None for one that cannot be."""
    for block, keys in groupby(sorted(values), key=lambda key: key.rpartition(".")[0]):
        leaves = {key.rpartition(".")[2]: values[key] for key in keys}
        entry = server.at(block) if block else None
        if block and entry is None:
            margin = " " * (_column(tree, server) + 2)
            inner = [f"{leaf}: {write_scalar(value)}" for leaf, value in leaves.items()]
            if server.flow:
                yield _insert(tree, server, f"{block}: {{{', '.join(inner)}}}")
            else:
                yield _insert(tree, server, "\n".join([f"{block}:", *(margin + i for i in inner)]))
            continue
        mapping = entry.node if entry is not None else server
        for leaf, value in leaves.items():
            yield _give(tree, mapping, leaf, value) if isinstance(mapping, Collection) else None


def _give(tree: Tree, mapping: Collection, leaf: str, value: Setting | SecretRef) -> _Edit | None:
    entry = mapping.at(leaf)
    if entry is None:
        return _insert(tree, mapping, f"{leaf}: {write_scalar(value)}")
    node = entry.node
    if not isinstance(node, Scalar) or node.block or node.anchor:
        return None
    return _Edit(node.start, node.end, write_scalar(value))


def _insert(tree: Tree, mapping: Collection, text: str) -> _Edit | None:
    """Return the edit that puts *text* before the first key of *mapping*."""
    first = mapping.entries[0].key if mapping.entries else None
    if first is None:
        return None
    between = ", " if mapping.flow else "\n" + " " * _column(tree, mapping)
    return _Edit(first.start, first.start, text + between)


def _column(tree: Tree, mapping: Collection) -> int:
    key = mapping.entries[0].key if mapping.entries else None
    start = key.start if key is not None else mapping.start
    return start - tree.text.rfind("\n", 0, start) - 1


def _behind(tree: Tree, servers: Collection) -> tuple[int, str] | None:
    """Return where a server can be added behind the last of *servers*, and the list's margin."""
    root = tree.root.node
    first = servers.entries[0].node if servers.entries else None
    if servers.flow or not isinstance(root, Collection) or not isinstance(first, Collection):
        return None
    start = tree.text.rfind("\n", 0, first.start) + 1
    margin, dash, _ = tree.text[start : first.start].partition("-")
    if not dash or margin.strip():
        return None
    keys = [entry.key.start for entry in root.entries if entry.key is not None]
    following = [key for key in keys if key > first.start]
    end = min(following) if following else len(tree.text)
    lines = tree.text[:end].splitlines(keepends=True)
    while following and lines and (not lines[-1].strip() or lines[-1].startswith("#")):
        lines.pop()
    return len("".join(lines).rstrip("\n")) + (
        1 if lines and lines[-1].endswith("\n") else 0
    ), margin


def _apply(source: SourceFile, text: str, edits: Sequence[_Edit]) -> SourceFile:
    """Return *source* with *edits*, formatted if it was before."""
    pieces, last = [], 0
    for start, end, new in sorted(edits, key=lambda edit: edit.start):
        pieces += [text[last:start], new]
        last = end
    changed = "".join([*pieces, text[last:]])
    if source.data.partition(b"\n")[0].endswith(b"\r"):
        changed = changed.replace("\n", "\r\n")
    mark = codecs.BOM_UTF8 if source.data.startswith(codecs.BOM_UTF8) else b""
    made = SourceFile(source.path, mark + changed.encode())
    if format_source(source).changed:
        return made
    return SourceFile(source.path, format_source(made).after)
