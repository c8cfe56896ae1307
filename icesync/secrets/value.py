"""Text that a provider found becomes a secret, or the reason why it cannot be one."""

from __future__ import annotations

from icesync.errors import SecretMissing
from icesync.model.secret import SecretValue

__all__ = ["make_secret"]


def make_secret(text: str, what: str) -> SecretValue:
    """
    Return *text* as a secret, unaltered.

    Raises:
        SecretMissing: *what* is empty, or no request body could carry it.

    """
    if not text:
        raise SecretMissing(f"{what} is empty")
    # how Python spells bytes that are not UTF-8, and half of a pair in JSON; the error of an
    # attempt to encode them would carry the text
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise SecretMissing(f"{what} is not UTF-8")
    return SecretValue(text)
