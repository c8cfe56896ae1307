from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from icesync.config.resolve import resolve
from icesync.config.rules import RULES
from icesync.config.schema import SCHEMAS, build_schema, check_schema
from icesync.config.yaml_document import SourceFile, parse_document
from icesync.model.fields import FIELDS, Kind
from icesync.model.presets import tail_presets
from icesync.model.project import REFERENCE_PATTERN

if TYPE_CHECKING:
    from collections.abc import Iterator


def _nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every schema in *schema*."""
    yield schema
    below = [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]
    for part in [*below, *([schema["items"]] if "items" in schema else [])]:
        yield from _nodes(part)


ALL = [node for name in SCHEMAS for node in _nodes(build_schema(name))]


def _keys() -> list[dict[str, Any]]:
    return [key for node in ALL for key in node.get("properties", {}).values()]


def test_every_key_has_title_and_hover_text() -> None:
    """Whatever an editor hovers over says what it is, in markdown too."""
    told = [key for key in _keys() if all(key.get(w) for w in ("title", "markdownDescription"))]

    assert told == _keys()
    assert len(told) > 100


def test_every_word_of_a_list_is_explained() -> None:
    """
    Each word of a closed list comes with what it means.

    Methods of HTTP mean themselves, and so do presets that are called by a domain.
    """
    closed = [node for node in ALL if "enum" in node and "POST" not in node["enum"]]

    def words(node: dict[str, Any]) -> list[str]:
        return [word for word in node["enum"] if word not in tail_presets()]

    assert closed
    assert all(len(n["markdownEnumDescriptions"]) == len(words(n)) for n in closed)
    assert all(n["enum"][: len(words(n))] == words(n) for n in closed)


def test_every_pattern_has_a_sentence() -> None:
    """A text that does not match is told in words, not by a regular expression."""
    patterns = [node for node in ALL if "pattern" in node]
    secrets = [node for node in patterns if node["pattern"] == REFERENCE_PATTERN]

    assert all(node["patternErrorMessage"] for node in patterns)
    assert len(secrets) > 3
    assert all("ref+env://" in node["patternErrorMessage"] for node in secrets)


def _fits(value: Any, schema: dict[str, Any]) -> bool:
    from jsonschema import Draft202012Validator

    return bool(Draft202012Validator(schema).is_valid(value))


def test_examples_and_defaults_fit() -> None:
    """What is offered is accepted."""
    offered = [
        (value, node)
        for node in ALL
        for value in [*node.get("examples", []), *([node["default"]] if "default" in node else [])]
    ]

    assert len(offered) > 50
    assert [value for value, node in offered if not _fits(value, node)] == []


def test_defaults_are_those_that_hold() -> None:
    """A file that says what the schema calls the default says nothing new."""
    from icesync.config.project import read_options
    from icesync.model.project import Project, build

    def read(schema: dict[str, Any]) -> Any:
        if "properties" in schema:
            parts = {key: read(below) for key, below in schema["properties"].items()}
            return {key: value for key, value in parts.items() if value not in ({}, None)}
        return schema.get("default", schema.get("const"))

    text = yaml.safe_dump(read(build_schema("icesync")))
    values = read_options(parse_document(SourceFile("i.yaml", text.encode())))
    said = build(Project, {**values, "rules": {}}, root="/r", config_file="i.yaml")

    assert "concurrency: 4" in text
    assert values["rules"] == {rule.id: rule.severity.value for rule in RULES.values()}
    assert said == Project("/r", "i.yaml")


def _typed(body: Any, *, choice: int = 0) -> Any:
    """Return what is written when a person takes every tab stop as it is offered."""
    if isinstance(body, dict):
        return {key: _typed(value, choice=choice) for key, value in body.items()}
    text = re.sub(r"\$\{\d+:(.*?)\}", r"\1", body)
    return re.sub(r"\$\{\d+\|(.*?)\|\}", lambda m: m[1].split(",")[choice], text)


SERVERS = build_schema("email-servers")["properties"]
SNIPPETS = SERVERS["servers"]["items"]["defaultSnippets"]


@pytest.mark.parametrize("choice", [0, 1])
@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet["label"])
def test_snippet_of_a_server_is_a_whole_server(snippet: dict[str, Any], choice: int) -> None:
    """What the snippet writes validates without another key."""
    typed = yaml.safe_dump(_typed(snippet["body"], choice=choice)).replace("'", "")
    text = f"version: 1\norganization: 59\nservers:\n- {typed.replace(chr(10), chr(10) + '  ')}"

    state, findings = resolve([parse_document(SourceFile("a.yaml", text.encode()))])

    assert findings == ()
    assert len(state.servers) == 1


def test_snippets_cover_both_ways_to_collect_mail() -> None:
    """There is one for each of pop3 and imap, with their blocks in the order of the table."""
    order = [f.key.partition(".")[0] for f in FIELDS]

    assert [s["body"]["incoming"] for s in SNIPPETS] == ["pop3", "imap"]
    for snippet in SNIPPETS:
        assert list(snippet["body"]) == [k for k in dict.fromkeys(order) if k in snippet["body"]]


def test_snippet_of_a_removal_fits() -> None:
    """What the snippet writes ends a server."""
    [snippet] = SERVERS["removed"]["items"]["defaultSnippets"]
    item = _typed(snippet["body"])
    entry = f"{{skill: {item['skill']}, action: {item['action']}}}"
    text = f"version: 1\norganization: 59\nremoved: [{entry}]"

    assert check_schema(parse_document(SourceFile("a.yaml", text.encode())), "email-servers") == ()


def test_numbers_are_offered_as_numbers() -> None:
    """The example of a port is no text."""
    ports = [key for key in _keys() if key.get("maximum") == 65535]

    assert {type(key["examples"][0]) for key in ports} == {int}
    assert Kind.PORT in {field.kind for field in FIELDS}
