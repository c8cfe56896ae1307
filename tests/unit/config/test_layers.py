from __future__ import annotations

import pytest

from icesync.config.resolve import LayeredOrigin, LayerMapping
from icesync.config.yaml_document import Document, SourceFile, parse_document


def _document(file: str, text: str) -> Document:
    return parse_document(SourceFile(file, text.encode()))


def _defaults(file: str, text: str) -> LayerMapping:
    return LayerMapping(_document(file, text), ("defaults",))


ORIGIN = LayeredOrigin(
    _document("a.yaml", "servers:\n  - skill: 1\n    smtp: {port: 2}"),
    0,
    (
        _defaults("a.yaml", "defaults:\n  tls: true\n  smtp: {host: a}"),
        _defaults("_defaults.yaml", "defaults:\n  tls: false\n  ssl: true"),
        _defaults("b/_defaults.yaml", "# text"),
    ),
)


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("smtp.port", "a.yaml:3:18"),
        ("smtp.host", "a.yaml:3:16"),
        ("tls", "a.yaml:2:8"),
        ("ssl", "_defaults.yaml:3:8"),
        ("smtp.password", "a.yaml:2:5"),
        ("skill.odd", "a.yaml:2:5"),
        ("", "a.yaml:2:5"),
    ],
)
def test_most_special_layer_gives_the_place(key: str, place: str) -> None:
    """A value stands where its most special layer says it; else the server's place serves."""
    assert str(ORIGIN.position(key)) == place


def test_what_a_preset_filled_stands_at_its_key() -> None:
    """A plan points at the line of the preset, which is in no layer under the value's own key."""
    document = _document("a.yaml", "servers:\n  - skill: 1\n    preset: gmail")
    origin = LayeredOrigin(document, 0, filled={"smtp.port": "preset"})

    assert str(origin.position("smtp.port")) == "a.yaml:3:13"
    assert str(origin.position("smtp.host")) == "a.yaml:2:5"
