from __future__ import annotations

import pytest
from builders import KEY

from icesync.codec.fingerprint import (
    SecretIssue,
    equals,
    fits_form,
    group_equal,
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
