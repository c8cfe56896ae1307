"""What the emulated service answers to each call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from fakes import SentUpdate

from icesync.emulator.aspnet import Request
from icesync.emulator.service import TOKEN_TTL_S, Service
from icesync.emulator.storage import digest
from icesync.model.desired import Address
from icesync.model.fields import SENT_FIELDS, WireType
from icesync.model.project import Absent, OrgKey, WireOptions
from icesync.model.report import OutcomeKind
from icesync.model.secret import SecretValue
from icesync.wire.login import read_login, read_token
from icesync.wire.reply import Reply, read_reply
from icesync.wire.update import UPDATE_PATH, encode_update

if TYPE_CHECKING:
    from fakes import FakeClock

    from icesync.emulator.storage import Storage
    from tests.unit.emulator.conftest import Caller

UPDATE = f"/ICEAPI{UPDATE_PATH}"
BOOLEAN = WireType.BOOLEAN
INVALID = b'{"Message":"The request is invalid."}'


def outcome(archive: Storage) -> str:
    """Return how the last call ended."""
    return archive.calls(1)[0].outcome


class TestUpdate:
    """``UpdateEmailServer``."""

    def test_success_is_answered_to_the_letter(self, caller: Caller) -> None:
        """The documented success has a blank before its only word."""
        reply = caller.update()

        assert (reply.status, reply.body) == (200, b'{"Message":" Success"}')

    def test_success_carries_the_headers_of_the_framework(self, caller: Caller) -> None:
        """Replies look as if they came from ASP.NET behind IIS, at the clock's time."""
        assert caller.update().headers == {
            "content-type": "application/json; charset=utf-8",
            "cache-control": "no-cache",
            "pragma": "no-cache",
            "expires": "-1",
            "server": "Microsoft-IIS/8.5",
            "x-aspnet-version": "4.0.30319",
            "x-powered-by": "ASP.NET",
            "date": "Thu, 01 Jan 2026 00:00:00 GMT",
        }

    def test_replaces_the_whole_record(self, caller: Caller, archive: Storage) -> None:
        """A member that a later call leaves out falls back to its default."""
        caller.update(SMTPPort="587", IsTLS=True, EmailServerId=17)
        caller.update(Status="Enabled")
        server = archive.server(Address(59, 663))

        assert server is not None
        assert server.revision == 2
        assert {name: value for name, value in server.document.items() if value} == {
            "OrgId": 59,
            "SkillId": 663,
            "Status": "Enabled",
        }

    def test_the_call_of_the_client_binds_without_a_remark(
        self, caller: Caller, archive: Storage
    ) -> None:
        """What icesync sends is known to the last member, in every wire option."""
        update = SentUpdate(
            Address(59, 663),
            {f.key: True if f.wire_type is BOOLEAN else 7 for f in SENT_FIELDS if not f.secret},
            {field.key: SecretValue("x") for field in SENT_FIELDS if field.secret},
        )
        options = [WireOptions(key, absent) for key in OrgKey for absent in Absent]
        replies = [
            caller.call("POST", UPDATE, encode_update(update, SecretValue(caller.token), option))
            for option in options
        ]
        calls = archive.calls(len(options))

        assert {read_reply(reply).kind for reply in replies} == {OutcomeKind.APPLIED}
        assert {call.errors + call.ignored + call.conflicts for call in calls} == {()}

    def test_history_judges_a_write(self, caller: Caller, archive: Storage) -> None:
        """An accepted write is remembered with its address, digest and revision."""
        caller.update(SMTPPassword="Clark1!")
        call, server = archive.calls(1)[0], archive.server(Address(59, 663))

        assert server is not None
        assert call.request is not None
        assert (call.outcome, call.status) == ("applied", 200)
        assert (call.org, call.skill, call.revision) == (59, 663, 1)
        assert call.digest == server.digest == digest(call.request)

    def test_equal_passwords_have_equal_digests(self, caller: Caller, archive: Storage) -> None:
        """The same document has one digest; another password makes another."""
        for password in ("a", "b", "a"):
            caller.update(SMTPPassword=password)
        third, second, first = (call.digest for call in archive.calls(3))

        assert first == third != second

    def test_unknown_members_are_in_the_history(self, caller: Caller, archive: Storage) -> None:
        """A typo of the client is accepted, and seen."""
        caller.update(Pop3Usrname="x")

        assert archive.calls(1)[0].ignored == ("Pop3Usrname",)

    def test_two_organizations_are_in_the_history(self, caller: Caller, archive: Storage) -> None:
        """Of two organizations the first name is taken, and the call is flagged."""
        caller.update(OrganizationId=60)
        call = archive.calls(1)[0]

        assert (call.org, call.conflicts) == (59, ("OrgId",))

    def test_bad_members_are_named(self, caller: Caller) -> None:
        """Members that do not bind are named as they were sent, without a detail."""
        reply = caller.update(smtpport=[], IsSSL="yes")

        assert reply.status == 400
        assert reply.body == (
            b'{"Message":"The request is invalid.","ModelState":'
            b'{"server.smtpport":["An error has occurred."],'
            b'"server.IsSSL":["An error has occurred."]}}'
        )

    def test_bad_members_write_nothing(self, caller: Caller, archive: Storage) -> None:
        """A call with a bad member leaves the record as it is."""
        caller.update(IsSSL="yes")

        assert archive.server(Address(59, 663)) is None
        assert archive.calls(1)[0].errors == ("IsSSL",)

    @pytest.mark.parametrize("members", [{"OrgId": 0}, {"SkillId": 0}, {"SkillId": -1}])
    def test_an_address_is_positive(
        self, caller: Caller, archive: Storage, members: dict[str, int]
    ) -> None:
        """What a missing id becomes on the server names no record."""
        reply = caller.update(**members)

        assert (reply.status, reply.body) == (400, INVALID)
        assert outcome(archive) == "names no server"

    def test_any_organization_may_be_written(self, caller: Caller) -> None:
        """The vendor's own sample has a token of another organization."""
        assert caller.update(OrgId=128).status == 200


