"""
The JSON Schemas of the files, built from the field table, and the check against them.

``schemas/`` holds their printed form. The hot path does not come here: a
verdict derived from the same table decides (:mod:`icesync.config.field_reader`,
:mod:`icesync.config.project`), and jsonschema explains what that rejects. A
property test holds the two to one verdict. jsonschema's own messages may quote
values, so only the failing keyword and the path are used.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from icesync.config.annotations import (
    annotate,
    describe_field,
    removal_snippets,
    server_snippets,
    without_editor_keywords,
)
from icesync.config.option_schema import choice, mapping, plain_text, project_schema
from icesync.config.values import CHOICES, NOTHING, InvalidValue, preset_names, read_value
from icesync.config.yaml.source import Quoted
from icesync.config.yaml.text_checks import show_key
from icesync.diagnostics import Diagnostic
from icesync.model.address import ADDRESS_GRAMMAR, MAX_ID
from icesync.model.desired import RemovalAction
from icesync.model.fields import FIELDS, FIELDS_BY_KEY, Field, Kind, Role
from icesync.model.options import REFERENCE_PATTERN
from icesync.model.presets import PRESETS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.config.yaml.document import Document
    from icesync.config.yaml.tree import NodePath

Schema = dict[str, Any]

DRAFTS: Final = {
    "2020-12": "https://json-schema.org/draft/2020-12/schema",
    "7": "http://json-schema.org/draft-07/schema#",
}
"""
The drafts of JSON Schema that a schema can be printed in.

