from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from icesync.config.schema import (
    DRAFTS,
    SCHEMAS,
    build_schema,
    check_schema,
    dotted,
    print_schema,
    to_instance,
)
from icesync.config.yaml_document import Quoted, SourceFile, parse_document
from icesync.model.fields import FIELDS, Field, Kind, Role

if TYPE_CHECKING:
    from icesync.diagnostics import Diagnostic

HEAD = "version: 1\norganization: 59\n"


def _check(text: str, name: str = "email-servers") -> list[Diagnostic]:
    return list(check_schema(parse_document(SourceFile("a.yaml", text.encode())), name))


VALIDATORS = {"2020-12": Draft202012Validator, "7": Draft7Validator}


@pytest.mark.parametrize("draft", DRAFTS)
@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_is_a_schema(name: str, draft: str) -> None:
    """Each schema obeys the metaschema of its draft."""
    schema = build_schema(name, draft)

    VALIDATORS[draft].check_schema(schema)
    assert schema["$schema"] == VALIDATORS[draft].META_SCHEMA["$schema"]


EXAMPLES = sorted((Path(__file__).parents[2] / "examples").rglob("*.yaml"))
KINDS = {"project": "icesync", "servers": "email-servers", "defaults": "defaults"}


def test_drafts_give_one_verdict() -> None:
    """Every example is accepted by both drafts, or refused by both in the same places."""
    verdicts = set()
    for path in EXAMPLES:
        document = parse_document(SourceFile("a.yaml", path.read_bytes()))
        if document.problems:
            continue
        name = KINDS[path.parent.name]
        instance = to_instance(document.data, build_schema(name))
        new, old = (
            [
                (error.json_path, error.message)
                for error in VALIDATORS[draft](build_schema(name, draft)).iter_errors(instance)
            ]
            for draft in DRAFTS
        )
        verdicts.add(bool(new))

        assert new == old

    assert verdicts == {True, False}


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_is_self_contained(name: str) -> None:
    """No schema refers to another, so nothing is ever fetched."""
    assert "$ref" not in json.dumps(build_schema(name))


def _objects(schema: dict[str, Any]) -> list[dict[str, Any]]:
    found = [schema] if schema.get("type") == "object" else []
    below = [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]
    below += [schema["items"]] if "items" in schema else []
    return found + [item for part in below for item in _objects(part)]


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_mapping_is_closed(name: str) -> None:
    """An unknown key is refused at every level, and every key says what it is."""
    objects = _objects(build_schema(name))
    texts = [p.get("description") for item in objects for p in item["properties"].values()]

    assert all(item["additionalProperties"] is False for item in objects)
    assert all(texts)


def _property(schema: dict[str, Any], key: str) -> dict[str, Any] | None:
    for part in key.split("."):
        schema = schema.get("properties", {}).get(part, {})
    return schema or None


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.key)
def test_every_field_is_in_the_schema(field: Field) -> None:
    """A row of the field table is a property of a server, and of defaults unless it names one."""
    servers = build_schema("email-servers")
    server = servers if field.key == "organization" else servers["properties"]["servers"]["items"]
    defaults = [
        servers["properties"]["defaults"],
        build_schema("defaults")["properties"]["defaults"],
    ]
    shared = field.role not in {Role.ADDRESS, Role.LABEL}

    assert field.meaning in str(_property(server, field.key))
    assert [_property(item, field.key) is not None for item in defaults] == [shared, shared]


@pytest.mark.parametrize(
    ("written", "near"),
    [
        ("server: []", "did you mean `servers`?"),
        ("Removed: []", "did you mean `removed`?"),
        ("x1: 5", "one of: version, organization, defaults, servers, removed, moved"),
        ("servers: [{skill: 1, smtp: {prot: 5}}]", "did you mean `port`?"),
        ("defaults: {smtp: {pasword: ref+env://ICE_A}}", "did you mean `password`?"),
        ("defaults: {spoof: {}}", "did you mean `spoofing`?"),
    ],
)
def test_unknown_key_has_a_suggestion(written: str, near: str) -> None:
    """An unknown key is told with the nearest known one, or with all of them."""
    [finding] = _check(HEAD + written)

    assert (finding.rule, finding.hint) == ("ICE105", near)


