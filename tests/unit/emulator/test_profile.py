"""The switches: how they are read, and what each does to the replies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from icesync.emulator.framework import Request
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


FULL = {"SMTPUserName": "desk", "SMTPPassword": "Clark1!", "SMTPPort": "587", "IsTLS": True}


@pytest.mark.parametrize("gone", [{"SMTPPassword": "", "SMTPUserName": ""}, {}])
@pytest.mark.parametrize("kept", [False, True])
def test_empty_texts_can_leave_what_was_there(
    profiled: Make, archive: Archive, gone: dict[str, str], kept: bool
) -> None:
    """A password may be impossible to take away; numbers and booleans are always replaced."""
    caller = profiled(f"empty-string={'keep' if kept else 'clear'}")
    caller.login()
    caller.update(**FULL)
    caller.update(SMTPPort="25", **gone)
    server = archive.server(Address(59, 663))
    assert server is not None
    document = server.document

    assert (document["SMTPPassword"] == {"hmac": archive.tag("Clark1!").hmac}) is kept
    assert (document["SMTPUserName"] == "desk") is kept
    assert (document["SMTPPort"], document["IsTLS"], server.revision) == ("25", False, 2)
    assert archive.calls(1)[0].digest == server.digest


@pytest.mark.parametrize(
    ("setting", "server_id", "held"),
    [
        ("key=address", 17, {"59/663", "59/700"}),
        ("key=server-id", 17, {"59/700"}),
        ("key=server-id", 18, {"59/663", "59/700"}),
        ("key=server-id", 0, {"59/663", "59/700"}),
    ],
)
def test_a_record_can_be_found_by_its_own_id(
    profiled: Make, archive: Archive, setting: str, server_id: int, held: set[str]
) -> None:
    """Where the service goes by EmailServerId, a reused id takes the other skill's record away."""
    caller = profiled(setting)
    caller.login()
    caller.update(EmailServerId=17, SMTPUserName="first")
    caller.update(SkillId=700, EmailServerId=server_id, SMTPUserName="second")

    assert {str(server.address) for server in archive.servers(9)} == held


def test_an_id_can_make_a_pair_known(profiled: Make) -> None:
    """Where only known servers are written, the id of one is enough if the service goes by it."""
    caller = profiled("key=server-id", "unknown=reject")
    caller.login()
    caller.call("PUT", "/_emulator/servers/59/663")
    caller.update(EmailServerId=17)

    assert caller.update(SkillId=700, EmailServerId=17).status == 200
    assert caller.update(SkillId=800, EmailServerId=18).status == 400


@pytest.mark.parametrize(
    ("setting", "accept", "xml"),
    [
        ("accept=ignored", "application/xml", False),
        ("accept=honoured", "application/xml, application/json;q=0.5", True),
        ("accept=honoured", "text/xml", True),
        ("accept=honoured", "application/json, application/xml", False),
        ("accept=honoured", "", False),
    ],
)
def test_xml_can_be_asked_for(profiled: Make, setting: str, accept: str, xml: bool) -> None:
    """The framework's other formatter writes what a caller prefers: successes and errors."""
    caller = profiled(setting)
    caller.login()
    headers = {"content-type": "application/json", "accept": accept}
    path = "/ICEAPI/api/EmailAdmin/UpdateEmailServer"
    good = {"OrgId": 59, "SkillId": 663, "Token": caller.token}
    replies = [
        caller.service.answer(Request("POST", path, headers, json.dumps(document).encode()))
        for document in (good, good | {"SkillId": "x"}, [good])
    ]
    kinds = {reply.headers["content-type"] for reply in replies}

    assert kinds == {f"application/{'xml' if xml else 'json'}; charset=utf-8"}
    assert not xml or [reply.body for reply in replies] == [
        b"<Reply><Message> Success</Message></Reply>",
        (
            b"<Error><Message>The request is invalid.</Message><ModelState><server.SkillId>"
            b"<Item>An error has occurred.</Item></server.SkillId></ModelState></Error>"
        ),
        (
            b"<Error><Message>The request is invalid.</Message><ModelState><server>"
            b"<Item>An error has occurred.</Item></server></ModelState></Error>"
        ),
    ]


def test_a_page_is_never_xml(profiled: Make) -> None:
    """What the web server answers by itself asks nobody what he accepts."""
    caller = profiled("accept=honoured")
    page = caller.service.answer(Request("GET", "/x", {"accept": "text/xml"}))

    assert page.body.startswith(b"<!DOCTYPE html>")


def test_a_profile_can_be_looked_at(profiled: Make) -> None:
    """The inspection shows every switch, the page those that were turned."""
    caller = profiled("token=error")

    assert caller.look("profile")["token"] == "error"
    assert b"<code>token=error</code>" in caller.call("GET", "/_emulator/").body
