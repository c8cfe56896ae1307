from __future__ import annotations

import pytest

from icesync.config.yaml.source import SourceFile
from icesync.config.yaml.strict_reader import MAX_DEPTH, MAX_NODES, StrictReading, read_strictly


def _read(text: str) -> StrictReading:
    return read_strictly(SourceFile("a.yaml", text.encode()))


def test_every_node_has_a_place() -> None:
    """Keys and values are placed by path, lines and columns from 1."""
    careful = _read("a: 1\nb:\n  - c: 2")

    assert careful.keys == {("a",): (1, 1), ("b",): (2, 1), ("b", 0, "c"): (3, 5)}
    assert careful.values == {
        (): (1, 1),
        ("a",): (1, 4),
        ("b",): (3, 3),
        ("b", 0): (3, 5),
        ("b", 0, "c"): (3, 8),
    }


def test_first_of_two_equal_keys_is_kept() -> None:
    """What stands below a refused key neither replaces the first value nor mixes with it."""
    careful = _read("a: {b: 1}\na: {b: 2, c: [3]}\na: {b: 5}\nd: 4")

    assert careful.data == {"a": {"b": "1"}, "d": "4"}
    assert [str(d.position) for d in careful.problems] == ["a.yaml:2:1", "a.yaml:3:1"]
    assert careful.values["a", "b"] == (1, 8)


def test_problem_of_the_parser_keeps_what_was_found() -> None:
    """A file that breaks off has the findings before the break too."""
    careful = _read("a: 1\na: 2\nb: [")

    assert [d.rule for d in careful.problems] == ["ICE106", "ICE006"]


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("[" * MAX_DEPTH + "]" * MAX_DEPTH, []),
        ("[" * (MAX_DEPTH + 1), ["ICE004"]),
        ("[" + "1," * (MAX_NODES - 1) + "]", []),
        ("[" + "1," * MAX_NODES + "]", ["ICE004"]),
    ],
    ids=["deepest", "too deep", "most values", "too many values"],
)
def test_limits_are_exact(text: str, rules: list[str]) -> None:
    """The last value within a limit passes, the first beyond it does not."""
    found = [d.rule for d in _read(text).problems]

    assert found == rules


@pytest.mark.parametrize(
    ("aliases", "rules"),
    [(9_800, []), (10_000, ["ICE004"])],
    ids=["within", "beyond"],
)
def test_small_file_may_expand_to_ten_thousand_values(aliases: int, rules: list[str]) -> None:
    """Aliases have a floor to spend, so that honest reuse in a small file passes."""
    text = f"a: &a [{'1,' * 98}]\nb: [{'*a,' * (aliases // 99)}]"

    assert [d.rule for d in _read(text).problems] == rules


def test_tag_on_a_key_is_refused() -> None:
    """Keys are plain words."""
    [finding] = _read("!x a: 1").problems

    assert (finding.rule, finding.position.column) == ("ICE009", 1)
