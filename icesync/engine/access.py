"""Use case: who icesync acts as: a token, a login, and the key of the fingerprints."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from icesync.codec.fingerprint import KEY_BYTES, encode_key
from icesync.engine.apply import check_token
from icesync.errors import AccessError
from icesync.frozen import frozen
from icesync.wire.token import read_token, write_token

if TYPE_CHECKING:
    from datetime import datetime

    from icesync.engine.session import Session
    from icesync.model.secret import SecretValue
    from icesync.wire.token import Token


@frozen
class TokenInfo:
    """What a token says of itself at the moment *now*; *claims* is None if it is none."""

    claims: Token | None
    now: datetime


def inspect_token(session: Session) -> TokenInfo:
    """
    Return what the token of ``api.token`` holds.

    Raises:
        AccessError: none is configured, it has ended, or it is no token.

    """
    api = session.project.api
    if api.token is None:
        raise AccessError(
            f"{session.project.config_file} has no `api.token`",
            "with `api.login` each apply obtains a token of its own",
        )
    token = session.fetch(api.token)
    check_token(token, 0, api, session.clock)
    return _info(session, token)


def log_in(session: Session) -> tuple[bytes, TokenInfo]:
    """
    Return the token of ``api.login`` as the content of a file, and what it holds.

    Raises:
        AccessError: no login is configured, or ICE refused it.
        RemoteError: ICE was not reached.

    """
    login = session.project.api.login
    if login is None:
        raise AccessError(
            f"{session.project.config_file} has no `api.login`",
            "login: {organization: 59, username: admin@example.com, password: ref+env://ICE_PASSWORD}",
        )
    token = session.ice.log_in(login, session.fetch(login.password))
    return write_token(token), _info(session, token)


def make_key() -> bytes:
    """Return a new key of the secrets' fingerprints, as the content of a file."""
    return f"{encode_key(secrets.token_bytes(KEY_BYTES))}\n".encode()


def _info(session: Session, token: SecretValue) -> TokenInfo:
    return TokenInfo(read_token(token), session.clock.now())
