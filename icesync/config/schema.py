"""
The JSON Schemas of the files, with what they tell an editor, and the check against them.

``schemas/`` holds their printed form. They are built from the field table and the table
of options. The hot path does not come here: a verdict derived from the same tables
decides (:mod:`icesync.config.values`, :mod:`icesync.config.project`), and jsonschema
explains what that rejects. A property test holds the two to one verdict. jsonschema's own
messages may quote values, so only the failing keyword and the path are used.

Hover texts, examples, snippets and sentences change nothing of what fits:
``markdownDescription``, ``markdownEnumDescriptions``, ``defaultSnippets`` and
``patternErrorMessage`` are words of VS Code and yaml-language-server, at which no
validator looks.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import field
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from icesync.config.project import OptionTree, option_tree
from icesync.config.rules import RULES
from icesync.config.values import CHOICES, NOTHING, InvalidValue, preset_names, read_value
from icesync.config.yaml_document import Document, Quoted, show_key
from icesync.diagnostics import Diagnostic, Rule
from icesync.frozen import mutable
from icesync.model.desired import ADDRESS_GRAMMAR, MAX_ID, RemovalAction
from icesync.model.fields import (
    FIELDS,
    FIELDS_BY_KEY,
    INCOMING_BLOCKS,
    Field,
    Kind,
    Presence,
    Role,
    Source,
)
from icesync.model.presets import PRESETS
from icesync.model.project import (
    GROUPS,
    LIMIT_PATTERN,
    REFERENCE_PATTERN,
    Limit,
    Option,
    OptionKind,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from icesync.config.yaml_tree import NodePath

_CHOICES: Final[Mapping[Kind, Schema]] = {
    Kind.STATUS: {
        "Enabled": "The email server is enabled.",
        "Disabled": "The email server is disabled. `removed:` with `disable` sends this, too.",
    },
    Kind.INCOMING: {
        "pop3": "Mail is collected by POP3; the block `pop3` must be complete.",
        "imap": "Mail is collected by IMAP; the block `imap` must be complete.",
    },
    Kind.LOGIN: {
        "password": "Log in with user name and password.",
        "none": "No login: the relay accepts ICE by its IP address.",
    },
    Kind.MODE: {
        "implicit": "Implicit TLS, as on ports 465, 993 and 995.",
        "starttls": "STARTTLS: encryption starts before the login.",
        "none": "No encryption. A probe logs in only with `--allow-cleartext`.",
    },
}

_SOURCES: Final = {
    Source.SAMPLE: "sample request",
    Source.TABLE: "parameter table",
}


_NO_REFERENCE: Final = (
    "must be a reference to a secret, such as ref+env://ICE_NAME; store the secret itself "
    "outside the repository"
)


def describe_field(field: Field) -> Schema:
    """Return what hovering over *field* and completing its value show."""
    note = f" ({field.note})" if field.note else ""
    wire = f"Sent as {', '.join(field.wire)}." if field.wire else "Never sent."
    annotations: Schema = {
        "description": f"{field.meaning}{note}. {wire}",
        "markdownDescription": _markdown(field),
    }
    if field.kind in CHOICES:
        texts = _CHOICES[field.kind]
        annotations["markdownEnumDescriptions"] = [texts[c] for c in CHOICES[field.kind]]
    elif field.kind is not Kind.FLAG:
        annotations["examples"] = [_example(field)]
    return annotations


def _markdown(field: Field) -> str:
    """Return the hover text of *field*, with where the facts about ICE come from."""
    names = " and ".join(f"`{name}`" for name in field.wire)
    sources = " and ".join(_SOURCES[source] for source in field.sources if source in _SOURCES)
    sent = f"Sent to ICE as {names} (the vendor's {sources})." if names else ""
    parts = (_sentence(field.meaning), _NEEDED[field.presence], sent, _sentence(field.note))
    return "\n\n".join(part for part in parts if part)


_NEEDED: Final = {
    Presence.REQUIRED: "Required for every server.",
    Presence.IN_USE: "Required for servers that use this block.",
    Presence.OPTIONAL: "",
}


def _sentence(text: str) -> str:
    if text.startswith("true "):
        return f"`true`{text.removeprefix('true')}."
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _example(field: Field) -> int | bool | str:
    value = read_value(field, field.example)
    return value if isinstance(value, int) else field.example


_EDITOR_KEYWORDS: Final = frozenset(
    {"markdownDescription", "markdownEnumDescriptions", "patternErrorMessage", "defaultSnippets"}
)


def without_editor_keywords(schema: Schema) -> Schema:
    """Return *schema* in the words of the standard alone; what it takes stays the same."""
    plain: Schema = {}
    for key, value in schema.items():
        if key in _EDITOR_KEYWORDS:
            continue
        if key == "properties":
            plain[key] = {name: without_editor_keywords(below) for name, below in value.items()}
        elif key == "items":
            plain[key] = without_editor_keywords(value)
        elif key == "anyOf":
            plain[key] = [without_editor_keywords(below) for below in value]
        else:
            plain[key] = value
    return plain


def annotate(schema: Schema, title: str = "") -> Schema:
    """
    Return *schema* with a title and a hover text at every key, and a sentence for each pattern.

    *title* is the dotted path of the key, which an editor shows on top.
    """
    annotated: Schema = {"title": title} if title else {}
    annotated |= schema
    if "description" in schema:
        annotated.setdefault("markdownDescription", _with_default(schema))
    if schema.get("pattern") == REFERENCE_PATTERN:
        annotated["patternErrorMessage"] = _NO_REFERENCE
    if "properties" in schema:
        prefix = f"{title}." if title else ""
        annotated["properties"] = {
            key: annotate(below, prefix + key) for key, below in schema["properties"].items()
        }
    if "items" in schema:
        annotated["items"] = annotate(schema["items"])
    return annotated


def _with_default(schema: Schema) -> str:
    text = str(schema["description"])
    return f"{text}\n\nDefault: `{_shown(schema['default'])}`" if "default" in schema else text


def _shown(value: Any) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)


def server_snippets() -> list[Schema]:
    """Return an offer for a whole server, for each way to collect mail."""
    return [
        {
            "label": f"server with {incoming}",
            "description": f"A complete email server that collects its mail by {incoming.upper()}.",
            "body": _server(incoming),
        }
        for incoming in INCOMING_BLOCKS
    ]


def removal_snippets() -> list[Schema]:
    """Return an offer for an entry that ends a server."""
    skill = FIELDS_BY_KEY["skill"]
    actions = ",".join(RemovalAction)
    return [
        {
            "label": "remove a server",
            "description": "A server to remove.",
            "body": {"skill": f"${{1:{skill.example}}}", "action": f"${{2|{actions}|}}"},
        }
    ]


def _server(incoming: str) -> Schema:
    stops = count(1)
    body: Schema = {}
    for row in FIELDS:
        if row.key == "organization" or not _belongs(row, incoming):
            continue
        below = body.setdefault(row.block, {}) if row.block else body
        below[row.leaf] = _stop(row, stops, incoming)
    return body


def _belongs(field: Field, incoming: str) -> bool:
    """Return whether *field* stands in the snippet of a server that collects by *incoming*."""
    if field.presence is Presence.IN_USE:
        return field.block in {"smtp", incoming}
    return field.presence is Presence.REQUIRED or field.role is Role.LABEL


def _stop(field: Field, stops: Iterator[int], incoming: str) -> str:
    """Return what stands at *field* in a snippet: a tab stop with the example, or with choices."""
    if field.kind is Kind.INCOMING:
        return incoming
    if field.kind is Kind.STATUS:
        return f"${{{next(stops)}|{','.join(CHOICES[field.kind])}|}}"
    if field.kind is Kind.FLAG:
        other = "false" if field.example == "true" else "true"
        return f"${{{next(stops)}|{field.example},{other}|}}"
    if field.secret:
        scheme, _, name = field.example.rpartition("/")
        return f"{scheme}/${{{next(stops)}:{name}}}"
    return f"${{{next(stops)}:{field.example}}}"


_NO_LIMIT: Final = "must be a count such as 5, or a percentage such as 30%"


def choice(description: str, texts: Mapping[Any, str], default: str | None = None) -> Schema:
    """Return a closed list, with what each of its words means, where that is said."""
    schema = {
        "type": "string",
        "enum": [str(word) for word in texts],
        "description": description,
    }
    if any(texts.values()):
        schema["markdownEnumDescriptions"] = list(texts.values())
    return schema if default is None else {**schema, "default": str(default)}


def mapping(properties: Schema, description: str, required: tuple[str, ...] = ()) -> Schema:
    """Return a mapping of known keys only."""
    schema = {
        "type": "object",
        "description": description,
        "additionalProperties": False,
        "properties": properties,
    }
    return {**schema, "required": list(required)} if required else schema


def project_schema() -> Schema:
    """Return the schema of ``icesync.yaml``."""
    version = {"description": "The format of this file.", "type": "integer", "const": 1}
    options = _group(option_tree(), "")
    properties = {"version": version, **options["properties"]}
    return mapping(properties, "The configuration of one repository.", ("version",))


def _group(tree: OptionTree, path: str) -> Schema:
    properties: Schema = {}
    required = []
    for key, below in tree.items():
        where = f"{path}.{key}" if path else key
        if isinstance(below, Option):
            properties[key] = _SCHEMAS[below.kind](below)
            if below.required:
                required.append(key)
        else:
            properties[key] = _group(below, where)
    return mapping(properties, GROUPS.get(path, ""), tuple(required))


def describe_option(row: Option) -> str:
    """Return the sentence about *row*, with its backend and its variable."""
    only = f" Only with `backend: {row.backend}`." if row.backend else ""
    job = f" `{row.variable}` in the job's environment overrides it." if row.variable else ""
    return f"{row.text}{only}{job}"


def default_of(row: Option) -> Any:
    """Return the default of *row* as a file would write it, None where it has none."""
    value = row.default
    if isinstance(value, Limit):
        return f"{value.share:.0%}" if value.count is None and value.share else value.count
    if isinstance(value, frozenset):
        return [str(word) for word in row.choices if word in value]
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return str(value) if isinstance(value, str) else value


def _documented(row: Option, **schema: Any) -> Schema:
    """Return *schema* with the texts of *row*, its default and its examples."""
    default = default_of(row)
    return {
        **schema,
        "description": describe_option(row),
        **({} if default in (None, []) else {"default": default}),
        **({"examples": list(row.examples)} if row.examples else {}),
    }


def _pattern(row: Option) -> Schema:
    return {"pattern": row.pattern, "patternErrorMessage": row.expected} if row.pattern else {}


def plain_text() -> Schema:
    """
    Return the schema of a text.

    What YAML 1.2 reads as a number or a flag is a text here, without quotes, too:
    a user name 0012 stays 0012, so an editor must not ask for quotes.
    """
    return {"anyOf": [{"type": "string", "minLength": 1}, {"type": "number"}, {"type": "boolean"}]}


def _text(row: Option) -> Schema:
    if row.pattern:
        return _documented(row, type="string", minLength=1, **_pattern(row))
    return _documented(row, **plain_text())


def _reference(row: Option) -> Schema:
    [name] = row.examples
    examples = [f"ref+env://{name}", f"ref+file:///run/secrets/{name.lower()}"]
    return {**_documented(row, type="string", pattern=REFERENCE_PATTERN), "examples": examples}


def _number(kind: str) -> Callable[[Option], Schema]:
    return lambda row: _documented(row, type=kind, minimum=row.bounds[0], maximum=row.bounds[1])


def _texts(row: Option) -> Schema:
    return _documented(row, type="array", items={"type": "string", "minLength": 1, **_pattern(row)})


def _choices(row: Option) -> Schema:
    return _documented(row, type="array", items=choice("A kind of change.", row.choices))


def _limit(row: Option) -> Schema:
    one: list[Schema] = [
        {"type": "string", "pattern": LIMIT_PATTERN, "patternErrorMessage": _NO_LIMIT},
        {"type": "integer", "minimum": 0, "maximum": 999_999_999},
    ]
    several = {"type": "array", "minItems": 1, "items": {"anyOf": one}}
    about = (
        f"Limit on {row.text} in one run: a count (5), a percentage of all servers (30%; "
        "ignored below 10 servers), or a list of both; the stricter one applies."
    )
    shown = _documented(row, anyOf=[*one, several])
    return {**shown, "examples": [5, "30%", [5, "30%"]], "description": about}


def _levels(row: Option) -> Schema:
    return mapping({rule.id: _level(rule, row) for rule in RULES.values()}, row.text)


def _level(rule: Rule, row: Option) -> Schema:
    title = f"{rule.title[0].upper()}{rule.title[1:]}"
    if rule.suppressible:
        return choice(f"{title}.", row.choices, rule.severity)
    fixed = {rule.severity: "It cannot be turned off or lowered."}
    return choice(f"{title}; it cannot be turned off or lowered.", fixed, rule.severity)


_SCHEMAS: Final[Mapping[OptionKind, Callable[[Option], Schema]]] = {
    OptionKind.TEXT: _text,
    OptionKind.PATH: _text,
    OptionKind.ADDRESS: _text,
    OptionKind.REFERENCE: _reference,
    OptionKind.INTEGER: _number("integer"),
    OptionKind.NUMBER: _number("number"),
    OptionKind.CHOICE: lambda row: {
        **_documented(row),
        **choice(describe_option(row), row.choices, row.default),
    },
    OptionKind.CHOICES: _choices,
    OptionKind.TEXTS: _texts,
    OptionKind.LIMIT: _limit,
    OptionKind.LEVELS: _levels,
}


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
    "spoofing": "Send from an address other than the mailbox.",
    "smtp": "How ICE sends this skill's mail.",
    "pop3": "How ICE collects this skill's mail when `incoming` is pop3.",
    "imap": "How ICE collects this skill's mail when `incoming` is imap.",
    "password_version": "Increase a number to send that password again.",
    "probe": "How `icesync probe` encrypts, if the port and the flags do not tell. Never sent.",
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
    return mapping(settings, "Defaults, deep-merged into every server of this file.")


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
                "disable: send Disabled and inactive, then remove it from the state; "
                "forget: only remove it from the state.",
                {
                    RemovalAction.DISABLE: "Send `Disabled` and inactive, then remove the server "
                    "from the state.",
                    RemovalAction.FORGET: "Remove the server from the state; send nothing.",
                },
            ),
        },
        "A server to remove.",
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
                "description": "The old address: ORG/SKILL, such as 59/666.",
            },
        },
        "A server that has a new address.",
        ("skill", "from"),
    )
    properties = {
        "version": _VERSION,
        "organization": _field_schema(FIELDS_BY_KEY["organization"]),
        "defaults": _defaults(),
        "servers": {"type": "array", "description": "The email servers.", "items": server},
        "removed": {
            "type": "array",
            "description": "How to remove servers.",
            "items": removed,
        },
        "moved": {
            "type": "array",
            "description": "Servers that have a new address and keep their history.",
            "items": moved,
        },
    }
    schema = mapping(properties, "Email servers of one organization.", ("version", "organization"))
    return _document("email servers", schema)


def _defaults_schema() -> Schema:
    properties = {"version": _VERSION, "defaults": _defaults()}
    text = "Defaults for all server files in this folder and below."
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
    from jsonschema.validators import extend
    from referencing import Registry

    schema = build_schema(name)
    keywords = {"additionalProperties": _closed}
    reader = extend(Draft202012Validator, keywords)  # type: ignore[no-untyped-call]
    # An empty registry: by default a "$ref" to an address would be fetched.
    validator = reader(schema, registry=Registry())
    instance = to_instance(document.data, schema)
    explanations = _Explanations(document)
    for error in validator.iter_errors(instance):
        explanations.add(error)
    return explanations.findings()


def _closed(_: Any, allowed: Any, instance: Any, schema: Schema) -> Iterator[Exception]:
    """
    Yield one error for all unknown keys, whose names jsonschema would sort and print.

    Our schemas close mappings, and say nothing of further keys otherwise.
    """
    from jsonschema import ValidationError

    known = schema.get("properties", {})
    if allowed is False and isinstance(instance, dict) and not instance.keys() <= known.keys():
        yield ValidationError("unknown keys")


def to_instance(data: Any, schema: Schema) -> Any:
    """
    Return *data* with scalars typed as the schema asks at their place.

    A text stays text where a string is expected; elsewhere ``true``, ``false``,
    null and decimal numbers are what they look like, and nothing else is: 587.0
    is no integer, though JSON Schema would take it for one. The value of a key that may
    not be there is left out: nothing looks at it, and a file of another format has many.
    """
    if isinstance(data, dict):
        properties = schema.get("properties", {})
        closed = schema.get("additionalProperties") is False
        return {
            key: to_instance(value, properties.get(key, {}))
            if key in properties or not closed
            else None
            for key, value in data.items()
        }
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


@mutable
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
    untold: dict[NodePath, list[str]] = field(default_factory=dict)
    """the unknown keys of mappings of which none is told"""

    def add(self, error: Any) -> None:
        """Take one error of jsonschema."""
        path: NodePath = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            self._add_unknown(path, error.instance, error.schema.get("properties", {}))
        elif error.validator == "required":
            self.missing += [(path, k) for k in error.validator_value if k not in error.instance]
        elif path not in self.unfit or error.validator == "const":
            self.unfit[path] = _unfit(self.document, path, error)

    def findings(self) -> tuple[Diagnostic, ...]:
        """Return all findings; a key that is there, misspelled, is not missing."""
        unique = dict.fromkeys(self.missing)
        missing = (
            _missing_key(self.document, path, key)
            for path, key in unique
            if (path, key) not in self.meant and path not in self.untold
        )
        more = self._more(self.untold) if self.untold else ()
        return (*self.found, *more, *self.unfit.values(), *missing)

    def _add_unknown(self, path: NodePath, mapping: Mapping[str, Any], known: Schema) -> None:
        """Take the keys of *mapping* that are not *known*."""
        unknown = [key for key in mapping if key not in known]
        told = max(0, min(_MAX_KEYS, _MAX_UNKNOWN - len(self.found)))
        names = tuple(known)
        self.found += [self._unknown_key((*path, key), names) for key in unknown[:told]]
        if told == 0:
            self.untold[path] = unknown
        elif len(unknown) > told:
            self.found += self._more({path: unknown[told:]})

    def _more(self, untold: Mapping[NodePath, Sequence[str]]) -> list[Diagnostic]:
        """Return one finding for keys of mappings that are only counted."""
        path, keys = next(iter(untold.items()))
        message = f"{sum(map(len, untold.values()))} more unknown keys"
        return [Diagnostic("ICE105", message, self.document.key_position((*path, keys[0])))]

    def _unknown_key(self, path: NodePath, known: tuple[str, ...]) -> Diagnostic:
        key = str(path[-1])
        hint, near = _of_ice(key, path), self._near(key, known)
        if near and (hint is None or near.lower() == key.lower()):
            hint = f"did you mean `{near}`?"
            self.meant.add((path[:-1], near))
        elif hint is not None:
            self.meant.add((path[:-1], _WIRE_NAMES[_plain_name(key)].leaf))
        else:
            listed = ", ".join(known) if len(known) <= _MAX_LISTED else ", ".join(known[:3]) + ", …"
            hint = f"one of: {listed}"
        where = self.document.key_position(path)
        address, name = _named(self.document, path)
        return Diagnostic("ICE105", f"{address}unknown key `{name}`", where, hint)

    def _near(self, key: str, known: tuple[str, ...]) -> str:
        """Return the known key that *key* probably means, or an empty text."""
        if (key, known) not in self.near:
            folded = {name.lower(): name for name in known}
            close = difflib.get_close_matches(key.lower()[:100], folded, n=1, cutoff=0.6)
            begun = [name for name in folded if len(key) > 2 and name.startswith(key.lower())]
            best = close or (begun if len(begun) == 1 else [])
            self.near[key, known] = folded[best[0]] if best else ""
        return self.near[key, known]


_MAX_LISTED: Final = 30
"""More keys than that are no help in a hint."""

_MAX_KEYS: Final = 20
"""More unknown keys of one mapping are only counted: the mapping is another format's."""