The schemas keep to words that both drafts share, so a copy differs in its first
line only; editors that are older than 2020-12 take draft 7.
"""

_BY_KIND: Final[Mapping[Kind, Schema]] = {
    Kind.TEXT: plain_text(),
    Kind.ID: {"type": "integer", "minimum": 1, "maximum": MAX_ID},
    Kind.PORT: {"type": "integer", "minimum": 1, "maximum": 65535},
    Kind.POLL_RATE: {"type": "integer", "minimum": 1, "maximum": MAX_ID},
    Kind.VERSION: {"type": "integer", "minimum": 1, "maximum": MAX_ID},
    Kind.FLAG: {"type": "boolean"},
    Kind.STATUS: {"type": "string", "enum": list(CHOICES[Kind.STATUS])},
    Kind.INCOMING: {"type": "string", "enum": list(CHOICES[Kind.INCOMING])},
    Kind.MODE: {"type": "string", "enum": list(CHOICES[Kind.MODE])},
    Kind.LOGIN: {"type": "string", "enum": list(CHOICES[Kind.LOGIN])},
    Kind.SECRET: {"type": "string", "pattern": REFERENCE_PATTERN},
}


def build_schema(name: str, draft: str = "2020-12") -> Schema:
    """Return the schema *name*, one of :data:`SCHEMAS`, in one of :data:`DRAFTS`."""
    return {**SCHEMAS[name], "$schema": DRAFTS[draft]}


def print_schema(name: str, draft: str = "2020-12", *, plain: bool = False) -> str:
    """
    Return the schema *name* as JSON text, as ``schemas/`` holds it.

    A *plain* one is without the keywords of editors, for validators that refuse
    what the standard does not know.
    """
    schema = build_schema(name, draft)
    return json.dumps(without_editor_keywords(schema) if plain else schema, indent=2) + "\n"


def _field_schema(field: Field) -> Schema:
    kind = _preset_schema(field) if field.kind is Kind.PRESET else _BY_KIND[field.kind]
    return {**describe_field(field), **kind}


def _preset_schema(field: Field) -> Schema:
    names = preset_names(field.block)
    # The long tail comes behind, where editors take a missing text for none.
    texts = [f"{PRESETS[n].title}. Login: {PRESETS[n].login}." for n in names if n in PRESETS]
    return {"type": "string", "enum": list(names), "markdownEnumDescriptions": texts}


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
    for row in FIELDS:
        if row.role is Role.ADDRESS:
            continue
        if not row.block:
            properties[row.leaf] = _field_schema(row)
            continue
        empty = mapping({}, _BLOCK_TEXTS[row.block])
        block = properties.setdefault(row.block, empty)
        block["properties"][row.leaf] = _field_schema(row)
    return properties


def _defaults() -> Schema:
    settings = {key: value for key, value in _settings().items() if key != "name"}
    return mapping(settings, "Deep-merged under every server below.")


_VERSION: Final = {"description": "The format of this file.", "type": "integer", "const": 1}


def _skill() -> Schema:
    return _field_schema(FIELDS_BY_KEY["skill"])


def _servers_schema() -> Schema:
    server = mapping({"skill": _skill(), **_settings()}, "One email server.", ("skill",))
    server |= {"title": "email server", "defaultSnippets": server_snippets()}
    removed = mapping(
        {
            "skill": _skill(),
            "action": choice(
                "disable: send Disabled and inactive, then drop it from the state; forget: "
                "drop it, send nothing.",
                {
                    RemovalAction.DISABLE: "Send `Disabled` and inactive, then drop the entry.",
                    RemovalAction.FORGET: "Drop the entry from the state, send nothing.",
                },
            ),
        },
        "A server that ends.",
        ("skill", "action"),
    )
    removed |= {"title": "removed server", "defaultSnippets": removal_snippets()}
    moved = mapping(
        {
            "skill": _skill(),
            "from": {
                "type": "string",
                "pattern": f"^{ADDRESS_GRAMMAR}$",
                "patternErrorMessage": "must be an address: ORG/SKILL, such as 59/666",
                "description": "The address that it had: ORG/SKILL, such as 59/666.",
            },
        },
        "A server that has another address now.",
        ("skill", "from"),
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
        "moved": {
            "type": "array",
            "description": "Servers that keep their history under a new address.",
            "items": moved,
        },
    }
    schema = mapping(properties, "Email servers of one organization.", ("version", "organization"))
    return _document("email servers", schema)


def _defaults_schema() -> Schema:
    properties = {"version": _VERSION, "defaults": _defaults()}
    text = "Defaults for every server file of this folder and below."
    return _document("folder defaults", mapping(properties, text, ("version", "defaults")))


def _document(title: str, schema: Schema) -> Schema:
    return {"$schema": DRAFTS["2020-12"], "title": f"icesync {title}", **annotate(schema)}


SCHEMAS: Final[Mapping[str, Schema]] = {
    "icesync": _document("configuration", project_schema()),
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
    explanations = _Explanations(document)
    for error in validator.iter_errors(instance):
        explanations.add(error)
    return explanations.findings()


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


@dataclass(slots=True)
class _Explanations:
    """What jsonschema found in *document*, in our words; each slip is told once."""

    document: Document
    found: list[Diagnostic] = field(default_factory=list)
    missing: list[tuple[NodePath, str]] = field(default_factory=list)
    meant: set[tuple[NodePath, str]] = field(default_factory=set)
    """the keys that unknown ones probably mean, and the mappings that they are in"""
    unfit: dict[NodePath, Diagnostic] = field(default_factory=dict)
    """the one finding of each value"""
    near: dict[tuple[str, tuple[str, ...]], str] = field(default_factory=dict)

    def add(self, error: Any) -> None:
        """Take one error of jsonschema."""
        path: NodePath = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            known = tuple(error.schema.get("properties", {}))
            unknown = [key for key in error.instance if key not in known]
            self.found += [self._unknown_key((*path, key), known) for key in unknown[:_MOST_KEYS]]
            if len(unknown) > _MOST_KEYS:
                message = f"{len(unknown) - _MOST_KEYS} more unknown keys"
                where = self.document.key_position((*path, unknown[_MOST_KEYS]))
                self.found.append(Diagnostic("ICE105", message, where))
        elif error.validator == "required":
            self.missing += [(path, k) for k in error.validator_value if k not in error.instance]
        elif path not in self.unfit or error.validator == "const":
            self.unfit[path] = _unfit(self.document, path, error)

    def findings(self) -> tuple[Diagnostic, ...]:
        """Return all findings; a key that is there, misspelled, is not missing."""
        told = dict.fromkeys(self.missing)
        missing = (_missing_key(self.document, *key) for key in told if key not in self.meant)
        return (*self.found, *self.unfit.values(), *missing)

    def _unknown_key(self, path: NodePath, known: tuple[str, ...]) -> Diagnostic:
        key = str(path[-1])
        hint, near = _of_ice(key, path), self._near(key, known)
        if near and (hint is None or near.lower() == key.lower()):
            hint = f"did you mean `{near}`?"
            self.meant.add((path[:-1], near))
        elif hint is not None:
            self.meant.add((path[:-1], _WIRE_NAMES[_plain_name(key)].leaf))
        else:
            listed = (
                ", ".join(known) if len(known) <= _MOST_LISTED else ", ".join(known[:3]) + ", …"
            )
            hint = f"one of: {listed}"
        where = self.document.key_position(path)
        return Diagnostic("ICE105", f"unknown key `{dotted(path)}`", where, hint)

    def _near(self, key: str, known: tuple[str, ...]) -> str:
        """Return the known key that *key* probably means, or an empty text."""
        if (key, known) not in self.near:
            if len(self.near) >= _MOST_LOOKUPS:
                return ""
            folded = {name.lower(): name for name in known}
            close = difflib.get_close_matches(key.lower()[:100], folded, n=1, cutoff=0.6)
            begun = [name for name in folded if len(key) > 2 and name.startswith(key.lower())]
            best = close or (begun if len(begun) == 1 else [])
            self.near[key, known] = folded[best[0]] if best else ""
        return self.near[key, known]


_MOST_LISTED: Final = 30
"""More keys than that are no help in a hint."""

_MOST_KEYS: Final = 20
"""More unknown keys of one mapping are only counted: the mapping is another format's."""

