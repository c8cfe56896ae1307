from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from mailscript import CUT, IMAP, IMPATIENT, Certificates, ScriptedServer

from icesync.model.probe import Mode, ProbeKind, ProbeResult

if TYPE_CHECKING:
    from collections.abc import Callable

    Probe = Callable[..., ProbeResult]


def offering(words: str) -> str:
    """Return the answer to CAPABILITY that offers *words*."""
    return f"* CAPABILITY IMAP4rev1 {words}\r\na OK done"


def test_a_login_is_the_whole_conversation(probe: Probe) -> None:
    """One login, the inbox opened for reading, LOGOUT; nothing is fetched or stored."""
    with ScriptedServer(IMAP) as server:
        result = probe(server, "imap")

    assert (result.kind, result.inbox_messages) == (ProbeKind.OK, 7)
    assert [line.split()[0] for line in server.heard] == [
        "CAPABILITY", "AUTHENTICATE", "EXAMINE", "LOGOUT",
    ]  # fmt: skip


def test_starttls(probe: Probe, certificates: Certificates) -> None:
    """What was offered before encryption began does not count."""
    table = {**IMAP, "CAPABILITY": offering("STARTTLS LOGINDISABLED"), "STARTTLS": "a OK go on"}
    after = {"CAPABILITY": offering("AUTH=PLAIN SASL-IR")}
    with ScriptedServer(table, upgrade=certificates.good, after=after) as server:
        result = probe(server, "imap", Mode.STARTTLS, clear_text=False)

    assert (result.kind, result.mechanism) == (ProbeKind.OK, "PLAIN")
    assert result.certificate is not None


def test_a_greeting_may_say_what_is_offered(probe: Probe) -> None:
    """A server that tells its capabilities at once is not asked for them."""
    with ScriptedServer({**IMAP, "greeting": "* OK [CAPABILITY IMAP4rev1] hi"}) as server:
        result = probe(server, "imap")

    assert (result.kind, result.mechanism) == (ProbeKind.OK, "LOGIN")
    assert server.commands("CAPABILITY") == []


@pytest.mark.parametrize(
    ("offered", "answer", "rest"),
    [
        ("AUTH=PLAIN SASL-IR", "a OK in", []),
        ("AUTH=PLAIN", "+", ["a OK in"]),
        ("AUTH=CRAM-MD5 LOGINDISABLED", "+ PDEyMz4=", ["a OK in"]),
    ],
)
def test_mechanisms(
    probe: Probe, certificates: Certificates, offered: str, answer: str, rest: list[str]
) -> None:
    """Each way to log in takes a user name and a password beyond ASCII, once."""
    table = {**IMAP, "CAPABILITY": offering(offered), "AUTHENTICATE": answer, "*": list(rest)}
    with ScriptedServer(table, implicit=certificates.good) as server:
        result = probe(server, "imap", Mode.IMPLICIT, user="jürgen", password='pä "\\ ss→')

    assert result.kind is ProbeKind.OK
    assert len(server.commands("AUTHENTICATE", "LOGIN")) == 1
    spoken = base64.b64decode(server.heard[2 if rest else 1].split()[-1])
    if "CRAM" not in offered:
        assert spoken.decode() == '\0jürgen\0pä "\\ ss→'


@pytest.mark.parametrize(
    ("user", "password", "heard"),
    [
        ("desk", 'a "b" \\c', ['LOGIN "desk" "a \\"b\\" \\\\c"']),
        ("desk", "pä→", ['LOGIN "desk" {6}', "pä→"]),
        ("jürgen", "secret 12", ["LOGIN {7}", 'jürgen "secret 12"']),
    ],
)
def test_the_command_login(probe: Probe, user: str, password: str, heard: list[str]) -> None:
    """What cannot be quoted goes as a literal, so that no character is special."""
    table = {**IMAP, "CAPABILITY": offering(""), "*": "a OK in"}
    table["LOGIN"] = "+ go on" if len(heard) > 1 else "a OK in"
    with ScriptedServer(table) as server:
        result = probe(server, "imap", user=user, password=password)

    assert (result.kind, result.mechanism) == (ProbeKind.OK, "LOGIN")
    assert server.heard[1:-2] == heard


