"""Tokens for people: whom and how long, never the token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.render.style import safe
from icesync.wire.token import read_token, write_token

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from icesync.model.secret import SecretValue

__all__ = ["describe_token", "store_token"]


def describe_token(token: SecretValue, now: datetime) -> str:
    """Return whom *token* is for and when it ends."""
    claims = read_token(token)
    if claims is None:
        return "a token that is not a JSON Web Token"
    who = f"{safe(claims.username or 'somebody')} at organization {claims.organization}"
    if claims.expires_at is None:
        return f"token of {who}; it names no end"
    left_s = (claims.expires_at - now).total_seconds()
    ends = claims.expires_at.strftime("%Y-%m-%d %H:%M:%SZ")
    return f"token of {who}, ends at {ends}, in {left_s / 60:.0f} minutes"


def store_token(path: Path, token: SecretValue) -> None:
    """Write *token* to *path*, readable by its owner only."""
    from icesync.cli.files import write_private

    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, write_token(token))