class TestToken:
    """Who may call."""

    @pytest.mark.parametrize(
        ("token", "verdict"),
        [
            (None, "token missing"),
            ("", "token missing"),
            ("junk", "token not ours"),
            ("e30.e30.e30", "token not ours"),
            ("\ud800", "token not ours"),
        ],
    )
    def test_a_bad_token_is_the_documented_failure(
        self, caller: Caller, archive: Storage, token: str | None, verdict: str
    ) -> None:
        """Without a token of this emulator nothing is written, and the reply names no cause."""
        reply = caller.update(Token=token)

        assert (reply.status, reply.body) == (400, INVALID)
        assert outcome(archive) == verdict

    @pytest.mark.parametrize(("wait_s", "status"), [(-1, 200), (0, 400)])
    def test_a_token_ends_to_the_second(
        self, caller: Caller, clock: FakeClock, wait_s: int, status: int
    ) -> None:
        """A token is good until its end, and not at its end."""
        clock.advance(TOKEN_TTL_S + wait_s)

        assert caller.update().status == status

    def test_an_expired_token_says_so_in_the_history(
        self, caller: Caller, clock: FakeClock, archive: Storage
    ) -> None:
        """The caller is not told why; the history is."""
        clock.advance(TOKEN_TTL_S)
        caller.update()

        assert outcome(archive) == "token expired"

    def test_logout_ends_a_token(self, caller: Caller, archive: Storage) -> None:
        """A revoked token writes nothing."""
        reply = caller.logout()
        caller.update()

        assert (reply.status, reply.body) == (200, b'{"Message":"Success"}')
        assert outcome(archive) == "token revoked"

    def test_logout_takes_good_tokens_only(self, caller: Caller) -> None:
        """The second logout with a token is refused."""
        caller.logout()

        assert caller.logout().body == INVALID

    def test_a_new_login_is_good_after_a_logout(self, caller: Caller) -> None:
        """A login within the second of a logout gets another token than the revoked one."""
        caller.logout()
        caller.login()

        assert caller.update().status == 200

    def test_a_token_is_good_after_a_restart(
        self, caller: Caller, clock: FakeClock, archive: Storage
    ) -> None:
        """The signing key lives in the archive, so a new service knows old tokens."""
        caller.service = Service(clock, archive)

        assert caller.update().status == 200