def test_a_refused_literal(probe: Probe) -> None:
    """A server that does not want to hear the password does not get it."""
    table = {**IMAP, "CAPABILITY": offering(""), "LOGIN": "a NO [AUTHENTICATIONFAILED] nobody"}
    with ScriptedServer(table) as server:
        result = probe(server, "imap", user="jürgen")

    assert result.kind is ProbeKind.AUTH_REJECTED
    assert "sesame" not in "".join(server.heard)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("a NO [AUTHENTICATIONFAILED] Authentication failed.", ProbeKind.AUTH_REJECTED),
        ("a NO go away", ProbeKind.AUTH_REJECTED),
        ("a NO [ALERT] Application-specific password required: x", ProbeKind.AUTH_DISABLED),
        ("a NO [PRIVACYREQUIRED] Plaintext authentication disallowed", ProbeKind.AUTH_MECHANISM),
        ("a NO cleartext logins are disabled", ProbeKind.AUTH_MECHANISM),
        ("a NO [UNAVAILABLE] Temporary authentication failure.", ProbeKind.AUTH_TEMPORARY),
        ("a NO [INUSE] busy", ProbeKind.IN_USE),
        ("a BAD what?", ProbeKind.PROTOCOL),
        ("* BYE I have enough", ProbeKind.AUTH_UNANSWERED),
        ("what?", ProbeKind.PROTOCOL),
        (CUT, ProbeKind.AUTH_UNANSWERED),
    ],
)
def test_a_refused_login_is_not_tried_again(probe: Probe, answer: str, kind: ProbeKind) -> None:
    """One login, whatever the answer."""
    with ScriptedServer({**IMAP, "AUTHENTICATE": answer}) as server:
        result = probe(server, "imap")

    assert result.kind is kind
    assert len(server.commands("AUTHENTICATE", "LOGIN")) == 1
    assert (result.attempts, server.connections) == (1, 1)


def test_a_challenge_after_the_password_is_ended(probe: Probe) -> None:
    """A server that explains its no in a challenge gets an asterisk, not the password again."""
    table = {**IMAP, "AUTHENTICATE": "+ eyJzdGF0dXMiOiI0MDAifQ==", "*": "a NO [ALERT] no"}
    with ScriptedServer(table) as server:
        result = probe(server, "imap")

    assert result.kind is ProbeKind.AUTH_REJECTED
    assert server.heard[2] == "*"


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        ({"greeting": "* BYE not from there"}, ProbeKind.REFUSED),
        ({"greeting": "* PREAUTH welcome, whoever you are"}, ProbeKind.PROTOCOL),
        ({"greeting": "SSH-2.0-OpenSSH_9.2"}, ProbeKind.PROTOCOL),
        ({"CAPABILITY": "a NO never"}, ProbeKind.PROTOCOL),
        ({"CAPABILITY": "* x\r\n" * 1_001}, ProbeKind.PROTOCOL),
        ({"CAPABILITY": offering("AUTH=XOAUTH2 AUTH=OAUTHBEARER")}, ProbeKind.OAUTH_ONLY),
        ({"CAPABILITY": offering("LOGINDISABLED")}, ProbeKind.AUTH_UNAVAILABLE),
        ({"EXAMINE": "a NO no such mailbox"}, ProbeKind.INBOX_UNAVAILABLE),
        ({"EXAMINE": "a NO [INUSE] somebody is in"}, ProbeKind.IN_USE),
        ({"EXAMINE": "* 3 EXISTS\r\n* NOTE {4}\r\na OK and more\r\na OK open"}, ProbeKind.OK),
        ({"EXAMINE": "* NOTE {999999999}"}, ProbeKind.TIMEOUT),
    ],
)
def test_odd_servers(probe: Probe, table: dict[str, str], kind: ProbeKind) -> None:
    """Whatever a server answers has a name."""
    with ScriptedServer({**IMAP, **table}) as server:
        timeouts = {"timeouts": IMPATIENT} if kind is ProbeKind.TIMEOUT else {}
        result = probe(server, "imap", **timeouts)

    assert result.kind is kind


@pytest.mark.parametrize(
    "table",
    [{}, {"CAPABILITY": offering("STARTTLS"), "STARTTLS": "a NO not today"}],
    ids=["stripped", "refused"],
)
def test_without_encryption_no_password(probe: Probe, table: dict[str, str]) -> None:
    """Who strips STARTTLS from the offer, or breaks it, gets no password."""
    with ScriptedServer({**IMAP, **table}) as server:
        result = probe(server, "imap", Mode.OFFERED, clear_text=False)

    assert result.kind is ProbeKind.NO_STARTTLS
    assert server.commands("AUTHENTICATE", "LOGIN ") == []
