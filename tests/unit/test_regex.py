"""``regex``: a pattern that is compiled when it is first used."""

from __future__ import annotations

import re

import pytest

from icesync.regex import regex


def test_it_is_what_compile_returns() -> None:
    """Methods and attributes are those of a compiled pattern, with its flags."""
    made = regex(r"(a+)b", re.IGNORECASE)

    match = made.fullmatch("AAb")
    assert match is not None
    assert match[1] == "AA"
    assert made.fullmatch("b") is None
    assert made.sub("x", "ab ab") == "x x"
    assert made.pattern == "(a+)b"


def test_it_is_compiled_when_it_is_used() -> None:
    """Nothing looks at the text before: loading a module must not pay for it."""
    wrong = regex("(")

    with pytest.raises(re.error):
        wrong.search("x")
