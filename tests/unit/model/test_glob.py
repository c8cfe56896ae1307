from __future__ import annotations

import re
import sys
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icesync.model.glob import matches_name, matches_path


@given(st.text("ab/[]!-*?c", max_size=12), st.text("ab/]c-", max_size=10))
def test_names_match_as_everywhere(pattern: str, name: str) -> None:
    """Stars, question marks and sets mean what they mean to Python's own fnmatch."""
    assert matches_name(pattern, name) is fnmatchcase(name, pattern)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("servers/*.yaml", "servers/59.yaml", True),
        ("servers/*.yaml", "servers/eu/59.yaml", False),
        ("servers/**/*.yaml", "servers/59.yaml", True),
        ("servers/**/*.yaml", "servers/a/b/59.yaml", True),
        ("**/*.yaml", "59.yaml", True),
        ("**/*.yaml", "a/b/59.yaml", True),
        ("**.yaml", "a/b/59.yaml", True),
        ("servers/**", "servers/a/b.yaml", True),
        ("servers/**", "servers", False),
        ("a/**/b/**/c", "a/x/b/b/y/c", True),
        ("a/**/b/**/c", "a/x/y/c", False),
        ("s?rvers/[0-9]*.yaml", "servers/59.yaml", True),
        ("s?rvers/[!0-9]*.yaml", "servers/59.yaml", False),
        ("a?b", "a/b", False),
        ("a[/]b", "a/b", False),
        ("*", "a/b", False),
        ("a.yaml", "a.yaml", True),
        ("a.yaml", "axyaml", False),
    ],
)
def test_paths(pattern: str, path: str, *, expected: bool) -> None:
    """In a path a star stays inside a folder, two stars stand for any number of them."""
    assert matches_path(pattern, path) is expected


_WORDS = st.sampled_from(["a", "b", "*", "?", "**", "a*", "*b", "a*b"])


@given(
    st.lists(_WORDS, min_size=1, max_size=6),
    st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=6),
)
def test_paths_match_as_an_expression_would(parts: list[str], names: list[str]) -> None:
    """A regular expression that spells the meaning out says the same."""
    special = {"**/": "(?:[^/]+/)*", "*": "[^/]*", "?": "[^/]"}
    pattern = "/".join(parts)
    if parts[-1] == "**":
        pattern += "/*"
    pieces = re.split(r"(\*\*/|\*|\?)", pattern)
    expression = "".join(special.get(piece) or re.escape(piece) for piece in pieces)

    path = "/".join(names)

    assert matches_path("/".join(parts), path) is bool(re.fullmatch(expression, path))


@pytest.mark.parametrize(
    ("pattern", "path"),
    [("*a" * 40 + "b", "a" * 4000), ("**/a/" * 40 + "b", "a/" * 2000 + "c")],
    ids=["stars", "double stars"],
)
def test_no_pattern_takes_long(pattern: str, path: str) -> None:
    """What holds a backtracking matcher for years takes steps by the product of the lengths."""
    steps = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal steps
        steps += event == "call"

    sys.setprofile(count)
    try:
        assert not matches_path(pattern, path)
    finally:
        sys.setprofile(None)

    assert steps < 3 * len(pattern) * len(path)
