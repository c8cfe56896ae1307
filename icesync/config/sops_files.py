"""
Server files that sops encrypted: keys in clear, some values or all not, ``sops:`` at the end.

Reading a file runs nothing, so it is read as it lies there: a password that is
sealed becomes a reference to its own place in the file, which is looked up like
any other secret, when secrets are. Other settings that are sealed are not there
until the file is opened: then it is decrypted, in memory, and its passwords become
references all the same, so that what is shown and stored of them is where they stand.
Where the ids of servers are sealed, too, nothing can be said of them before. Lines are
those of the encrypted file, which sops lays out alike.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from icesync.config.yaml_document import SOPS_METADATA, Document, SourceFile, parse_document
from icesync.model.fields import FIELDS
from icesync.model.secret import spell_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.config.yaml_tree import NodePath

_SECRETS: Final = tuple((f.block, f.leaf) for f in FIELDS if f.secret)
_TOP_LEVEL: Final = re.compile(rb"\n[^\s#]")
_SEALED: Final = "ENC["
_COMMENT: Final = re.compile(rb"^( *)- (ENC\[[^\]\s]*,type:comment\])$", re.MULTILINE)
"""A comment in a list, which sops writes as an item of it."""


def read_sealed(source: SourceFile) -> Document | None:
    """
    Return *source* as a document, unopened: what is sealed is a reference, or not there.

    None where it does not say which servers it is about.
    """
    # The metadata stands at the end; its keys are texts of several lines.
    source = _with_comments(source)
    before, behind = SOPS_METADATA.split(source.data, maxsplit=1)
    if _TOP_LEVEL.search(b"\n" + behind.partition(b"\n")[2]):
        return None
    document = parse_document(SourceFile(source.path, before))
    if document.problems or not isinstance(document.data, dict):
        return document
    document.source, document.altered = source, True
    _refer_to_secrets(document, sealed_only=True)
    taken = {path: _take_sealed(node) for node, path in _settings(document.data)}
    document.sealed = {path: keys for path, keys in taken.items() if keys}
    return None if any(text.startswith(_SEALED) for text in _texts(document.data)) else document


def open_sealed(source: SourceFile, plain: bytes) -> Document:
    """Return the document in *plain*, the decrypted text of *source*."""
    document = parse_document(SourceFile(source.path, plain))
    if not document.problems:
        document.source, document.altered = _with_comments(source), True
        _refer_to_secrets(document, sealed_only=False)
    return document


def _with_comments(source: SourceFile) -> SourceFile:
    """Return *source* with its comments as comments, each on its line."""
    return SourceFile(source.path, _COMMENT.sub(rb"\1# \2", source.data))


def _refer_to_secrets(document: Document, *, sealed_only: bool) -> None:
    """Put references in the place of passwords; one in clear stays, to be refused by its rule."""
    path = spell_path(document.source.path.split("/"))
    for node, place in _settings(document.data):
        pointer = "".join(f"/{part}" for part in place)
        for block, leaf in _SECRETS:
            settings = node.get(block)
            if not isinstance(settings, dict):
                continue
            value = settings.get(leaf)
            if not isinstance(value, str) or value.startswith("ref+"):
                continue
            if value.startswith(_SEALED) or not sealed_only:
                settings[leaf] = f"ref+sops://{path}#{pointer}/{block}/{leaf}"


def _take_sealed(node: dict[str, Any], prefix: str = "") -> frozenset[str]:
    """Take the settings that are sealed out of *node*; return their dotted keys."""
    taken: set[str] = set()
    for key, value in list(node.items()):
        if isinstance(value, dict) and not prefix:
            taken |= _take_sealed(value, f"{key}.")
        elif isinstance(value, str) and value.startswith(_SEALED) and key != "skill":
            del node[key]
            taken.add(f"{prefix}{key}")
    return frozenset(taken)


def _texts(node: Any) -> Iterator[str]:
    """Yield every key and every scalar below *node*; the reader has bounded the depth."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from (key, *_texts(value))
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value)
    elif isinstance(node, str):
        yield node


def _settings(data: Any) -> Iterator[tuple[dict[str, Any], NodePath]]:
    """Yield the mappings of *data* that hold settings of servers, each with its place."""
    if not isinstance(data, dict):
        return
    if isinstance(data.get("defaults"), dict):
        yield data["defaults"], ("defaults",)
    servers = data.get("servers")
    for index, server in enumerate(servers if isinstance(servers, list) else ()):
        if isinstance(server, dict):
            yield server, ("servers", index)
