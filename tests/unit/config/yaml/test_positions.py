from __future__ import annotations

from pathlib import Path

import pytest

from icesync.config.yaml.positions import find_positions
from icesync.config.yaml.source import SourceFile
from icesync.config.yaml.strict_reader import read_strictly

ROOT = Path(__file__).parents[4]
FILES = sorted((ROOT / "examples" / "quickstart").rglob("*.yaml"))

ODD = b"""\
a: {b: [1, {c: 2}, [], {}], "d e": text}
f:
- - g
  - h: i
- 'j'
k: ''
"""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_both_readings_know_the_same_places(path: Path) -> None:
    """The quick pass over places and the careful reading agree about every node."""
    data = path.read_bytes()
    careful = read_strictly(SourceFile(path.name, data))

    assert find_positions(data) == (careful.keys, careful.values)


@pytest.mark.parametrize("data", [ODD, b"just text\n", b"[]\n"], ids=["odd", "text", "list"])
def test_nesting_of_every_kind_is_followed(data: bytes) -> None:
    """Lists in lists, mappings in lists and empty ones keep the paths right."""
    careful = read_strictly(SourceFile("odd.yaml", data))

    assert find_positions(data)[1] == careful.values
