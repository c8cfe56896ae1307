"""Get a token by a login."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.errors import LoginRefused, Refused, Unreachable
from icesync.net import BrokenError, HttpClient, MisconfiguredError, NotSentError
from icesync.wire.login import LOGIN_PATH, encode_login, read_login

if TYPE_CHECKING:
    from icesync.model.project import Login
    from icesync.model.secret import SecretValue

__all__ = ["log_in"]


def log_in(client: HttpClient, login: Login, password: SecretValue) -> SecretValue:
    """
    Return the token that ICE gives for *login*.

    Raises:
        LoginRefused: ICE did not accept the user or the password.
        Unreachable: no reply came.
        Refused: the address does not take calls.

    """
    check = "check `api.base_url` and the network"
    try:
        reply = client.post_json(LOGIN_PATH, encode_login(login, password))
    except (NotSentError, BrokenError) as error:
        raise Unreachable(f"the login did not reach ICE: {error}", check) from None
    except MisconfiguredError as error:
        raise Refused(f"the login cannot be made: {error}", check) from None
    token = read_login(reply.status, reply.body)
    if token is None:
        raise LoginRefused(
            f"ICE refused the login of {ascii(login.username)[1:-1]} "
            f"at organization {login.organization} (HTTP {reply.status})",
            "check `api.login` and the password behind its reference",
        )
    return token