def test_every_unknown_key_is_told() -> None:
    """Several unknown keys of one mapping are several findings."""
    places = [str(d.position) for d in _check(HEAD + "a1: 1\nservers: []\nb2: 1")]

    assert places == ["a.yaml:3:1", "a.yaml:5:1"]


def test_fitting_file_has_no_findings() -> None:
    """A file that fits is silent, with labels and defaults of any spelling that its type takes."""
    text = HEAD + "defaults: {smtp: {username: on}}\nservers: [{skill: 1, name: '5'}]"

    assert _check(text) == []


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("defaults: []", "`defaults` must be a mapping"),
        ("servers: {}", "`servers` must be a list"),
        ("defaults: {name: 1}", "unknown key `defaults.name`"),
        ("defaults: {smtp: {host: [a]}}", "`defaults.smtp.host` must be a string"),
        ("defaults: {smtp: {port: {a: 1}}}", "`defaults.smtp.port` must be a whole number"),
        ("defaults: {tls: []}", "`defaults.tls` must be a boolean"),
        ("servers: [{skill: 1}, {}]", "`servers[1].skill` is required"),
        ("removed: [{skill: 1, action: x}]", "`removed[0].action` must be one of disable, forget"),
        (
            "defaults: {status: enabled}",
            "`defaults.status` must be one of Enabled, Disabled",
        ),
        (
            "servers: [{skill: 1, smtp: {port: 99999}}]",
            "59/1: `smtp.port` must be a port, 1 to 65535",
        ),
        ("servers: [{skill: x1, ssl: true}]", "`servers[0].skill` must be a positive integer"),
        ("servers: [{skill: 1, sssl: true}]", "59/1: unknown key `sssl`"),
        ("servers: [{skill: 1, smtp: {host: ''}}]", "59/1: `smtp.host` is empty"),
        (
            "servers: [{skill: 1, smtp: {password: ~}}]",
            "59/1: `smtp.password` is empty",
        ),
    ],
)
def test_message_names_the_path(written: str, message: str) -> None:
    """A message names the address where it is known, the path, then what was expected."""
    [told] = {d.message for d in _check(HEAD + written)}

    assert told == message


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ("token: hunter2", "ICE401"),
        ("token: ref+hunter2", "ICE410"),
        ("login: {organization: 5, username: u, password: hunter2}", "ICE401"),
    ],
)
def test_literal_secret_of_the_project_is_named_so(written: str, rule: str) -> None:
    """The credentials of icesync itself obey the rule that holds for mail passwords."""
    [finding] = _check(f"version: 1\napi: {{{written}}}", "icesync")

    assert finding.rule == rule
    assert "hunter2" not in f"{finding.message} {finding.hint}"


