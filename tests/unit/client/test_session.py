from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from builders import ref
from fakes import FakeClock

from icesync.client.session import Session, log_in
from icesync.errors import IcesyncError, LoginRefused, Refused, Unreachable
from icesync.model.project import Login
from icesync.model.secret import SecretValue
from icesync.net import (
    BrokenError,
    ClientOptions,
    MisconfiguredError,
    NotSentError,
    RawReply,
    open_client,
)
from icesync.wire.login import encode_login_reply, sign_token

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_SUCH_CALL = "this URL does not accept the call: no such call at this URL (HTTP 404)"
CANARY = "canary-4711"
LOGIN = Login(59, "admin@example.test", ref("admin"))
NOW_S = 1767225600


def token_until(seconds: float) -> SecretValue:
    """Return a token that ends *seconds* after the fake clock's start."""
    return sign_token({"exp": NOW_S + seconds}, b"key")


class Renewing:
    """A login that gives *tokens* one after the other; after them it is refused."""

    def __init__(self, *tokens: SecretValue) -> None:
        self.tokens = list(tokens)
        self.asked = 0

    def __call__(self) -> SecretValue:
        """Log in."""
        self.asked += 1
        if not self.tokens:
            raise LoginRefused("no")
        return self.tokens.pop(0)


def test_token_is_used_while_it_lives() -> None:
    """A token with time left is not renewed."""
    token, renew = token_until(61), Renewing()

    assert Session(token, FakeClock(), renew).token() is token
    assert renew.asked == 0


def test_token_is_renewed_before_it_ends() -> None:
    """A minute before its end a token is replaced, once."""
    fresh, clock = token_until(3600), FakeClock()
    renew = Renewing(fresh)
    session = Session(token_until(100), clock, renew)
    clock.advance(41)

    assert all(session.token() is fresh for _ in range(3))
    assert renew.asked == 1


def test_token_of_a_short_life_is_used_for_half_of_it() -> None:
    """Where tokens live 40 s, a run logs in every 20 s, not for each call."""
    clock, renew = FakeClock(), Renewing(token_until(40), token_until(80))
    session = Session(token_until(1), clock, renew)
    first = session.token()
    clock.advance(19)
    again = session.token()
    clock.advance(2)
    session.token()

    assert again is first
    assert renew.asked == 2


@pytest.mark.parametrize(
    "token",
    [SecretValue("opaque"), sign_token({}, b"key")],
    ids=["opaque", "no end"],
)
def test_token_without_an_end_is_not_renewed(token: SecretValue) -> None:
    """What names no end is taken to live."""
    session = Session(token, FakeClock(), Renewing())

    assert session.token() is token
    assert not session.ended()


@pytest.mark.parametrize(("left_s", "ended"), [(61, False), (59, True), (-10, True)])
def test_token_near_its_end_has_ended(left_s: float, *, ended: bool) -> None:
    """Within a minute of its end two clocks may disagree."""
    assert Session(token_until(left_s), FakeClock()).ended() is ended


def test_token_that_cannot_be_renewed_is_used_to_its_end() -> None:
    """A login that fails is not tried again for every call."""
    token, renew = token_until(30), Renewing()
    session = Session(token, FakeClock(), renew)

    assert session.token() is token
    assert session.token() is token
    assert renew.asked == 1


def test_refused_token_is_replaced_once_in_a_run() -> None:
    """The second refusal is an answer, not an accident."""
    first, second = token_until(3600), token_until(3601)
    session = Session(first, FakeClock(), Renewing(second, token_until(3602)))

    assert session.refused(first) is True
    assert session.token() is second
    assert session.refused(second) is False


def test_token_that_another_worker_replaced_is_tried_again() -> None:
    """Two workers whose token is refused at once log in once."""
    first, renew = token_until(3600), Renewing(token_until(3601))
    session = Session(first, FakeClock(), renew)
    session.refused(first)

    assert session.refused(first) is True
    assert renew.asked == 1


def test_refused_token_without_a_login_stays_refused() -> None:
    """Without a login there is nothing else to try."""
    token = token_until(3600)

    assert Session(token, FakeClock()).refused(token) is False


def test_refused_token_whose_login_fails_stays_refused() -> None:
    """A login that fails gives no other token."""
    token = token_until(3600)

    assert Session(token, FakeClock(), Renewing()).refused(token) is False


def ask(answer: RawReply | Exception, login: Login = LOGIN) -> SecretValue:
    """Log in at a far end that answers so."""

    def far_end(_method: str, _path: str, _headers: Mapping[str, str], _body: bytes) -> RawReply:
        if isinstance(answer, Exception):
            raise answer
        return answer

    client = open_client(ClientOptions("http://ice.test", 5, "icesync", answer=far_end))
    try:
        return log_in(client, login, SecretValue(CANARY))
    finally:
        client.close()


def test_login_gives_its_token() -> None:
    """The token of a successful reply is the result."""
    reply = RawReply(200, {}, encode_login_reply(59, "admin", SecretValue("a.b.c")))

    assert ask(reply).reveal() == "a.b.c"


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (
            NotSentError("no connection"),
            Unreachable,
            "cannot connect to ICE to log in: no connection",
        ),
        (BrokenError("no reply"), Unreachable, "cannot connect to ICE to log in: no reply"),
        (MisconfiguredError("no TLS"), Refused, "cannot log in: no TLS"),
        (
            RawReply(400, {}, CANARY.encode()),
            LoginRefused,
            "ICE rejected the login of admin@example.test at organization 59 (HTTP 400)",
        ),
        (
            RawReply(404, {}, b'{"Message":"nothing at https://x.test/Login"}'),
            Refused,
            f"cannot log in: {NO_SUCH_CALL}",
        ),
    ],
    ids=["not sent", "broken", "misconfigured", "refused", "wrong address"],
)
def test_failed_login_says_why(
    answer: RawReply | Exception, error: type[IcesyncError], message: str
) -> None:
    """Each failure has its error, a way out, and nothing of the password."""
    with pytest.raises(error) as caught:
        ask(answer)

    assert caught.value.message == message
    assert caught.value.hints
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("reply", "error"),
    [(RawReply(302, {"location": "https://x.test"}), Refused), (RawReply(503), Unreachable)],
    ids=["redirect", "server error"],
)
def test_reply_that_is_not_about_the_user_is_told_apart(
    reply: RawReply, error: type[IcesyncError]
) -> None:
    """A wrong address or a service that fails is no refused login."""
    with pytest.raises(error, match=r"cannot log|login"):
        ask(reply)


def test_strange_user_name_is_shown_in_ascii() -> None:
    """A name cannot start a terminal escape."""
    with pytest.raises(LoginRefused, match=r"admin\\x1b\[31m"):
        ask(RawReply(400), Login(59, "admin\x1b[31m", ref("admin")))
