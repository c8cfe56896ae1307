from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import TYPE_CHECKING

import pytest
from mailscript import CUT, SMTP, Certificates, ScriptedServer

from icesync.model.probe import Mode, ProbeKind, ProbeResult, SenderCheck

if TYPE_CHECKING:
    from collections.abc import Callable

    Probe = Callable[..., ProbeResult]


def spoken(text: str) -> str:
    """Return *text* in base64."""
    return base64.b64encode(text.encode()).decode()


def test_a_login_is_the_whole_conversation(probe: Probe) -> None:
    """EHLO, one AUTH, MAIL and RSET for each sender, QUIT; never RCPT or DATA."""
    with ScriptedServer(SMTP) as server:
        result = probe(server, "smtp", senders=("desk@example.test", "help@example.test"))

    assert result.kind is ProbeKind.OK
    assert server.heard == [
        "EHLO [127.0.0.1]",
        f"AUTH PLAIN {spoken(chr(0) + 'desk' + chr(0) + 'open sesame 8261')}",
        "MAIL FROM:<desk@example.test>",
        "RSET",
        "MAIL FROM:<help@example.test>",
        "RSET",
        "QUIT",
    ]


@pytest.mark.parametrize("mode", [Mode.STARTTLS, Mode.OFFERED])
def test_starttls(probe: Probe, certificates: Certificates, mode: Mode) -> None:
    """After STARTTLS the server is asked again what it can: before it, it may have lied."""
    table = {**SMTP, "EHLO": "250-x\r\n250 STARTTLS", "STARTTLS": "220 go on"}
    after = {"EHLO": "250-x\r\n250 AUTH PLAIN"}
    with ScriptedServer(table, upgrade=certificates.good, after=after) as server:
        result = probe(server, "smtp", mode, clear_text=False)

    assert (result.kind, result.mode) == (ProbeKind.OK, Mode.STARTTLS)
    assert result.tls_version.startswith("TLS")
    assert [line.split()[0] for line in server.heard] == [
        "EHLO", "STARTTLS", "EHLO", "AUTH", "QUIT",
    ]  # fmt: skip
    assert bool(result.notes) is (mode is Mode.OFFERED)


@pytest.mark.parametrize(
    ("ehlo", "mechanism", "answers"),
    [
        ("AUTH LOGIN PLAIN CRAM-MD5", "PLAIN", ["235 ok"]),
        ("AUTH=LOGIN", "LOGIN", ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 ok"]),
        ("AUTH CRAM-MD5 XOAUTH2", "CRAM-MD5", ["334 PDEyMz4=", "235 ok"]),
    ],
)
def test_three_mechanisms(
    probe: Probe, certificates: Certificates, ehlo: str, mechanism: str, answers: list[str]
) -> None:
    """Inside of TLS the simplest mechanism that is offered is used, and no other."""
    first, *rest = answers
    table = {**SMTP, "EHLO": f"250-x\r\n250 {ehlo}", "AUTH": first, "*": rest}
    with ScriptedServer(table, implicit=certificates.good) as server:
        result = probe(server, "smtp", Mode.IMPLICIT, user="älex", password="pä ss→")
    said = [base64.b64decode(line).decode() for line in server.heard[2 : 1 + len(answers)]]
    digest = hmac.new("pä ss→".encode(), b"<123>", hashlib.md5).hexdigest()

    assert (result.kind, result.mechanism) == (ProbeKind.OK, mechanism)
    assert len(server.commands("AUTH")) == 1
    assert (
        said
        == {"PLAIN": [], "LOGIN": ["älex", "pä ss→"], "CRAM-MD5": [f"älex {digest}"]}[mechanism]
    )


def test_a_long_password_goes_on_a_line_of_its_own(probe: Probe) -> None:
    """An initial response that a command line may not hold waits to be asked for."""
    table = {**SMTP, "AUTH": "334", "*": ["235 ok"]}
    with ScriptedServer(table) as server:
        result = probe(server, "smtp", password="long " * 200)

    assert result.kind is ProbeKind.OK
    assert server.commands("AUTH") == ["AUTH PLAIN"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("535 5.7.8 authentication failed", ProbeKind.AUTH_REJECTED),
        ("554 5.7.0 go away", ProbeKind.AUTH_REJECTED),
        ("535 5.7.139 Authentication unsuccessful, basic authentication is disabled.",
         ProbeKind.AUTH_DISABLED),
        (("534-5.7.9 Application-specific password required. Learn more at\r\n"
         "534 5.7.9 https://support.example.test/ 12"), ProbeKind.AUTH_DISABLED),
        ("550 5.7.30 Basic authentication is not supported for Client Submission.",
         ProbeKind.AUTH_DISABLED),
        ("530 5.7.0 Must issue a STARTTLS command first", ProbeKind.AUTH_MECHANISM),
        ("538 5.7.11 Encryption required", ProbeKind.AUTH_MECHANISM),
        ("504 5.5.4 unrecognized", ProbeKind.AUTH_MECHANISM),
        ("454 4.7.0 Temporary authentication failure", ProbeKind.AUTH_TEMPORARY),
        ("250 what?", ProbeKind.PROTOCOL),
    ],
)  # fmt: skip
def test_a_refused_login_is_not_tried_again(probe: Probe, answer: str, kind: ProbeKind) -> None:
    """Accounts get locked for repeated refusals: one AUTH, whatever the answer, and a goodbye."""
    with ScriptedServer({**SMTP, "AUTH": answer}) as server:
        result = probe(server, "smtp", senders=("desk@example.test",))

    assert result.kind is kind
    assert [line.split()[0] for line in server.heard] == ["EHLO", "AUTH", "QUIT"]
    assert (result.attempts, server.connections) == (1, 1)


