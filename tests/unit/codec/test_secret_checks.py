from __future__ import annotations

import pytest
from builders import KEY

from icesync.codec.fingerprint import (
    ContainedSecrets,
    SecretIssue,
    equals,
    fits_form,
    group_equal,
    is_document,
    length,
    secret_issue,
)
from icesync.model.secret import SecretValue


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("hunter2", None),
        ("a b", None),
        ("hunter2\n", SecretIssue.LINE_BREAK),
        ("a\rb", SecretIssue.LINE_BREAK),
        ("\ufeffhunter2", SecretIssue.BOM),
        (" hunter2", SecretIssue.BLANK),
        ("hunter2\t", SecretIssue.BLANK),
        ("hünter2", SecretIssue.NOT_ASCII),
        ("\udcff", SecretIssue.NOT_ASCII),
    ],
)
def test_oddities(text: str, found: SecretIssue | None) -> None:
    """The first thing that a mail server may not take is told, and nothing of the secret."""
    assert secret_issue(SecretValue(text)) is found


@pytest.mark.parametrize(
    "text",
    ["a: 1\nb: 2", "a\rb", "\ufeff \na\nb\n", '{"a": "b"}', ' ["a", 1]\n',
     '\ufeff{"a": {"b": 1}}', '{"a": ' + "[" * 100_000],
)  # fmt: skip
def test_a_document_is_seen(text: str) -> None:
    """Several lines, or JSON with a text in it."""
    assert is_document(SecretValue(text))


@pytest.mark.parametrize(
    "text",
    ["hunter2", "hunter2\n", "\r\nhunter2", "{x", "[abc]", "[1]", "[]", "{}", "{a: b}", "a: b",
     "a=b", '{"x', '["x"', '{"x"}', '"x"', "- x", "#x", "%x", "a\tb", "\N{SNOWMAN}", "x\x0by",
     "a\x85b", "a\u2028b"],
)  # fmt: skip
def test_a_password_of_odd_characters_is_no_document(text: str) -> None:
    """People and generators choose brackets, colons, quotes and equals signs."""
    assert not is_document(SecretValue(text))


def test_known_secrets_are_found_in_another() -> None:
    """In any place, several at once; neither itself, nor one that is too short."""
    known = {"a": "canary-1", "b": "canary-2x", "c": "short", "d": "canary-1"}
    contained = ContainedSecrets({name: SecretValue(text) for name, text in known.items()})

    assert contained.names_in(SecretValue("canary-1canary-2x short")) == {"a", "b", "d"}
    assert contained.names_in(SecretValue("canary-1")) == set()
    assert contained.names_in(SecretValue("canary-")) == set()


def test_lengths_and_forms() -> None:
    """A form must fit the whole secret; a length counts characters."""
    secret = SecretValue("abcdé")

    assert length(secret) == 5
    assert fits_form(secret, "[a-zé]+")
    assert not fits_form(secret, "[a-z]+")
    assert equals(secret, "abcdé")
    assert not equals(secret, "abcd")


def test_alike_secrets_are_grouped_by_name() -> None:
    """Names that lead to one secret come together, sorted; a secret of its own is no group."""
    values = {"d": "x", "b": "y", "a": "x", "c": "z", "e": "y"}
    secrets = {name: SecretValue(text) for name, text in values.items()}

    assert group_equal(secrets, KEY) == [["a", "d"], ["b", "e"]]
