"""
The canonical text of a tree: its keys in order, its levels indented by two blanks.

Scalars, comments and blank lines are copied as they are written
(:mod:`icesync.config.yaml_tree`); what is in braces stays in braces, and no line
is wrapped. A round trip through a YAML library does not do: ruamel.yaml spells
escapes anew, leaves comments at columns of former lines, and loses those in braces.
"""

from __future__ import annotations

from itertools import dropwhile
from typing import TYPE_CHECKING, Final

from icesync.config.yaml_tree import DIRECTIVE, Collection, Line, Scalar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from icesync.config.fmt import KeyOrder
    from icesync.config.yaml_tree import Entry, Node, TrailingComment, Tree

_MARGIN: Final = 2
"""At least so many blanks stand before a comment behind something, as yamllint asks."""

_NOTHING_BELOW: Final[KeyOrder] = {}


def canonical_text(tree: Tree, order: KeyOrder) -> str:
    """Return *tree* as text, the keys of each mapping in *order*."""
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