_MAX_UNKNOWN: Final = 500
"""More unknown keys of one file are only counted: they have the same cause as these."""


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
        return "use `incoming: imap` or `incoming: pop3`"
    if row.key == "organization" and len(path) > 1:
        return "set `organization:` once at the top of the file"
    inside = row.block in path[:-1]
    return f"use `{row.leaf}:`" + (f" under `{row.block}:`" if row.block and not inside else "")


def _missing_key(document: Document, path: NodePath, key: str) -> Diagnostic:
    rule = "ICE101" if key in {"organization", "skill"} else "ICE107"
    address, name = _named(document, (*path, key))
    message = f"{address}`{name}` is required"
    return Diagnostic(
        rule,
        message,
        document.position(path),
        "add `version: 1`" if key == "version" else f"add `{key}:`",
    )


def _unfit(document: Document, path: NodePath, error: Any) -> Diagnostic:
    position = document.position(path)
    value = document.data
    for part in path:
        value = value[part]
    address, name = _named(document, path)
    field = _field_at(path)
    if error.schema.get("pattern") == REFERENCE_PATTERN:
        field = FIELDS_BY_KEY["smtp.password"]  # icesync's own secrets are references too
    if field is not None and isinstance(value, str):
        try:
            read_value(field, value)
        except InvalidValue as unfit:
            message = f"{address}`{name}` {unfit.message}"
            return Diagnostic(unfit.rule, message, position, unfit.hint)
    return _generic(error, f"{address}`{name}`" if path else "the file", position)