_MOST_LOOKUPS: Final = 500
"""More keys than that are not compared with the known ones, which takes a while for each."""


def _plain_name(key: str) -> str:
    return "".join(c for c in key.lower() if c.isalnum())


_WIRE_NAMES: Final = {_plain_name(name): row for row in FIELDS for name in row.wire}
"""The rows by what ICE calls them."""


def _of_ice(key: str, path: NodePath) -> str | None:
    """Return how to write what ICE calls *key*, if it does; *path* is where it was written."""
    row = _WIRE_NAMES.get(_plain_name(key))
    if row is None:
        return None
    if row.kind is Kind.INCOMING:
        return "write `incoming: imap` or `incoming: pop3`"
    if row.key == "organization" and len(path) > 1:
        return "write `organization:` at the top of the file, once"
    inside = row.block in path[:-1]
    return f"write `{row.leaf}:`" + (f" under `{row.block}:`" if row.block and not inside else "")


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
        except InvalidValue as unfit:
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
        if len(wanted) == 1:
            hint = error.schema.get("description")
            return Diagnostic("ICE208", f"{where} can only be {choices}", position, hint)
        return Diagnostic("ICE208", f"{where} must be one of {choices}", position)
    if error.validator == "anyOf" and {"type": "boolean"} in wanted:
        shapes = isinstance(error.instance, dict | list)
        return Diagnostic("ICE010" if shapes else "ICE013", f"{where} must be a string", position)
    hint = error.schema.get("description")
    return Diagnostic("ICE013", f"{where} does not fit", position, hint)


_TYPES: Final = {"object": "a mapping", "array": "a list", "integer": "a whole number"}


def _field_at(path: NodePath) -> Field | None:
    """Return the row that a path of a server file or a defaults file leads to."""
    names = [part for part in path if isinstance(part, str)]
    if names and names[0] in {"defaults", "servers", "removed", "moved"}:
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