@pytest.mark.parametrize(
    ("data", "schema", "instance"),
    [
        ("5", {"type": "integer"}, 5),
        ("-5", {"type": "integer"}, -5),
        ("5.0", {"type": "integer"}, "5.0"),
        ("05", {"type": "integer"}, "05"),
        ("5" * 18, {"type": "integer"}, int("5" * 18)),
        ("5" * 19, {"type": "integer"}, "5" * 19),
        ("\u0665", {"type": "integer"}, "\u0665"),
        ("5.25", {"type": "number"}, 5.25),
        ("5.", {"type": "number"}, "5."),
        ("5.x", {"type": "number"}, "5.x"),
        ("true", {"type": "boolean"}, True),
        ("false", {"type": "boolean"}, False),
        ("on", {"type": "boolean"}, "on"),
        ("true", {"type": "string"}, "true"),
        ("5", {"type": "string"}, "5"),
        ("~", {"type": "string"}, None),
        ("", {}, None),
        (Quoted("5"), {"type": "integer"}, "5"),
        (Quoted(""), {"type": "string"}, ""),
        ("5", {"anyOf": []}, "5"),
        (["5", "30%"], {"anyOf": []}, ["5", "30%"]),
        (["5", "x"], {"items": {"type": "integer"}}, [5, "x"]),
        ({"a": "5", "b": "5"}, {"properties": {"a": {"type": "string"}}}, {"a": "5", "b": 5}),
    ],
)
def test_scalar_is_typed_as_its_place_asks(data: Any, schema: Any, instance: Any) -> None:
    """A number is one where a number may stand, and in decimal digits only."""
    result = to_instance(data, schema)

    assert result == instance
    assert type(result) is type(instance)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("servers", 3, "smtp", "port"), "servers[3].smtp.port"),
        (("a\nb", "c"), "a\\nb.c"),
        (("k" * 100,), "k" * 60),
    ],
)
def test_path_is_told_on_one_line(path: tuple[str | int, ...], text: str) -> None:
    """A path in a message is dotted, and its strange characters are escaped."""
    assert dotted(path) == text


TEXTS = [f.key for f in FIELDS if f.kind is Kind.TEXT]


@pytest.mark.parametrize("value", [12, 0.5, True, "0012"], ids=str)
@pytest.mark.parametrize("key", TEXTS)
def test_text_without_quotes_is_no_error_of_an_editor(key: str, value: object) -> None:
    """What YAML 1.2 takes for a number or a flag is a text to validate, and to editors, too."""
    block, _, leaf = key.rpartition(".")
    setting = {block: {leaf: value}} if block else {leaf: value}
    server = {"skill": 1, **setting}
    instance = {"version": 1, "organization": 59, "servers": [server]}

    assert list(Draft202012Validator(build_schema("email-servers")).iter_errors(instance)) == []


@pytest.mark.parametrize(("limit", "fits"), [("100%", True), ("0%", True), ("150%", False)])
def test_share_ends_at_the_whole_fleet(limit: str, *, fits: bool) -> None:
    """More than all servers cannot change: 150% is a slip."""
    found = _check(f"version: 1\nlimits: {{updates: {limit}}}", "icesync")

    assert (found == []) is fits


STANDARD = {
    *("$schema", "title", "description", "type", "properties", "items", "anyOf", "required"),
    *("additionalProperties", "enum", "const", "pattern", "minimum", "maximum", "minLength"),
    *("exclusiveMinimum", "maxLength", "minItems", "maxItems", "uniqueItems", "default"),
    *("examples", "deprecated", "format"),
}


def _keywords(schema: Any) -> set[str]:
    below = [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]
    below += [schema["items"]] if "items" in schema else []
    return {*schema, *(word for part in below for word in _keywords(part))}


@pytest.mark.parametrize("name", SCHEMAS)
def test_plain_schema_has_words_of_the_standard_alone(name: str) -> None:
    """A validator that refuses unknown keywords, as ajv does in strict mode, takes it."""
    plain = json.loads(print_schema(name, plain=True))

    assert _keywords(plain) <= STANDARD
    assert _keywords(json.loads(print_schema(name))) > _keywords(plain)
    assert plain["properties"].keys() == SCHEMAS[name]["properties"].keys()


def test_many_unknown_keys_are_counted() -> None:
    """A file tells about 500 of them; a misspelled key that is only counted is not missing."""
    keys = "".join(f"    key{n}: 1\n" for n in range(24))
    text = f"{HEAD}servers:\n" + "".join(f"  - skil: {n}\n{keys}" for n in range(1, 31))

    found = _check(text)
    counts = [(d.position.line, d.message) for d in found if d.message.endswith("keys")]

    assert len(found) == 502
    assert counts[:2] == [(24, "5 more unknown keys"), (49, "5 more unknown keys")]
    assert counts[-1] == (604, "150 more unknown keys")