def _generic(error: Any, where: str, position: Any) -> Diagnostic:
    wanted = error.validator_value
    if error.validator == "type":
        shapes = wanted in {"object", "array"} or isinstance(error.instance, dict | list)
        rule = "ICE010" if shapes else "ICE013"
        return Diagnostic(rule, f"{where} must be {_TYPES.get(wanted, f'a {wanted}')}", position)
    if error.validator == "const":
        hint = f"use {wanted}, or a newer icesync"
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
    return Diagnostic("ICE013", f"{where} is invalid", position, hint)


_TYPES: Final = {"object": "a mapping", "array": "a list", "integer": "a whole number"}


def _field_at(path: NodePath) -> Field | None:
    """Return the row that a path of a server file or a defaults file leads to."""
    names = [part for part in path if isinstance(part, str)]
    if names and names[0] in {"defaults", "servers", "removed", "moved"}:
        names = names[1:]
    return FIELDS_BY_KEY.get(".".join(names))


def _named(document: Document, path: NodePath) -> tuple[str, str]:
    """
    Return how to name *path*: the address to begin with, and the rest.

    As the rules about servers do it: ``59/663: `` and ``smtp.port``. Where no address
    is known, nothing and the whole path.
    """
    if len(path) < 3 or path[0] != "servers":
        return "", dotted(path)
    try:
        organization = read_value(FIELDS_BY_KEY["organization"], document.data["organization"])
        skill = read_value(FIELDS_BY_KEY["skill"], document.data["servers"][path[1]]["skill"])
    except (InvalidValue, KeyError, TypeError):
        return "", dotted(path)
    return f"{organization}/{skill}: ", dotted(path[2:])


def dotted(path: NodePath) -> str:
    """Return *path* for people: ``servers[3].smtp.port``; strange characters are escaped."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{show_key(part)}" if text else show_key(part)
    return text
