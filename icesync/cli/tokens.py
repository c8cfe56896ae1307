"""Tokens for people: whom and how long, never the token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.model.snapshot import readable_time
from icesync.render.style import safe

if TYPE_CHECKING:
    from icesync.engine.access import TokenInfo


def describe_token(info: TokenInfo) -> str:
    """Return whom a token is for and when it ends."""
    claims = info.claims
    if claims is None:
        return "a token that is not a JSON Web Token"
    who = f"{safe(claims.username or 'somebody')} at organization {claims.organization}"
    if claims.expires_at is None:
        return f"token of {who}; it names no end"
    left_s = (claims.expires_at - info.now).total_seconds()
    ends = readable_time(claims.expires_at)
    return f"token of {who}, ends at {ends}, in {left_s / 60:.0f} minutes"
