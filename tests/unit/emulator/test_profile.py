"""The switches: how they are read, and what each does to the replies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from icesync.emulator.profile import Profile, parse_profile
from icesync.errors import UsageError
from icesync.model.address import Address
from icesync.wire.login import read_login

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakes import FakeClock

    from icesync.emulator.archive import Archive
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
    profile = parse_profile((" Token = OK-Message ", "org-key=ORGID"))

    assert profile.choices() == ("token=ok-message", "org-key=OrgId")


@pytest.mark.parametrize(
    ("settings", "message", "hint"),
    [
        (["token"], "a profile setting is KEY=VALUE: `token`", "the keys are token, message"),
        (["tokn=error"], "no such profile key: `tokn`", "did you mean `token`?"),
        (["zz=1"], "no such profile key: `zz`", "one of: token, message, unknown"),
        (["token=eror"], "the profile key `token` does not take `eror`", "did you mean `error`?"),
        (["role=x"], "the profile key `role` does not take `x`", "one of: admin, agent, superv"),
        (["role=agent", "role=admin"], "the profile key `role` is given twice", "give it once"),
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
        ("message=spaced", b'{" Message ":" Success"}'),
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
    profiled: Make, archive: Archive, known: bool, status: int
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


@pytest.mark.parametrize(("setting", "status"), [("orgid=ignore", 200), ("orgid=reject", 401)])
def test_a_token_of_another_organization(profiled: Make, setting: str, status: int) -> None:
    """The vendor's sample mixes organizations; a stricter service would not."""
    caller = profiled(setting, "token=unauthorized")
    caller.login()

    assert caller.update(OrgId=60).status == status
    assert caller.update(OrgId=59).status == 200


@pytest.mark.parametrize(("setting", "status"), [("checked", 400), ("ignored", 200)])
def test_bad_members_can_be_applied_as_zeros(
    profiled: Make, archive: Archive, setting: str, status: int
) -> None:
    """An action that forgets to ask for model errors stores defaults."""
    caller = profiled(f"modelstate={setting}")
    caller.login()
    reply = caller.update(IsSSL="yes", EmailServerId="x")
    server = archive.server(Address(59, 663))

    assert reply.status == status
    assert (server is not None and server.document["IsSSL"] is False) == (status == 200)
    assert archive.calls(1)[0].errors == ("IsSSL", "EmailServerId")


def test_an_unreadable_body_is_then_no_model(profiled: Make) -> None:
    """Who does not ask for errors meets null."""
    caller = profiled("modelstate=ignored")
    reply = caller.call("POST", "/ICEAPI/api/EmailAdmin/UpdateEmailServer", b"{")

    assert (reply.status, reply.body) == (500, BROKEN)


@pytest.mark.parametrize(
    ("setting", "body"),
    [("logout=object", b'{"Message":"Success"}'), ("logout=list", b'[{"Message":"Success"}]')],
)
def test_the_end_of_a_session_has_two_shapes(profiled: Make, setting: str, body: bytes) -> None:
    """Two pages of the vendor print it differently."""
    caller = profiled(setting)
    caller.login()

    assert caller.logout().body == body


@pytest.mark.parametrize(
    ("role", "permission", "status"), [("admin", 1, 200), ("agent", 2, 400), ("supervisor", 3, 400)]
)
def test_only_an_admin_writes(
    profiled: Make, archive: Archive, role: str, permission: int, status: int
) -> None:
    """The login tells the role, and another role is refused as a bad token is."""
    caller = profiled(f"role={role}")
    login = json.loads(caller.login().body)

    assert login["Permission"] == permission
    assert caller.update().status == status
    assert archive.calls(1)[0].outcome == ("applied" if status == 200 else "not an admin")


@pytest.mark.parametrize(
    ("name", "sent", "status"),
    [
        ("both", {"OrgId": 59}, 200),
        ("OrgId", {"OrgId": 59}, 200),
        ("OrgId", {"OrgId": 59, "OrganizationId": 60}, 200),
        ("OrgId", {"OrganizationId": 59}, 400),
        ("OrganizationId", {"organizationid": 59}, 200),
        ("OrganizationId", {"OrgId": 59}, 400),
    ],
)
def test_the_organization_binds_under_the_chosen_name(
    profiled: Make, name: str, sent: dict[str, int], status: int
) -> None:
    """Sample and table disagree; the name that the service does not know is ignored."""
    caller = profiled(f"org-key={name}")
    caller.login()
    body = {"SkillId": 663, "Token": caller.token} | sent

    assert caller.post("/api/EmailAdmin/UpdateEmailServer", body).status == status


def test_a_profile_can_be_looked_at(profiled: Make) -> None:
    """The inspection shows every switch, the page those that were turned."""
    caller = profiled("token=error")

    assert caller.look("profile")["token"] == "error"
    assert b"<code>token=error</code>" in caller.call("GET", "/_emulator/").body
