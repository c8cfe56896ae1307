"""The shapes that the schemas of documents are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from enum import StrEnum

__all__ = [
    "ADDRESS",
    "COUNT",
    "DIGEST",
    "FLAG",
    "SECONDS",
    "SETTING",
    "TEXT",
    "TIME",
    "VERSION",
    "Schema",
    "counts_of",
    "list_of",
    "one_of",
    "or_null",
    "record",
]

Schema: TypeAlias = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
FLAG: Final[Schema] = {"type": "boolean"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
ADDRESS: Final[Schema] = {"type": "string", "pattern": "^[1-9][0-9]*/[1-9][0-9]*$"}
DIGEST: Final[Schema] = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}
TIME: Final[Schema] = {
    "type": "string",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$",
    "description": "UTC.",
}
SETTING: Final[Schema] = {"type": ["string", "integer", "boolean", "null"]}
SECONDS: Final[Schema] = {"type": "number", "minimum": 0}
VERSION: Final[Schema] = {"const": "1.0"}


def record(description: str, properties: Schema) -> Schema:
    """Return the schema of a mapping in which every property is there."""
    return {
        "type": "object",
        "description": description,
        "required": list(properties),
        "properties": properties,
    }


def list_of(items: Schema) -> Schema:
    """Return the schema of a list of *items*."""
    return {"type": "array", "items": items}


def or_null(schema: Schema) -> Schema:
    """Return *schema*, or null where nothing is known."""
    return {"anyOf": [schema, {"type": "null"}]}


def one_of(kind: type[StrEnum]) -> Schema:
    """Return the schema of a member of *kind*."""
    return {"enum": [member.value for member in kind]}


def counts_of(kind: type[StrEnum]) -> Schema:
    """Return the schema of a count for each member of *kind*."""
    return record("How many of each.", {member.value: COUNT for member in kind})
