from __future__ import annotations

import json
from enum import StrEnum

import pytest

from icesync.codec import canonical, digest, pretty, unique_object


def test_canonical_text_has_one_spelling() -> None:
    """Sorted keys, no blanks, ASCII."""
    assert canonical({"b": [1, None], "a": "é"}) == '{"a":"\\u00e9","b":[1,null]}'


def test_pretty_text_has_one_spelling() -> None:
    """Sorted keys, an indent of 2, ASCII, a final newline."""
    assert pretty({"b": [1], "a": "é"}) == '{\n  "a": "\\u00e9",\n  "b": [\n    1\n  ]\n}\n'


class _Word(StrEnum):
    ONE = "one"


@pytest.mark.parametrize(
    "document",
    [
        {}, [], (), None, True, 0, -1.5, "", 'é\u2028\U0001f600"\\\x00', _Word.ONE,
        {"b": {}, "a": [], "": ()},
        [[], {}, [{"a": [1, (True, None, "x")]}]],
        {_Word.ONE: {"z": False, "aa": {"b": [{"c": "d"}, 1e300]}}},
        {"é": 10**30, "e": "ref+env://A"},
    ],
    ids=repr,
)  # fmt: skip
def test_pretty_text_is_that_of_json(document: object) -> None:
    """Written in half of the time, it is what Python's own encoder makes of it."""
    assert pretty(document) == json.dumps(document, sort_keys=True, indent=2) + "\n"


@pytest.mark.parametrize("write", [canonical, pretty])
def test_numbers_that_json_does_not_know_are_refused(write: object) -> None:
    """NaN would be written as a word that other readers refuse."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        write({"a": float("nan")})  # type: ignore[operator]


def test_digest_names_its_algorithm() -> None:
    """The well-known value of the empty text."""
    expected = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    assert digest("") == expected


def test_object_with_unique_keys_is_read() -> None:
    """The hook gives what json would give."""
    assert json.loads('{"a": {"b": 1}}', object_pairs_hook=unique_object) == {"a": {"b": 1}}


def test_key_given_twice_is_refused() -> None:
    """The last one would win in silence."""
    with pytest.raises(ValueError, match="a key is given twice"):
        json.loads('{"a": 1, "a": 1}', object_pairs_hook=unique_object)
