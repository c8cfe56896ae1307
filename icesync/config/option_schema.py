"""The JSON Schema of ``icesync.yaml``, from the table of options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from icesync.config.project import OptionTree, option_tree
from icesync.config.rules import RULES
from icesync.model.options import LIMIT_PATTERN, REFERENCE_PATTERN, Option, OptionKind
from icesync.model.project import GROUPS, Limit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icesync.diagnostics import Rule

Schema = dict[str, Any]

_NO_LIMIT: Final = "must be a count such as 5, or a share such as 30%"


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


def _shown(row: Option, **schema: Any) -> Schema:
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
        return _shown(row, type="string", minLength=1, **_pattern(row))
    return _shown(row, **plain_text())


def _reference(row: Option) -> Schema:
    [name] = row.examples
    examples = [f"ref+env://{name}", f"ref+file:///run/secrets/{name.lower()}"]
    return {**_shown(row, type="string", pattern=REFERENCE_PATTERN), "examples": examples}


def _number(kind: str) -> Callable[[Option], Schema]:
    return lambda row: _shown(row, type=kind, minimum=row.bounds[0], maximum=row.bounds[1])


def _texts(row: Option) -> Schema:
    return _shown(row, type="array", items={"type": "string", "minLength": 1, **_pattern(row)})


def _choices(row: Option) -> Schema:
    return _shown(row, type="array", items=choice("A kind of change.", row.choices))


def _limit(row: Option) -> Schema:
    one: list[Schema] = [
        {"type": "string", "pattern": LIMIT_PATTERN, "patternErrorMessage": _NO_LIMIT},
        {"type": "integer", "minimum": 0, "maximum": 999_999_999},
    ]
    several = {"type": "array", "minItems": 1, "items": {"anyOf": one}}
    about = (
        f"At most so many {row.text} in one run: a count (5), a share of the fleet "
        "(30%, from 10 servers on), or a list of both, of which the stricter wins."
    )
    shown = _shown(row, anyOf=[*one, several])
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
        **_shown(row),
        **choice(describe_option(row), row.choices, row.default),
    },
    OptionKind.CHOICES: _choices,
    OptionKind.TEXTS: _texts,
    OptionKind.LIMIT: _limit,
    OptionKind.LEVELS: _levels,
}
