"""The tokens that the emulator gives out, and what it thinks of one that comes back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from icesync.emulator.history import Verdict
from icesync.wire.token import Token, read_token, sign_token, verify_token

if TYPE_CHECKING:
    from datetime import datetime

    from icesync.emulator.storage import Storage
    from icesync.model.secret import SecretValue


class Tokens:
    """
    Signs tokens with the storage's own key; each is good for *ttl_s* seconds.

    A token is known by what it says, never by its text: nothing here opens it.
    """

    def __init__(self, storage: Storage, ttl_s: int) -> None:
        self._storage = storage
        self._ttl = timedelta(seconds=ttl_s)
        self._over = storage.tokens_over()
        self._latest = 0

    def issue(self, organization: int, username: str, now: datetime) -> SecretValue:
        """Return a new token; never one that was revoked within the same second, or expired."""
        end = self._end(now)
        while self._storage.is_revoked(_name(Token(organization, username, end))):
            end += timedelta(seconds=1)
        self._latest = max(self._latest, int(end.timestamp()))
        claims = {"orgid": organization, "username": username, "exp": int(end.timestamp())}
        return sign_token(claims, self._storage.signing_key)

    def judge(self, secret: SecretValue | None, now: datetime) -> Token | Verdict:
        """Return what a good token says, or why it is none; its end is kept without leeway."""
        if secret is None:
            return Verdict.TOKEN_MISSING
        signed = verify_token(secret, self._storage.signing_key)
        token = read_token(secret) if signed else None
        if token is None or token.expires_at is None:
            return Verdict.TOKEN_FORGED
        if now >= token.expires_at or token.expires_at.timestamp() <= self._over:
            return Verdict.TOKEN_EXPIRED
        return Verdict.TOKEN_REVOKED if self._storage.is_revoked(_name(token)) else token

    def revoke(self, token: Token) -> None:
        """End *token* before its time."""
        self._storage.revoke(_name(token))

    def expire(self, now: datetime) -> None:
        """End all tokens that were given out until now; those of later logins are good."""
        self._over = max(self._over, self._latest, int(self._end(now).timestamp()))
        self._storage.end_tokens(self._over)

    def _end(self, now: datetime) -> datetime:
        """Return when a token of this moment ends: behind all that were ended together."""
        end = now.replace(microsecond=0) + self._ttl
        behind_s = self._over + 1 - int(end.timestamp())
        return end + timedelta(seconds=max(behind_s, 0))


def _name(token: Token) -> str:
    """Return what tells one token from every other: the name comes last, it may hold anything."""
    return f"{token.organization} {token.expires_at} {token.username!a}"
