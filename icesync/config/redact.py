"""
A file's text for people, with whatever may be a secret covered.

A difference is printed into logs. References are shown; what else stands at a
secret's place is a literal one, on its way to being an error (ICE401). Values of
unknown keys are covered too: the key may be a secret's, spelled wrong.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from icesync.config.fmt import schema_of
from icesync.config.yaml.cst import Scalar, read_cst
from icesync.config.yaml.document import parse_document
from icesync.config.yaml.source import SourceFile
from icesync.model.options import REFERENCE_PATTERN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icesync.config.yaml.cst import Entry

__all__ = ["redact"]

Schema: TypeAlias = "Mapping[str, Any]"

_COVER: Final = "***"
_REFERENCE: Final = re.compile(REFERENCE_PATTERN)
_REMARK: Final = re.compile(
    r"((?:password|token|key)[\"']?\s*[:=]\s*(?:#\s*)?)(?!\*\*\*|[\"']?ref\+)[^\s#{\[&*].*"
)
"""A secret in a comment: a line that is out of use, or a value that begins with ``#``."""


def redact(text: str) -> str:
    """Return *text*, a document that the strict reader took, as it may be printed."""
    root = read_cst(text).root
    schema = schema_of(parse_document(SourceFile("", text.encode())).data)
    leaves = list(_leaves(root, schema, secret=False))
    shared = {leaf.anchor for leaf, secret in leaves if secret and leaf.alias}
    spans = [
        leaf.span
        for leaf, secret in leaves
        if not leaf.alias
        and (secret or leaf.anchor in shared)
        and not _REFERENCE.fullmatch(leaf.value)
    ]
    for start, end in sorted(spans, reverse=True):
        covered = _COVER if text[start:end] else ""
        text = text[:start] + covered + text[end:]
    return "\n".join(_REMARK.sub(rf"\1{_COVER}", line) for line in text.split("\n"))


def _leaves(entry: Entry, schema: Schema | None, *, secret: bool) -> Iterator[tuple[Scalar, bool]]:
    """Yield the scalars in the value of *entry*, and whether each may be secret."""
    secret = secret or schema is None or schema.get("pattern") == REFERENCE_PATTERN
    node = entry.node
    assert node is not None
    if isinstance(node, Scalar):
        yield node, secret
        return
    for below in node.entries:
        if below.key is not None and secret:
            yield below.key, True
        yield from _leaves(below, _below(schema or {}, below), secret=secret)


def _below(schema: Schema, entry: Entry) -> Schema | None:
    """Return the schema of what is in *entry*, or None where *schema* knows no such key."""
    if entry.key is None:
        found = schema.get("items", schema if "anyOf" in schema else None)
    else:
        found = schema.get("properties", {}).get(entry.key.value)
    return found if isinstance(found, dict) else None
