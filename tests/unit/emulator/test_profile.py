"""The switches: how they are read, and what each does to the replies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icesync.emulator.profile import Profile, parse_profile
from icesync.errors import UsageError
from icesync.model.desired import Address
from icesync.wire.login import read_login

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakes import FakeClock

    from icesync.emulator.storage import Storage
    from tests.unit.emulator.conftest import Caller

    Make = Callable[..., Caller]

SUCCESS = b'{"Message":" Success"}'
INVALID = b'{"Message":"The request is invalid."}'
BROKEN = b'{"Message":"An error has occurred."}'
DENIED = b'{"Message":"Authorization has been denied for this request."}'


def test_nothing_said_is_the_default() -> None:
    """No setting gives the profile that the vendor's pages suggest."""
    assert parse_profile(()) == Profile()
    assert Profile().choices() == ()


@pytest.mark.parametrize("key", Profile().settings())
def test_every_default_can_be_said(key: str) -> None:
    """The settings that a profile shows are settings that it takes."""
    assert parse_profile((f"{key}={Profile().settings()[key]}",)) == Profile()


def test_settings_are_read_kindly() -> None:
    """Blanks and case do not matter."""
    profile = parse_profile((" Token = OK-Message ", "message=PLAIN"))

    assert profile.choices() == ("token=ok-message", "message=plain")


@pytest.mark.parametrize(
    ("settings", "message", "hint"),
    [
        (
            ["token"],
            "invalid profile setting `token`: use KEY=VALUE",
            "the keys are token, message",
        ),
        (["tokn=error"], "unknown profile key `tokn`", "did you mean `token`?"),
        (["zz=1"], "unknown profile key `zz`", "one of: token, message, unknown"),
        (["token=eror"], "the profile key `token` does not accept `eror`", "did you mean `error`?"),
        (["unknown=x"], "the profile key `unknown` does not accept `x`", "one of: create, reject"),
        (["token=error", "token=error"], "the profile key `token` is given twice", "give it once"),
    ],
)
def test_mistakes_are_named(settings: list[str], message: str, hint: str) -> None:
    """One sentence says what is wrong, and a hint what was meant."""
    with pytest.raises(UsageError) as refusal:
        parse_profile(settings)

    assert refusal.value.message == message
    assert refusal.value.hints[0].startswith(hint)


@pytest.mark.parametrize(
    ("setting", "status", "body"),
    [
        ("token=invalid", 400, INVALID),
        ("token=unauthorized", 401, DENIED),
        ("token=ok-message", 200, b'{"Message":"Invalid signature"}'),
        ("token=error", 500, BROKEN),
    ],
)
def test_a_bad_token_is_answered_as_wished(
    profiled: Make, setting: str, status: int, body: bytes
) -> None:
    """Nobody knows the shape of this failure, so each can be had."""
    reply = profiled(setting).update(Token="a.b.c")

    assert (reply.status, reply.body) == (status, body)


def test_a_bad_token_can_lead_to_a_page(profiled: Make) -> None:
    """Under forms authentication the caller is sent to a page to log in."""
    reply = profiled("token=redirect").update(Token="a.b.c")

    assert reply.status == 302
    assert reply.headers["location"].startswith("/ICEAPI/Login.aspx?ReturnUrl=%2FICEAPI%2Fapi")
    assert b"Object moved" in reply.body


def test_a_token_that_ended_says_so(profiled: Make, clock: FakeClock) -> None:
    """The shape that names a cause has one for each."""
    caller = profiled("token=ok-message")
    missing = caller.update()
    caller.login()
    clock.advance(3600)
    ended = caller.update()

    assert b"3 delimited by dot parts" in missing.body
    assert ended.body == b'{"Message":"Token has expired."}'


@pytest.mark.parametrize(
    ("setting", "body"),
    [
        ("message=documented", SUCCESS),
        ("message=plain", b'{"Message":"Success"}'),
        ("message=successful", b'{"Message":" Successful"}'),
        ("message=lower-case", b'{"message":" Success"}'),
        ("message=list", b'[{"Message":" Success"}]'),
    ],
)
def test_success_is_worded_as_wished(profiled: Make, setting: str, body: bytes) -> None:
    """Every spelling on the vendor's pages can be had, also of the login."""
    caller = profiled(setting)
    login = caller.login()

    assert read_login(login.status, login.body) is not None
    assert caller.update().body == body


def test_failures_take_the_same_keys(profiled: Make) -> None:
    """What the action itself says has the keys of the profile; the framework's keeps its own."""
    caller = profiled("message=lower-case")

    assert caller.update().body == INVALID.replace(b"Message", b"message")
    assert b'"Message"' in caller.call("GET", "/ICEAPI/api/EmailAdmin/UpdateEmailServer").body


def test_a_refused_login_has_no_other_text(profiled: Make) -> None:
    """The wordings of success leave a failure alone."""
    assert profiled("message=successful").login(Password="").body == INVALID


@pytest.mark.parametrize(("known", "status"), [(False, 400), (True, 200)])
def test_unknown_pairs_can_be_rejected(
    profiled: Make, archive: Storage, known: bool, status: int
) -> None:
    """With an inventory to keep, only known servers are written."""
    caller = profiled("unknown=reject")
    caller.login()
    if known:
        caller.call("PUT", "/_emulator/servers/59/663")
    reply = caller.update()
    server = archive.server(Address(59, 663))

    assert reply.status == status
    assert (server.revision if server else 0) == int(known)


def test_a_profile_can_be_looked_at(profiled: Make) -> None:
    """The inspection shows every switch, the page those that were turned."""
    caller = profiled("token=error")

    assert caller.look("profile")["token"] == "error"
    assert b"<code>token=error</code>" in caller.call("GET", "/_emulator/").body
