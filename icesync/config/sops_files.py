"""
Server files that sops encrypted whole: keys in clear, values not, ``sops:`` at the end.

Opened in memory, they are files like any other but for one thing: a password
may stand in them. It becomes a reference to its own place in the file, so that
from here on nobody has to know of it, and what is shown and stored of it is
where it stands. Lines are those of the encrypted file, which sops lays out alike.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from icesync.config.yaml.document import Document, parse_document
from icesync.config.yaml.source import SourceFile
from icesync.diagnostics import Diagnostic, SourcePosition
from icesync.model.fields import FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator

_METADATA: Final = re.compile(rb"^sops:", re.MULTILINE)
_SECRETS: Final = tuple((f.block, f.leaf) for f in FIELDS if f.secret)
_PLAIN_PATH: Final = re.compile(r"[^\s?#]+")


def is_sealed(source: SourceFile) -> bool:
    """Return whether *source* is a file that sops encrypted."""
    return b"ENC[" in source.data and _METADATA.search(source.data) is not None


def open_sealed(source: SourceFile, plain: bytes) -> Document:
    """Return the document in *plain*, the decrypted text of *source*."""
    document = parse_document(SourceFile(source.path, plain))
    if document.problems:
        return document
    document.source = source
    if not _PLAIN_PATH.fullmatch(source.path):
        hint = "rename the file: it refers to its own secrets, and references hold no blanks"
        position = SourcePosition(source.path)
        message = "an encrypted file's name cannot be referred to"
        problem = Diagnostic("ICE410", message, position, hint)
        return Document(source, problems=(problem,))
    for node, pointer in _holders(document.data):
        for block, leaf in _SECRETS:
            settings = node.get(block)
            if isinstance(settings, dict) and isinstance(settings.get(leaf), str):
                _refer(settings, leaf, f"{source.path}#{pointer}/{block}/{leaf}")
    return document


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


def _refer(settings: dict[str, Any], leaf: str, place: str) -> None:
    if not settings[leaf].startswith("ref+"):
        settings[leaf] = f"ref+sops://{place}"
