"""Who calls: a token, read and renewed by a login before and when it ends."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from icesync.errors import IcesyncError, LoginRefused, Refused, Unreachable, printable
from icesync.model.report import OutcomeKind
from icesync.net import BrokenError, HttpClient, MisconfiguredError, NotSentError
from icesync.wire.login import LOGIN_PATH, encode_login, read_login, read_token
from icesync.wire.reply import Reply, read_reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from icesync.model.project import Login
    from icesync.model.secret import SecretValue
    from icesync.ports import Clock

_RENEW_BEFORE_S: Final = 60.0
_SERVER_ERROR: Final = 500


class Session:
    """
    The token of one run, shared by its workers.

    *renew* makes another one by a login, or is None. A token that is about to
    end is renewed before it is used; one that ICE refuses, once in a run.
    """

    def __init__(
        self, token: SecretValue, clock: Clock, renew: Callable[[], SecretValue] | None = None
    ) -> None:
        self._token = token
        self._clock = clock
        self._renew = renew
        self._lock = threading.Lock()
        self._tried: set[bool] = set()
        self._ends_at = _end_of(token)
        self._margin_s = _RENEW_BEFORE_S

    def token(self) -> SecretValue:
        """Return the token to call with now."""
        with self._lock:
            if self._renew is not None and self._left_s() < self._margin_s:
                self._replace()
            return self._token

    def ended(self) -> bool:
        """Return whether the token has ended, or is so near to it that clocks may disagree."""
        with self._lock:
            return self._left_s() < _RENEW_BEFORE_S

    def refused(self, token: SecretValue, *, surely: bool = True) -> bool:
        """
        Take in that ICE refused *token*; return whether there is another one to try.

        The documented refusal covers bad tokens and bad values alike (doc), so what
        is not *surely* about the token is worth another one too: each once in a run.
        """
        with self._lock:
            if token is not self._token:
                return True
            if self._renew is None or surely in self._tried:
                return False
            self._tried.add(surely)
            return self._replace()

    def _replace(self) -> bool:
        assert self._renew is not None
        try:
            self._token = self._renew()
        except IcesyncError:
            self._renew = None
            return False
        self._ends_at = _end_of(self._token)
        # A token that lives less than a minute is used for half of its life.
        self._margin_s = min(_RENEW_BEFORE_S, max(self._left_s() / 2, 0.0))
        return True

    def _left_s(self) -> float:
        return self._ends_at - self._clock.now().timestamp()


def _end_of(token: SecretValue) -> float:
    claims = read_token(token)
    if claims is None or claims.expires_at is None:
        return float("inf")
    return claims.expires_at.timestamp()


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
        raise Unreachable(f"cannot connect to ICE to log in: {error}", check) from None
    except MisconfiguredError as error:
        raise Refused(f"cannot log in: {error}", check) from None
    token = read_login(reply.status, reply.body)
    if token is None:
        meaning = read_reply(Reply(reply.status, reply.headers, reply.body))
        if meaning.kind is OutcomeKind.MISCONFIGURED:
            raise Refused(f"cannot log in: {meaning.detail}", check)
        if reply.status >= _SERVER_ERROR:
            raise Unreachable(f"login failed: {meaning.detail}", "try again later")
        raise LoginRefused(
            f"ICE rejected the login of {printable(login.username)} at organization "
            f"{login.organization} (HTTP {reply.status})",
            "check `api.login` and its password",
        )
    return token
