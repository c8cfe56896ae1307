from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from mailscript import CUT, POP3, Certificates, ScriptedServer

from icesync.model.probe import Mode, ProbeKind, ProbeResult

if TYPE_CHECKING:
    from collections.abc import Callable

    Probe = Callable[..., ProbeResult]


def test_a_login_is_the_whole_conversation(probe: Probe) -> None:
    """One login, STAT, QUIT; nothing is fetched or deleted."""
    with ScriptedServer(POP3) as server:
        result = probe(server, "pop3", user="jürgen", password="pä ss→")

    assert (result.kind, result.inbox_messages) == (ProbeKind.OK, 4)
    assert server.heard == ["CAPA", "USER jürgen", "PASS pä ss→", "STAT", "QUIT"]


def test_stls(probe: Probe, certificates: Certificates) -> None:
    """What was offered before encryption began does not count."""
    table = {**POP3, "CAPA": "+OK\r\nSTLS\r\n.", "STLS": "+OK go on"}
    after = {"CAPA": "+OK\r\nUSER\r\n."}
    with ScriptedServer(table, upgrade=certificates.good, after=after) as server:
        result = probe(server, "pop3", Mode.STARTTLS, clear_text=False)

    assert (result.kind, result.mechanism) == (ProbeKind.OK, "USER")
    assert server.heard[:3] == ["CAPA", "STLS", "CAPA"]


def test_a_server_without_capa(probe: Probe, certificates: Certificates) -> None:
    """CAPA is younger than the rest: who does not know it is asked for STLS and USER anyhow."""
    table = {**POP3, "CAPA": "-ERR what?", "STLS": "+OK go on"}
    with ScriptedServer(table, upgrade=certificates.good) as server:
        result = probe(server, "pop3", Mode.STARTTLS, clear_text=False)

    assert (result.kind, result.mechanism) == (ProbeKind.OK, "USER")


@pytest.mark.parametrize(
    ("capabilities", "answers", "kind", "mechanism"),
    [
        ("SASL PLAIN", ["+", "+OK in"], ProbeKind.OK, "PLAIN"),
        ("SASL CRAM-MD5", ["+ PDEyMz4=", "+OK in"], ProbeKind.OK, "CRAM-MD5"),
        ("SASL PLAIN", ["-ERR no"], ProbeKind.AUTH_REJECTED, "PLAIN"),
        ("SASL XOAUTH2", [], ProbeKind.OAUTH_ONLY, ""),
        ("UIDL", [], ProbeKind.AUTH_UNAVAILABLE, ""),
    ],
)
def test_other_ways_in(
    probe: Probe,
    certificates: Certificates,
    capabilities: str,
    answers: list[str],
    kind: ProbeKind,
    mechanism: str,
) -> None:
    """A server without USER is spoken to by SASL, once."""
    table = {**POP3, "CAPA": f"+OK\r\n{capabilities}\r\n."}
    table |= {"AUTH": answers[0], "*": answers[1:]} if answers else {}
    with ScriptedServer(table, implicit=certificates.good) as server:
        result = probe(server, "pop3", Mode.IMPLICIT)

    assert (result.kind, result.mechanism) == (kind, mechanism)
    assert len(server.commands("AUTH")) == bool(answers)


@pytest.mark.parametrize(
    ("capabilities", "kind"),
    [("USER", ProbeKind.AUTH_UNAVAILABLE), ("USER\r\nSASL PLAIN", ProbeKind.OK)],
)
def test_a_line_break_in_a_password(probe: Probe, capabilities: str, kind: ProbeKind) -> None:
    """A password cannot become a command: it goes by SASL, or not at all."""
    table = {**POP3, "CAPA": f"+OK\r\n{capabilities}\r\n.", "AUTH": "+", "*": "+OK in"}
    with ScriptedServer(table) as server:
        result = probe(server, "pop3", password="first line\r\nDELE 1")

    assert result.kind is kind
    assert server.commands("DELE", "PASS") == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("-ERR [AUTH] Authentication failed.", ProbeKind.AUTH_REJECTED),
        ("-ERR invalid", ProbeKind.AUTH_REJECTED),
        ("-ERR [AUTH] Plaintext authentication disallowed on non-secure connections.",
         ProbeKind.AUTH_MECHANISM),
        ("-ERR [SYS/TEMP] later", ProbeKind.AUTH_TEMPORARY),
        ("-ERR [LOGIN-DELAY] not so often", ProbeKind.AUTH_TEMPORARY),
        ("-ERR [IN-USE] Do you have another POP session running?", ProbeKind.IN_USE),
        ("-ERR Application-specific password required", ProbeKind.AUTH_DISABLED),
        ("what?", ProbeKind.PROTOCOL),
        (CUT, ProbeKind.AUTH_UNANSWERED),
    ],
)  # fmt: skip
def test_a_refused_login_is_not_tried_again(probe: Probe, answer: str, kind: ProbeKind) -> None:
    """One PASS, whatever the answer."""
    with ScriptedServer({**POP3, "PASS": answer}) as server:
        result = probe(server, "pop3")

    assert result.kind is kind
    assert len(server.commands("PASS")) == 1
    assert (result.attempts, server.connections) == (1, 1)


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        ({"greeting": "-ERR no access from there"}, ProbeKind.REFUSED),
        ({"greeting": "-ERR [SYS/TEMP] later"}, ProbeKind.AUTH_TEMPORARY),
        ({"greeting": "* OK this is IMAP"}, ProbeKind.PROTOCOL),
        ({"CAPA": "+OK\r\n" + "X\r\n" * 120}, ProbeKind.PROTOCOL),
        ({"USER": "-ERR nobody"}, ProbeKind.AUTH_REJECTED),
        ({"STAT": "-ERR no"}, ProbeKind.INBOX_UNAVAILABLE),
        ({"STAT": "+OK many"}, ProbeKind.OK),
    ],
)
def test_odd_servers(probe: Probe, table: dict[str, str], kind: ProbeKind) -> None:
    """Whatever a server answers has a name."""
    with ScriptedServer({**POP3, **table}) as server:
        result = probe(server, "pop3")

    assert result.kind is kind


@pytest.mark.parametrize(
    ("capabilities", "mode", "kind"),
    [
        ("USER", Mode.OFFERED, ProbeKind.NO_STARTTLS),
        ("USER\r\nSTLS", Mode.OFFERED, ProbeKind.NO_STARTTLS),
        ("USER", Mode.NONE, ProbeKind.AUTH_UNAVAILABLE),
        ("USER\r\nSASL CRAM-MD5", Mode.NONE, ProbeKind.OK),
    ],
)
def test_without_encryption_no_password(
    probe: Probe, capabilities: str, mode: Mode, kind: ProbeKind
) -> None:
    """Unencrypted, only CRAM-MD5 is spoken."""
    table = {**POP3, "CAPA": f"+OK\r\n{capabilities}\r\n.", "STLS": "-ERR not today"}
    with ScriptedServer({**table, "AUTH": "+ PDEyMz4=", "*": "+OK in"}) as server:
        result = probe(server, "pop3", mode, clear_text=False)

    assert result.kind is kind
    assert server.commands("PASS") == []


def test_a_count_beyond_all_numbers(probe: Probe) -> None:
    """A count of 4,301 digits is none; Python would refuse to read it."""
    with ScriptedServer({**POP3, "STAT": f"+OK {'9' * 4301} 1"}) as server:
        result = probe(server, "pop3")

    assert (result.kind, result.inbox_messages) == (ProbeKind.OK, None)