class TestLogin:
    """``Authenticate/Login``."""

    def test_answers_the_documented_object(self, caller: Caller) -> None:
        """Every key of the vendor's page is there, with a token that can be read."""
        reply = caller.login(UserName="dsa@example.org")
        document = json.loads(reply.body)

        assert document | {"Token": "…"} == {
            "Message": "Success",
            "Token": "…",
            "OrganisationID": 59,
            "OrganisationName": "Organization 59",
            "UserID": 1,
            "UserName": "dsa@example.org",
            "UserFirstName": "dsa",
            "UserFullName": "dsa",
            "Permission": 1,
            "Offset": -360,
        }

    def test_the_client_reads_the_token(self, caller: Caller, clock: FakeClock) -> None:
        """The token says whom it is for and when it ends."""
        reply = caller.login()
        secret = read_login(reply.status, reply.body)
        assert secret is not None
        token = read_token(secret)

        assert token is not None
        assert (token.organization, token.username) == (59, "admin@example.org")
        assert token.expires_at is not None
        assert (token.expires_at - clock.now()).total_seconds() == TOKEN_TTL_S

    def test_knows_its_users(self, stranger: Caller) -> None:
        """A configured user may log in with the configured password, for any organization."""
        assert stranger.login(OrganisationID=7).status == 200

    @pytest.mark.parametrize(
        "members",
        [
            {"Password": "wrong"},
            {"Password": ""},
            {"Password": None},
            {"UserName": "other@example.org"},
            {"UserName": ""},
            {"OrganisationID": 0},
        ],
    )
    def test_refuses_everyone_else(
        self, stranger: Caller, archive: Storage, members: dict[str, object]
    ) -> None:
        """A wrong name, password or no organization is the documented failure."""
        reply = stranger.login(**members)

        assert (reply.status, reply.body) == (400, INVALID)
        assert outcome(archive) == "login refused"

    def test_without_users_anybody_may(self, caller: Caller) -> None:
        """As it comes, every name with any password is good."""
        assert caller.login(UserName="anybody", Password="anything").status == 200

    def test_an_empty_table_of_users_lets_nobody_in(
        self, clock: FakeClock, archive: Storage, caller: Caller
    ) -> None:
        """No users is not the same as any user."""
        caller.service = Service(clock, archive, users={})

        assert caller.login().status == 400


