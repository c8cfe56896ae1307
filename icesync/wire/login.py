"""
Logging in: the bodies of the vendor's calls (help), and the token that they give.

The signature of the HS256 token is the service's secret, so a client can only read what a
token says: whom it is for and when it ends (doc:sample: ``orgid``, ``username``, ``exp``;
no ``iat``, so nobody knows how long tokens live).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from icesync.frozen import frozen
from icesync.model.secret import SecretValue
from icesync.wire.reply import read_message, read_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.model.project import Login

_PARTS = 3


@frozen
class Token:
    """What a token says of itself; *expires_at* is UTC, None where it names no end."""

    organization: int | None
    username: str | None
    expires_at: datetime | None


def read_token(secret: SecretValue) -> Token | None:
    """Return what the token says, or None if it is not a JSON Web Token."""
    parts = secret.reveal().split(".")
    if len(parts) != _PARTS:
        return None
    header, claims = _object(parts[0]), _object(parts[1])
    if header is None or claims is None:
        return None
    return Token(_integer(claims.get("orgid")), _text(claims.get("username")), _moment(claims))


def sign_token(claims: Mapping[str, object], key: bytes) -> SecretValue:
    """Return a token over *claims*, with the header that jwt-dotnet writes (observed)."""
    signed = f"{_encode({'typ': 'JWT', 'alg': 'HS256'})}.{_encode(claims)}"
    return SecretValue(f"{signed}.{_signature(signed, key)}")


def write_token(secret: SecretValue) -> bytes:
    """Return the token as the content of a file that ``ref+file://`` can name."""
    return f"{secret.reveal()}\n".encode()


def verify_token(secret: SecretValue, key: bytes) -> bool:
    """Return whether *key* signed the token; says nothing about its end."""
    signed, _, signature = secret.reveal().rpartition(".")
    return hmac.compare_digest(_signature(signed, key).encode(), signature.encode(errors="replace"))


def _signature(signed: str, key: bytes) -> str:
    return _unpadded(hmac.digest(key, signed.encode(errors="replace"), hashlib.sha256))


def _encode(document: Mapping[str, object]) -> str:
    return _unpadded(json.dumps(document, separators=(",", ":")).encode())


def _unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _object(part: str) -> dict[str, object] | None:
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        document = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _integer(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value[:18])
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _moment(claims: Mapping[str, object]) -> datetime | None:
    seconds = claims.get("exp")
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


LOGIN_PATH: Final = "/api/Authenticate/Login"
LOGOUT_PATH: Final = "/api/Authenticate/Logout"


def encode_login(login: Login, password: SecretValue) -> bytes:
    """Return the login body; the vendor spells the key with a British s (help)."""
    return json.dumps(
        {
            "OrganisationID": login.organization,
            "UserName": login.username,
            "Password": password.reveal(),
        },
        separators=(",", ":"),
    ).encode()


def encode_login_reply(organization: int, username: str, token: SecretValue) -> bytes:
    """Return the success object of a login, for the emulator; keys and fixed values from help."""
    return json.dumps(
        {
            "Message": "Success",
            "Token": token.reveal(),
            "OrganisationID": organization,
            "OrganisationName": f"Organization {organization}",
            "UserID": 1,
            "UserName": username,
            "UserFirstName": username.partition("@")[0],
            "UserFullName": username.partition("@")[0],
            "Permission": 1,
            "Offset": -360,
        },
        separators=(",", ":"),
    ).encode()


def read_login(status: int, body: bytes) -> SecretValue | None:
    """Return the token of a successful reply, or None for every other one."""
    document = read_object(body)
    if document is None or not 200 <= status < 300 or read_message(document) != "success":
        return None
    token = document.get("token")
    return SecretValue(token) if isinstance(token, str) and token else None
