"""Hold the documents that icesync writes to their published schemas, member by member."""

from __future__ import annotations

from functools import cache
from typing import Any

import jsonschema

from icesync.render.documents import DOCUMENTS

__all__ = ["demand_fit", "is_published"]


def is_published(document: object) -> bool:
    """Return whether there is a published schema for *document*; its kind says so."""
    kind = document.get("kind", "") if isinstance(document, dict) else ""
    return kind.removeprefix("icesync-") in DOCUMENTS


def demand_fit(document: dict[str, Any]) -> None:
    """Fail unless *document* is what the schema of its kind says, and nothing beyond it."""
    name = "events" if "event" in document else document["kind"].removeprefix("icesync-")
    if name == "explanation" and "key" in document:
        name = "setting"
    _validator(name).validate(document)


@cache
def _validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(_closed(DOCUMENTS[name]))


def _closed(schema: Any) -> Any:
    """Return *schema* without leave for members that it does not name."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    named = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
    return {**closed, "additionalProperties": False} if named else closed