def test_a_sender_that_is_refused_is_told_apart(probe: Probe) -> None:
    """A permanent no is a verdict, a temporary one is none, and neither ends the asking."""
    mail = ["250 fine", "553 5.7.1 not yours", "451 4.3.0 later", "250 fine"]
    senders = ("a@x.test", "b@x.test", "c@x.test", "d@x.test")
    with ScriptedServer({**SMTP, "MAIL": mail}) as server:
        result = probe(server, "smtp", senders=senders)

    assert [check.accepted for check in result.senders] == [True, False, None, True]
    assert result.senders[1] == SenderCheck("b@x.test", False, "553 5.7.1 not yours")


def test_a_server_that_has_enough_of_senders(probe: Probe) -> None:
    """A connection that ends among the senders leaves the login a success and the rest unasked."""
    with ScriptedServer({**SMTP, "MAIL": ["250 fine", CUT]}) as server:
        result = probe(server, "smtp", senders=("a@x.test", "b@x.test", "c@x.test"))

    assert result.kind is ProbeKind.OK
    assert [check.accepted for check in result.senders] == [True, None, None]
    assert server.connections == 1


@pytest.mark.parametrize(
    ("sender", "extension", "asked"),
    [
        ("x@y.test>\r\nRCPT TO:<victim@z.test", "AUTH PLAIN", []),
        ("no address", "AUTH PLAIN", []),
        ("jürgen@example.test", "AUTH PLAIN", []),
        ("jürgen@example.test", "AUTH PLAIN\r\n250 SMTPUTF8",
         ["MAIL FROM:<jürgen@example.test> SMTPUTF8"]),
    ],
)  # fmt: skip
def test_only_an_address_is_asked_for(
    probe: Probe, sender: str, extension: str, asked: list[str]
) -> None:
    """No setting can smuggle a command in, and no server is asked for what it cannot read."""
    ehlo = "250-x\r\n250-" + extension if "\r\n" in extension else "250-x\r\n250 " + extension
    with ScriptedServer({**SMTP, "EHLO": ehlo}) as server:
        result = probe(server, "smtp", senders=(sender,))

    assert server.commands("MAIL", "RCPT") == asked
    assert (result.senders[0].accepted is None) is (asked == [])


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        ({"greeting": "421 4.3.2 too busy"}, ProbeKind.AUTH_TEMPORARY),
        ({"greeting": "554 5.7.1 no access from there"}, ProbeKind.REFUSED),
        ({"greeting": "HTTP/1.1 400 Bad Request"}, ProbeKind.PROTOCOL),
        ({"EHLO": "502 5.5.1 what?"}, ProbeKind.PROTOCOL),
        ({"EHLO": "250-again\r\n" * 150 + "250 end"}, ProbeKind.PROTOCOL),
        ({"EHLO": "250 x"}, ProbeKind.AUTH_UNAVAILABLE),
        ({"EHLO": "250-x\r\n250 AUTH XOAUTH2 OAUTHBEARER"}, ProbeKind.OAUTH_ONLY),
        ({"EHLO": "250-x\r\n250 AUTH CRAM-MD5", "AUTH": "334 no base64!"}, ProbeKind.PROTOCOL),
        ({"EHLO": "250-x\r\n250 AUTH CRAM-MD5", "AUTH": "535 no"}, ProbeKind.AUTH_REJECTED),
        ({"AUTH": CUT}, ProbeKind.AUTH_UNANSWERED),
        ({"AUTH": "2 35"}, ProbeKind.PROTOCOL),
    ],
)
def test_odd_servers(probe: Probe, table: dict[str, str], kind: ProbeKind) -> None:
    """Whatever a server answers has a name."""
    with ScriptedServer({**SMTP, **table}) as server:
        result = probe(server, "smtp")

    assert result.kind is kind
    assert result.detail
    assert len(server.commands("AUTH")) <= 1


@pytest.mark.parametrize("mode", [Mode.STARTTLS, Mode.OFFERED])
@pytest.mark.parametrize(
    "table",
    [{}, {"EHLO": "250-x\r\n250 STARTTLS", "STARTTLS": "454 4.7.0 TLS not available"}],
    ids=["stripped", "refused"],
)
def test_without_encryption_no_password(probe: Probe, mode: Mode, table: dict[str, str]) -> None:
    """Who strips STARTTLS from the offer, or breaks it, gets no password."""
    with ScriptedServer({**SMTP, **table}) as server:
        result = probe(server, "smtp", mode, clear_text=False)

    assert result.kind is ProbeKind.NO_STARTTLS
    assert server.commands("AUTH") == []