class TestFramework:
    """What ASP.NET answers before an action is asked."""

    @pytest.mark.parametrize("path", [UPDATE.lower(), UPDATE.upper(), UPDATE + "?x=1"])
    def test_routes_ignore_case_and_query(self, caller: Caller, path: str) -> None:
        """A documented path is found in any case."""
        body = json.dumps({"OrgId": 1, "SkillId": 1, "Token": caller.token}).encode()

        assert caller.call("POST", path, body).status == 200

    def test_the_base_path_may_be_empty(self, clock: FakeClock, archive: Storage) -> None:
        """Embedded, the documented paths stand alone."""
        service = Service(clock, archive, base_path="")
        reply = service.answer(Request("POST", UPDATE_PATH))

        assert reply.status == 500

    def test_an_unknown_path_is_echoed(self, caller: Caller) -> None:
        """The 404 of the application names the whole address."""
        reply = caller.call("POST", "/ICEAPI/api/EmailAdmin/Nothing?a=b")

        assert reply.status == 404
        assert json.loads(reply.body) == {
            "Message": "No HTTP resource was found that matches the request URI "
            "'http://ice.test/ICEAPI/api/EmailAdmin/Nothing?a=b'."
        }

    def test_outside_of_the_application_answers_the_web_server(self, caller: Caller) -> None:
        """The 404 of IIS is a page."""
        reply = caller.call("GET", "/")

        assert (reply.status, reply.headers["content-type"]) == (404, "text/html")

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
    def test_only_post_is_supported(self, caller: Caller, method: str) -> None:
        """Any other verb is refused, and the reply says which is allowed."""
        reply = caller.call(method, UPDATE)
        text = f"The requested resource does not support http method '{method}'."

        assert (reply.status, reply.headers["allow"]) == (405, "POST")
        assert json.loads(reply.body) == {"Message": text}

    @pytest.mark.parametrize("body", [b"", b" \r\n", b"null"])
    def test_no_model_breaks_the_action(self, caller: Caller, body: bytes) -> None:
        """Without a body the action meets null and fails, hiding why."""
        reply = caller.call("POST", UPDATE, body)

        assert (reply.status, reply.body) == (500, b'{"Message":"An error has occurred."}')

    @pytest.mark.parametrize("body", [b"{", b"[]", b"1", b"\xff\xfe", b"{\x80}", b"[" * 100_000])
    def test_an_unreadable_body_is_a_model_error(self, caller: Caller, body: bytes) -> None:
        """What holds no object is named by the parameter."""
        reply = caller.call("POST", UPDATE, body)

        assert reply.status == 400
        assert json.loads(reply.body)["ModelState"] == {"server": ["An error has occurred."]}

    def test_a_foreign_media_type_is_named(self, caller: Caller) -> None:
        """A body of a type without a reader is refused."""
        reply = caller.call("POST", UPDATE, b"x", "Text/Plain; charset=utf-8")
        text = "The request entity's media type 'text/plain' is not supported for this resource."

        assert (reply.status, json.loads(reply.body)) == (415, {"Message": text})

    def test_a_missing_media_type_is_inferred(self, caller: Caller) -> None:
        """A body without a type is taken for bytes, which have no reader."""
        reply = caller.call("POST", UPDATE, b"x", "")

        assert reply.status == 415
        assert json.loads(reply.body)["Message"] == (
            "The request contains an entity body but no Content-Type header. The inferred media "
            "type 'application/octet-stream' is not supported for this resource."
        )

    def test_an_empty_body_has_no_media_type(self, caller: Caller) -> None:
        """Nothing of a foreign type is still nothing: the null model."""
        assert caller.call("POST", UPDATE, b"", "text/plain").status == 500

    @pytest.mark.parametrize("kind", ["text/json", 'application/json; charset="UTF-8"'])
    def test_json_has_two_names(self, caller: Caller, kind: str) -> None:
        """Both media types of JSON are read."""
        body = json.dumps({"OrgId": 1, "SkillId": 1, "Token": caller.token}).encode()

        assert caller.call("POST", UPDATE, body, kind).status == 200

    def test_a_broken_archive_breaks_the_action(self, caller: Caller, archive: Storage) -> None:
        """What cannot be remembered is not acknowledged."""
        archive.close()

        assert caller.update().status == 500


def test_no_secret_is_remembered(caller: Caller, archive: Storage) -> None:
    """Neither passwords, tokens nor the query of a path reach the archive."""
    caller.update(SMTPPassword="Clark1!", Pop3Password="Clark2!", IsSSL="yes")
    caller.update(SMTPPassword="Clark1!", ImapPassword="Clark3!")
    caller.call("GET", f"/ICEAPI?token={caller.token}")
    caller.logout()
    kept = "\n".join(archive._database.iterdump())

    assert "Clark" not in kept
    assert "open sesame" not in kept
    assert caller.token not in kept
    assert caller.token.rpartition(".")[2] not in kept


def test_a_request_needs_no_headers() -> None:
    """A caller without a host is on this machine."""
    assert Request("GET", "/x").url == "http://localhost/x"


def test_replies_are_values(caller: Caller) -> None:
    """The same call gives an equal reply."""
    assert isinstance(caller.update(), Reply)
    assert caller.update() == caller.update()
