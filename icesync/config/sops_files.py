"""
Server files that sops encrypted: keys in clear, some values or all not, ``sops:`` at the end.

Reading a file runs nothing, so it is read as it lies there: a password that is
sealed becomes a reference to its own place in the file, which is looked up like
any other secret, when secrets are. Where more than passwords is sealed, nothing
can be said of the file until it is opened: then it is decrypted, in memory, and
its passwords become references all the same, so that what is shown and stored of
them is where they stand. Lines are those of the encrypted file, which sops lays
out alike.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from icesync.config.yaml_document import SOPS_METADATA, Document, SourceFile, parse_document
from icesync.model.fields import FIELDS
from icesync.model.secret import spell_path

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECRETS: Final = tuple((f.block, f.leaf) for f in FIELDS if f.secret)
_TOP_LEVEL: Final = re.compile(rb"\n[^\s#]")
_SEALED: Final = "ENC["


def read_sealed(source: SourceFile) -> Document | None:
    """Return *source* as a document, unopened; None where more than passwords is sealed."""
    # The metadata stands at the end; its keys are texts of several lines.
    before, behind = SOPS_METADATA.split(source.data, maxsplit=1)
    if _TOP_LEVEL.search(b"\n" + behind.partition(b"\n")[2]):
        return None
    document = parse_document(SourceFile(source.path, before))
    if document.problems or not isinstance(document.data, dict):
        return document
    document.source, document.altered = source, True
    _refer_to_secrets(document, sealed_only=True)
    return None if any(text.startswith(_SEALED) for text in _texts(document.data)) else document


def open_sealed(source: SourceFile, plain: bytes) -> Document:
    """Return the document in *plain*, the decrypted text of *source*."""
    document = parse_document(SourceFile(source.path, plain))
    if not document.problems:
        document.source, document.altered = source, True
        _refer_to_secrets(document, sealed_only=False)
    return document


def _refer_to_secrets(document: Document, *, sealed_only: bool) -> None:
    """Put references in the place of passwords; one in clear stays, to be refused by its rule."""
    path = spell_path(document.source.path.split("/"))
    for node, pointer in _holders(document.data):
        for block, leaf in _SECRETS:
            settings = node.get(block)
            if not isinstance(settings, dict):
                continue
            value = settings.get(leaf)
            if not isinstance(value, str) or value.startswith("ref+"):
                continue
            if value.startswith(_SEALED) or not sealed_only:
                settings[leaf] = f"ref+sops://{path}#{pointer}/{block}/{leaf}"


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


def _holders(data: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Return the mappings of *data* that may hold secrets, each with its pointer."""
    if not isinstance(data, dict):
        return
    if isinstance(data.get("defaults"), dict):
        yield data["defaults"], "/defaults"
    servers = data.get("servers")
    for index, server in enumerate(servers if isinstance(servers, list) else ()):
        if isinstance(server, dict):
            yield server, f"/servers/{index}"