def test_words_before_encryption_are_refused(probe: Probe, certificates: Certificates) -> None:
    """What stands behind the answer to STARTTLS was said by somebody in between."""
    table = {
        **SMTP,
        "EHLO": "250-x\r\n250 STARTTLS",
        "STARTTLS": "220 go on\r\n250-mallory\r\n250 AUTH PLAIN",
    }
    with ScriptedServer(table, upgrade=certificates.good) as server:
        result = probe(server, "smtp", Mode.STARTTLS)

    assert (result.kind, server.commands("AUTH")) == (ProbeKind.PROTOCOL, [])
    assert "before encryption" in result.detail


@pytest.mark.parametrize("clear_text", [False, True])
def test_clear_text_needs_a_word(probe: Probe, clear_text: bool) -> None:
    """Without encryption a password is spoken only where that was allowed by name."""
    with ScriptedServer(SMTP) as server:
        result = probe(server, "smtp", Mode.NONE, clear_text=clear_text)

    assert result.kind is (ProbeKind.OK if clear_text else ProbeKind.AUTH_UNAVAILABLE)
    assert len(server.commands("AUTH")) == clear_text


def test_cram_md5_may_go_unencrypted(probe: Probe) -> None:
    """CRAM-MD5 does not show the password, so it goes first where nothing is encrypted."""
    table = {
        **SMTP, "EHLO": "250-x\r\n250 AUTH PLAIN CRAM-MD5", "AUTH": "334 PDEyMz4=", "*": "235 ok",
    }  # fmt: skip
    with ScriptedServer(table) as server:
        result = probe(server, "smtp", Mode.NONE, clear_text=False)

    assert (result.kind, result.mechanism) == (ProbeKind.OK, "CRAM-MD5")


@pytest.mark.parametrize("reply", ["501 5.5.4 Invalid domain name", "550 5.7.1 Invalid HELO name"])
def test_the_name_where_an_address_is_refused(probe: Probe, reply: str) -> None:
    """A server that wants a name in EHLO gets one, on the same connection."""
    good = "250-x\r\n250 AUTH PLAIN"
    with ScriptedServer({**SMTP, "EHLO": [reply, good]}) as server:
        result = probe(server, "smtp")

    assert result.kind is ProbeKind.OK
    assert server.connections == 1
    assert re.fullmatch(r"EHLO [A-Za-z0-9-]+\.[A-Za-z0-9.-]+", server.commands("EHLO")[1])


def test_a_server_that_wants_another_name(probe: Probe) -> None:
    """ICE greets with a name of its own, so a refused EHLO says nothing about the setting."""
    with ScriptedServer({**SMTP, "EHLO": "550 5.7.1 who are you?"}) as server:
        result = probe(server, "smtp")

    assert result.kind is ProbeKind.REFUSED
    assert "rejects this machine's" in result.detail


@pytest.mark.parametrize("answers", [["501 5.5.4 no initial response", "334 "], ["334 "]])
def test_an_initial_response_that_is_not_read(probe: Probe, answers: list[str]) -> None:
    """PLAIN goes with its name, and behind it where a server wants that: one login."""
    with ScriptedServer({**SMTP, "AUTH": answers, "*": "235 2.7.0 in"}) as server:
        result = probe(server, "smtp")

    assert (result.kind, result.attempts) == (ProbeKind.OK, 1)
    assert server.commands("AUTH")[1:] in ([], ["AUTH PLAIN"])


@pytest.mark.parametrize("offer", ["NTLM", "GSSAPI NTLM", "DIGEST-MD5", "SCRAM-SHA-256-PLUS"])
def test_what_cannot_be_spoken_is_not_judged(probe: Probe, offer: str) -> None:
    """A mechanism that a probe does not have may be one that ICE has: a warning, no login."""
    with ScriptedServer({**SMTP, "EHLO": f"250-x\r\n250 AUTH {offer}"}) as server:
        result = probe(server, "smtp")

    assert result.kind is ProbeKind.AUTH_MECHANISM
    assert result.detail.startswith(f"skipped: {offer.replace(' ', ', ')};")
    assert server.commands("AUTH") == []


@pytest.mark.parametrize(
    ("reply", "accepted"),
    [("503 5.5.1 nested MAIL", None), ("501 5.1.7 bad address", False), ("250 fine", True)],
)
def test_what_a_reply_to_mail_says(probe: Probe, reply: str, accepted: bool | None) -> None:
    """A reply about the order of commands is no verdict on the sender."""
    with ScriptedServer({**SMTP, "MAIL": reply}) as server:
        result = probe(server, "smtp", senders=('"help desk"@desk.test',))

    assert result.senders[0].accepted is accepted
    assert server.commands("MAIL") == ['MAIL FROM:<"help desk"@desk.test>']
