"""The bodies of ``Authenticate/Login`` and ``Authenticate/Logout`` (help)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from icesync.model.secret import SecretValue
from icesync.wire.reply import read_message, read_object

if TYPE_CHECKING:
    from icesync.model.project import Login

__all__ = ["LOGIN_PATH", "LOGOUT_PATH", "encode_login", "encode_login_reply", "read_login"]

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
