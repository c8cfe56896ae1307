"""
The JSON Schemas of the files, built from the field table, and the check against them.

``schemas/`` holds their printed form. The hot path does not come here: a
verdict derived from the same table decides (:mod:`icesync.config.settings`,
:mod:`icesync.config.project`), and jsonschema explains what that rejects. A
property test holds the two to one verdict. jsonschema's own messages may quote
values, so only the failing keyword and the path are used.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Final

from icesync.config.characters import show_key
from icesync.config.projectschema import PROJECT_SCHEMA, REFERENCE_PATTERN
from icesync.config.source import Quoted
from icesync.config.values import CHOICES, NOTHING, UnfitError, read_value
from icesync.diagnostics import Diagnostic
from icesync.model.address import MAX_ID
from icesync.model.fields import FIELDS, FIELDS_BY_KEY, Field, Kind, Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icesync.config.document import Document, NodePath

__all__ = ["SCHEMAS", "build_schema", "check_schema", "to_instance"]

Schema = dict[str, Any]

_BASE: Final = "https://json-schema.org/draft/2020-12/schema"

_BY_KIND: Final[Mapping[Kind, Schema]] = {
    Kind.TEXT: {"type": "string", "minLength": 1},
    Kind.ID: {"type": "integer", "minimum": 1, "maximum": MAX_ID},
    Kind.PORT: {"type": "integer", "minimum": 1, "maximum": 65535},
    Kind.POLL_RATE: {"type": "integer", "minimum": 1, "maximum": MAX_ID},
    Kind.VERSION: {"type": "integer", "minimum": 1, "maximum": MAX_ID},
    Kind.FLAG: {"type": "boolean"},
    Kind.STATUS: {"type": "string", "enum": list(CHOICES[Kind.STATUS])},
    Kind.INCOMING: {"type": "string", "enum": list(CHOICES[Kind.INCOMING])},
    Kind.MODE: {"type": "string", "enum": list(CHOICES[Kind.MODE])},
    Kind.SECRET: {"type": "string", "pattern": REFERENCE_PATTERN},
}


def build_schema(name: str) -> Schema:
    """Return the schema *name*, one of :data:`SCHEMAS`."""
    return SCHEMAS[name]


def _field_schema(field: Field) -> Schema:
    note = f" ({field.note})" if field.note else ""
    wire = f" Sent as {', '.join(field.wire)}." if field.wire else " Never sent."
    return {"description": f"{field.meaning}{note}.{wire}", **_BY_KIND[field.kind]}


def _mapping(properties: Schema, description: str, required: tuple[str, ...] = ()) -> Schema:
    schema = {
        "type": "object",
        "description": description,
        "additionalProperties": False,
        "properties": properties,
    }
    return {**schema, "required": list(required)} if required else schema


_BLOCK_TEXTS: Final = {
    "spoofing": "Send from another address than the mailbox's.",
    "smtp": "How ICE sends this skill's mail.",
    "pop3": "How ICE collects this skill's mail when `incoming` is pop3.",
    "imap": "How ICE collects this skill's mail when `incoming` is imap.",
    "password_version": "Raise a number to send that password again.",
    "probe": "How `icesync probe` encrypts, where port and flags say it wrong. Never sent.",
}


def _settings() -> Schema:
    """Return the properties of a server, but for its address."""
    properties: Schema = {}
    for field in FIELDS:
        if field.role is Role.ADDRESS:
            continue
        if not field.block:
            properties[field.leaf] = _field_schema(field)
            continue
        empty = _mapping({}, _BLOCK_TEXTS[field.block])
        block = properties.setdefault(field.block, empty)
        block["properties"][field.leaf] = _field_schema(field)
    return properties


def _defaults() -> Schema:
    settings = {key: value for key, value in _settings().items() if key != "name"}
    return _mapping(settings, "Deep-merged under every server below.")


_VERSION: Final = {"description": "The format of this file.", "type": "integer", "const": 1}


def _skill() -> Schema:
    return _field_schema(FIELDS_BY_KEY["skill"])


def _servers_schema() -> Schema:
    server = _mapping({"skill": _skill(), **_settings()}, "One email server.", ("skill",))
    removed = _mapping(
        {
            "skill": _skill(),
            "action": {
                "type": "string",
                "enum": ["disable", "forget"],
                "description": "disable: send Disabled and inactive, then drop it from the "
                "snapshot; forget: drop it, send nothing.",
            },
        },
        "A server that ends.",
        ("skill", "action"),
    )
    properties = {
        "version": _VERSION,
        "organization": _field_schema(FIELDS_BY_KEY["organization"]),
        "defaults": _defaults(),
        "servers": {"type": "array", "description": "The email servers.", "items": server},
        "removed": {
            "type": "array",
            "description": "The only way to end a server.",
            "items": removed,
        },
    }
    schema = _mapping(properties, "Email servers of one organization.", ("version", "organization"))
    return _document("email servers", schema)


def _defaults_schema() -> Schema:
    properties = {"version": _VERSION, "defaults": _defaults()}
    text = "Defaults for every server file of this folder and below."
    return _document("folder defaults", _mapping(properties, text, ("version", "defaults")))


def _document(title: str, schema: Schema) -> Schema:
    return {"$schema": _BASE, "title": f"icesync {title}", **schema}


SCHEMAS: Final[Mapping[str, Schema]] = {
    "icesync": _document("configuration", PROJECT_SCHEMA),
    "email-servers": _servers_schema(),
    "defaults": _defaults_schema(),
}
"""The schemas by name; ``schemas/NAME.schema.json`` is the printed form."""


def check_schema(document: Document, name: str) -> tuple[Diagnostic, ...]:
    """Return what the schema *name* refuses in *document*, with hints; empty when it fits."""
    from jsonschema import Draft202012Validator
    from referencing import Registry

    schema = build_schema(name)
    # An empty registry: by default a "$ref" to an address would be fetched.
    validator = Draft202012Validator(schema, registry=Registry())
    instance = to_instance(document.data, schema)
    errors = validator.iter_errors(instance)
    return tuple(finding for error in errors for finding in _explain(document, error))


def to_instance(data: Any, schema: Schema) -> Any:
    """
    Return *data* with scalars typed as the schema asks at their place.

    A text stays text where a string is expected; elsewhere ``true``, ``false``,
    null and decimal numbers are what they look like, and nothing else is: 587.0
    is no integer, though JSON Schema would take it for one.
    """
    if isinstance(data, dict):
        properties = schema.get("properties", {})
        return {key: to_instance(value, properties.get(key, {})) for key, value in data.items()}
    if isinstance(data, list):
        # The list of limits has the alternatives of a single one.
        item = schema if "anyOf" in schema else schema.get("items", {})
        return [to_instance(value, item) for value in data]
    if isinstance(data, Quoted):
        return str(data)
    if data in NOTHING:
        return None
    if schema.get("type") == "string" or "anyOf" in schema:
        return data
    return _plain(data, fractions=schema.get("type") == "number")


def _plain(text: str, *, fractions: bool) -> bool | int | float | str:
    if text in {"true", "false"}:
        return text == "true"
    digits = text.removeprefix("-")
    whole, _, part = digits.partition(".")
    if (
        whole.isascii()
        and whole.isdigit()
        and (whole == "0" or whole[0] != "0")
        and len(whole) < 19
    ):
        if digits == whole:
            return int(text)
        if fractions and part.isascii() and part.isdigit():
            return float(text)
    return text


def _explain(document: Document, error: Any) -> Iterator[Diagnostic]:
    path: NodePath = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        for key in error.instance:
            if key not in known:
                yield _unknown_key(document, (*path, key), tuple(known))
    elif error.validator == "required":
        for key in error.validator_value:
            if key not in error.instance:
                yield _missing_key(document, path, key)
    else:
        yield _unfit(document, path, error)


def _unknown_key(document: Document, path: NodePath, known: tuple[str, ...]) -> Diagnostic:
    key = str(path[-1])
    near = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.6)
    hint = f"did you mean `{near[0]}`?" if near else f"one of: {', '.join(known)}"
    return Diagnostic("ICE105", f"unknown key `{dotted(path)}`", document.key_position(path), hint)


def _missing_key(document: Document, path: NodePath, key: str) -> Diagnostic:
    rule = "ICE101" if key in {"organization", "skill"} else "ICE107"
    where = dotted((*path, key))
    return Diagnostic(rule, f"`{where}` is missing", document.position(path), f"add `{key}:`")


def _unfit(document: Document, path: NodePath, error: Any) -> Diagnostic:
    position = document.position(path)
    value = document.data
    for part in path:
        value = value[part]
    field = _field_at(path)
    if error.schema.get("pattern") == REFERENCE_PATTERN:
        field = FIELDS_BY_KEY["smtp.password"]  # icesync's own secrets are references too
    if field is not None and isinstance(value, str):
        try:
            read_value(field, value)
        except UnfitError as unfit:
            return Diagnostic(unfit.rule, f"`{dotted(path)}` {unfit.message}", position, unfit.hint)
    return _generic(error, path, position)


def _generic(error: Any, path: NodePath, position: Any) -> Diagnostic:
    where = f"`{dotted(path)}`" if path else "the file"
    wanted = error.validator_value
    if error.validator == "type":
        shapes = wanted in {"object", "array"} or isinstance(error.instance, dict | list)
        rule = "ICE010" if shapes else "ICE013"
        return Diagnostic(rule, f"{where} must be {_TYPES.get(wanted, f'a {wanted}')}", position)
    if error.validator == "const":
        hint = f"write {wanted}; a newer icesync may know more"
        return Diagnostic("ICE011", f"{where} is not a supported version", position, hint)
    if error.validator == "enum":
        choices = ", ".join(str(choice) for choice in wanted)
        return Diagnostic("ICE208", f"{where} must be one of {choices}", position)
    hint = error.schema.get("description")
    return Diagnostic("ICE013", f"{where} does not fit", position, hint)


_TYPES: Final = {"object": "a mapping", "array": "a list", "integer": "a whole number"}


def _field_at(path: NodePath) -> Field | None:
    """Return the row that a path of a server file or a defaults file leads to."""
    names = [part for part in path if isinstance(part, str)]
    if names and names[0] in {"defaults", "servers", "removed"}:
        names = names[1:]
    return FIELDS_BY_KEY.get(".".join(names))


def dotted(path: NodePath) -> str:
    """Return *path* for people: ``servers[3].smtp.port``; strange characters are escaped."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{show_key(part)}" if text else show_key(part)
    return text
