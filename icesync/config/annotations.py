"""
What the schemas tell an editor besides the verdict: hover texts, examples, snippets, sentences.

All of it comes from the field table and the schemas themselves, and none of it
changes what fits: ``markdownDescription``, ``markdownEnumDescriptions``,
``defaultSnippets`` and ``patternErrorMessage`` are words of VS Code and
yaml-language-server, at which no validator looks.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, Final

from icesync.config.values import CHOICES, read_value
from icesync.model.desired import RemovalAction
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
from icesync.model.options import REFERENCE_PATTERN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Schema = dict[str, Any]

_CHOICES: Final[Mapping[Kind, Schema]] = {
    Kind.STATUS: {
        "Enabled": "The email server is enabled.",
        "Disabled": "The email server is disabled; `removed:` with `disable` sends this too.",
    },
    Kind.INCOMING: {
        "pop3": "Mail is collected by POP3: the block `pop3` must be complete.",
        "imap": "Mail is collected by IMAP: the block `imap` must be complete.",
    },
    Kind.LOGIN: {
        "password": "Log in with user name and password.",
        "none": "No login: the relay knows ICE by its address.",
    },
    Kind.MODE: {
        "implicit": "TLS from the first byte, as at 465, 993 and 995.",
        "starttls": "In clear first; STARTTLS must switch encryption on before the login.",
        "none": "No encryption; a probe logs in only with `--allow-cleartext`.",
    },
}

_SOURCES: Final = {
    Source.SAMPLE: "sample request",
    Source.TABLE: "parameter table",
}


_NO_REFERENCE: Final = (
    "must be a reference to a secret, such as ref+env://ICE_NAME; the secret itself is kept "
    "outside of the repository"
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
    Presence.REQUIRED: "Every server needs one.",
    Presence.IN_USE: "A server that uses the block needs one.",
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
            "description": f"A whole email server that collects its mail by {incoming.upper()}.",
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
            "label": "end a server",
            "description": "A server that ends.",
            "body": {"skill": f"${{1:{skill.example}}}", "action": f"${{2|{actions}|}}"},
        }
    ]


def _server(incoming: str) -> Schema:
    stops = count(1)
    body: Schema = {}
    for field in FIELDS:
        if field.key == "organization" or not _belongs(field, incoming):
            continue
        below = body.setdefault(field.block, {}) if field.block else body
        below[field.leaf] = _stop(field, stops, incoming)
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
