from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from icesync.config.fmt import format_source, key_order
from icesync.config.schema import build_schema
from icesync.config.yaml_document import SourceFile, parse_document

ROOT = Path(__file__).parents[3]


def _formatted(text: str | bytes) -> str:
    data = text if isinstance(text, bytes) else text.encode()
    result = format_source(SourceFile("a.yaml", data))
    assert result.problems == ()
    return result.after.decode()


PAGE = (ROOT / "tests" / "examples" / "layouts.txt").read_text()
LAYOUTS = {
    name: tuple(text.removesuffix("\n").split("--->\n"))
    for name, text in re.findall(r"^=== (.+)\n((?:(?!===).*\n)*)", PAGE + "\n", re.MULTILINE)
}


@pytest.mark.parametrize("what", LAYOUTS)
def test_layout(what: str) -> None:
    """Each turn of style has one example; what comes out of it stays as it is."""
    before, after = LAYOUTS[what]

    assert _formatted(before) == after
    assert _formatted(after) == after


def test_there_are_layouts() -> None:
    """The page is read, each turn with its two texts."""
    assert len(LAYOUTS) > 20
    assert {len(texts) for texts in LAYOUTS.values()} == {2}


def test_aliases_stay_behind_their_anchors() -> None:
    """An order in which an alias would have no anchor, or another one, is not taken."""
    text = "zoo: &a\n  host: a\nservers: [*a]\nape: &a 1\ndefaults: *a\n"

    assert _formatted(text) == text


def test_line_ends_and_mark_of_windows_are_kept() -> None:
    """A file is written with the line ends of its first line, and keeps its byte order mark."""
    assert (
        _formatted(b"\xef\xbb\xbfversion:  1\r\nservers: []\n")
        == "\ufeffversion: 1\r\nservers: []\r\n"
    )


def test_long_lines_stay_long() -> None:
    """Nothing is wrapped."""
    text = f"servers: [{{skill: 1, name: {'long ' * 200}end}}]\n"

    assert _formatted(text) == text


@pytest.mark.parametrize("text", ["a: [", "a: 1\na: 2", "a: !t 1", "", "\tx: 1"])
def test_what_cannot_be_read_is_left_alone(text: str) -> None:
    """A file that the strict reader refuses keeps its bytes and comes with the findings."""
    source = SourceFile("a.yaml", text.encode())

    result = format_source(source)

    assert result.after == source.data
    assert result.problems == parse_document(source).problems


def test_what_cannot_be_laid_out_is_left_alone() -> None:
    """A key over several lines cannot stand before a colon, so the file is not touched."""
    source = SourceFile("a.yaml", b'? "two\n  words"\n: 1\nversion: 1\n')

    result = format_source(source)

    assert result.after == source.data
    assert [d.rule for d in result.problems] == ["ICE009"]


def test_what_sops_encrypted_is_left_alone() -> None:
    """A sealed file would not open again with its values in another order."""
    source = SourceFile("a.yaml", b"organization: 5\nversion: 1\nname: ENC[x]\nsops:\n    mac: y\n")

    assert format_source(source).changed is False
    assert format_source(source).problems == ()


EXAMPLES = [path.relative_to(ROOT).as_posix() for path in sorted(ROOT.glob("examples/**/*.yaml"))]


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_in_shape(name: str) -> None:
    """What users copy is what the formatter would write."""
    data = (ROOT / name).read_bytes()

    assert _formatted(data).encode() == data


def _properties(schema: dict[str, Any]) -> dict[str | None, Any]:
    """Return the keys that *schema* knows, in their order, with those below each."""
    found: dict[str | None, Any] = {
        key: _properties(below) for key, below in schema.get("properties", {}).items()
    }
    items = _properties(schema["items"]) if "items" in schema else {}
    return {**found, None: items} if items else found


@pytest.mark.parametrize(
    ("name", "data"),
    [("email-servers", {"servers": []}), ("icesync", {"rules": {}}), ("email-servers", None)],
)
def test_keys_stand_in_the_order_of_the_schema(name: str, data: Any) -> None:
    """Formatting loads no schema; the order that it knows is that of the printed ones."""
    expected = _properties(build_schema(name))

    assert str(key_order(data)) == str(expected)
