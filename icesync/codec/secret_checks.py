"""
What may be told about a secret without telling it: its kind of characters, its length.

Beside the fingerprints because only here and in the wire encoder secrets are
opened; nothing that leaves this module would help to guess one.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.codec.fingerprint import FingerprintKey
    from icesync.model.secret import SecretValue

_BOM: Final = "\ufeff"
_ALIKE_DOMAIN: Final = b"icesync.alike.v1\0"


class SecretIssue(StrEnum):
    """What is odd about the characters of a secret."""

    LINE_BREAK = "holds a line break"
    BOM = "holds a byte order mark"
    BLANK = "starts or ends with a blank"
    NOT_ASCII = "holds characters outside of ASCII"


def secret_issue(secret: SecretValue) -> SecretIssue | None:
    """Return the first thing that is odd about the characters of *secret*, or None."""
    text = secret.reveal()
    if "\n" in text or "\r" in text:
        return SecretIssue.LINE_BREAK
    if _BOM in text:
        return SecretIssue.BOM
    if text != text.strip():
        return SecretIssue.BLANK
    return None if text.isascii() else SecretIssue.NOT_ASCII


def length(secret: SecretValue) -> int:
    """Return how many characters *secret* has."""
    return len(secret.reveal())


def fits_form(secret: SecretValue, pattern: str) -> bool:
    """Return whether the whole of *secret* fits the regular expression *pattern*."""
    return re.fullmatch(pattern, secret.reveal()) is not None


def equals(secret: SecretValue, text: str) -> bool:
    """Return whether *secret* is *text*, which is known already."""
    return secret.reveal() == text


def group_equal(values: Mapping[str, SecretValue], key: FingerprintKey) -> list[list[str]]:
    """Return the names of *values* that share one secret, each group and all groups sorted."""
    groups: dict[str, list[str]] = {}
    for name in sorted(values):
        groups.setdefault(value_tag(values[name], key), []).append(name)
    return sorted(group for group in groups.values() if len(group) > 1)


def value_tag(secret: SecretValue, key: FingerprintKey) -> str:
    """Return a tag that equal secrets share; who has not *key* learns nothing by it."""
    return key.digest(_ALIKE_DOMAIN + secret.reveal().encode("utf-8", "surrogatepass"))


def usable_text(secret: SecretValue) -> str | None:
    """Return why *secret*, which another package made, is no text that can be sent, or None."""
    text: object = secret.reveal()
    if not isinstance(text, str):
        return "its value is not a text"
    if not text:
        return "it is empty"
    return "it is not UTF-8" if any("\ud800" <= c <= "\udfff" for c in text) else None
