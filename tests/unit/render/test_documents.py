"""The documents and their schemas."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from icesync.render.documents import DOCUMENTS


def members(schema: Any) -> list[dict[str, Any]]:
    """Return every mapping inside of *schema* that names its members."""
    inner = schema.values() if isinstance(schema, dict) else schema
    found = [one for part in inner if isinstance(part, dict | list) for one in members(part)]
    return [*found, schema] if isinstance(schema, dict) and "required" in schema else found


@pytest.mark.parametrize("name", DOCUMENTS)
def test_is_a_schema(name: str) -> None:
    """Each obeys the metaschema, and every reference leads somewhere."""
    jsonschema.Draft202012Validator.check_schema(DOCUMENTS[name])
    text = json.dumps(DOCUMENTS[name])
    leads_to = {f"#/$defs/{one}" for one in DOCUMENTS[name].get("$defs", {})}

    assert {part.partition('"')[0] for part in text.split('"$ref": "')[1:]} == leads_to


@pytest.mark.parametrize("name", [n for n in DOCUMENTS if n not in {"state", "events"}])
def test_has_a_kind_and_a_version(name: str) -> None:
    """A program knows what it reads, and whether it can."""
    schema = DOCUMENTS[name]

    assert {"kind", "format_version"} <= set(schema["required"])
    assert schema["properties"]["kind"]["const"].startswith("icesync-")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_newer_minor_versions_are_fine(name: str) -> None:
    """A reader takes members that it does not know, and a version that adds some."""
    versions = [m["properties"].get("format_version") for m in members(DOCUMENTS[name])]

    assert {json.dumps(v) for v in versions if v} <= {
        json.dumps({"type": "string", "pattern": r"^1\.\d+$"})
    }
    assert all(m.get("additionalProperties") is not False for m in members(DOCUMENTS[name]))


def test_nothing_is_written_twice() -> None:
    """What stands in several places is a definition that they refer to."""
    for name, schema in DOCUMENTS.items():
        texts = [m["description"] for m in members(schema) if "description" in m]

        assert len(texts) == len(set(texts)), name
