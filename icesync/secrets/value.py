"""Text that a provider found becomes a secret, or the reason why it cannot be one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from icesync.errors import SecretMissing
from icesync.model.secret import SecretFacts, SecretValue

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["file_facts", "make_secret", "without_final_newline"]


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


def without_final_newline(text: str) -> str:
    """Return *text* without the one line break that editors, ``echo`` and programs add."""
    return text.removesuffix("\r\n" if text.endswith("\r\n") else "\n")


def file_facts(path: Path) -> SecretFacts:
    """Return when the file *path* was last written; nothing where that cannot be told."""
    try:
        changed = path.stat().st_mtime
    except (OSError, ValueError):
        return SecretFacts()
    return SecretFacts(changed_at=datetime.fromtimestamp(changed, UTC))
