"""Every kind of result, reached by a server that behaves so."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from mailscript import CUT, HANG, IMAP, IMPATIENT, POP3, SMTP, Certificates, ScriptedServer

from icesync.model.probe import Mode, ProbeKind, ProbeResult

if TYPE_CHECKING:
    from collections.abc import Callable


def lost(*_: object) -> list[Any]:
    """Know no host."""
    raise socket.gaierror(socket.EAI_NONAME, "unknown")


def dead(*_: object) -> list[Any]:
    """Lead to a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = listener.getsockname()
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place)]


CASES: dict[ProbeKind, tuple[str, dict[str, str], dict[str, Any]]] = {
    ProbeKind.OK: ("smtp", {}, {}),
    ProbeKind.AUTH_REJECTED: ("imap", {"AUTHENTICATE": "a NO no"}, {}),
    ProbeKind.AUTH_DISABLED: ("smtp", {"AUTH": "535 5.7.139 basic authentication is disabled"}, {}),
    ProbeKind.AUTH_UNANSWERED: ("imap", {"AUTHENTICATE": CUT}, {}),
    ProbeKind.AUTH_UNAVAILABLE: ("smtp", {"EHLO": "250 x"}, {}),
    ProbeKind.AUTH_MECHANISM: ("smtp", {"EHLO": "250-x\r\n250 AUTH GSSAPI NTLM"}, {}),
    ProbeKind.AUTH_BLOCKED: ("pop3", {"PASS": "-ERR your IP is blocked"}, {}),
    ProbeKind.INBOX_UNAVAILABLE: ("imap", {"EXAMINE": "a BAD User is not connected."}, {}),
    ProbeKind.AUTH_TEMPORARY: ("pop3", {"PASS": "-ERR [SYS/TEMP] later"}, {}),
    ProbeKind.IN_USE: ("pop3", {"PASS": "-ERR [IN-USE] busy"}, {}),
    ProbeKind.NO_STARTTLS: ("imap", {}, {"mode": Mode.STARTTLS}),
    ProbeKind.TLS_WRONG_MODE: ("smtp", {}, {"mode": Mode.IMPLICIT}),
    ProbeKind.TLS_CERT_EXPIRED: ("smtp", {}, {"certificate": "expired"}),
    ProbeKind.TLS_CERT_NOT_YET_VALID: ("smtp", {}, {"certificate": "early"}),
    ProbeKind.TLS_CERT_SELF_SIGNED: ("imap", {}, {"certificate": "self-signed"}),
    ProbeKind.TLS_CERT_UNTRUSTED: ("pop3", {}, {"certificate": "stranger"}),
    ProbeKind.TLS_CERT_INCOMPLETE: ("smtp", {}, {"certificate": "incomplete"}),
    ProbeKind.TLS_CERT_WEAK: ("smtp", {}, {"certificate": "weak key"}),
    ProbeKind.TLS_CERT_WRONG_PURPOSE: ("imap", {}, {"certificate": "for clients"}),
    ProbeKind.TLS_CERT_NAME_MISMATCH: ("smtp", {}, {"certificate": "wrong name"}),
    ProbeKind.TLS_ERROR: ("smtp", {}, {"certificate": "old"}),
    ProbeKind.DNS: ("smtp", {}, {"resolve": lost}),
    ProbeKind.REFUSED: ("smtp", {}, {"resolve": dead}),
    ProbeKind.TIMEOUT: ("imap", {"CAPABILITY": HANG}, {"timeouts": IMPATIENT}),
    ProbeKind.RESET: ("imap", {"CAPABILITY": CUT}, {}),
    ProbeKind.PROTOCOL: ("pop3", {"greeting": "hello?"}, {}),
    ProbeKind.OAUTH_ONLY: ("smtp", {"EHLO": "250-x\r\n250 AUTH XOAUTH2"}, {}),
}

JUDGED = {ProbeKind.SKIPPED, ProbeKind.OK_SENDER_REFUSED, ProbeKind.INTERNAL_ERROR}
"""Decided without a server, or from what one said: tests/unit/planner and engine."""


def test_no_kind_is_forgotten() -> None:
    """A kind that nothing leads to would be a promise that nobody keeps."""
    assert CASES.keys() | JUDGED == set(ProbeKind)


@pytest.mark.parametrize("kind", CASES)
def test_every_kind_is_reached(
    probe: Callable[..., ProbeResult], certificates: Certificates, kind: ProbeKind
) -> None:
    """A server that behaves so is called so."""
    protocol, table, how = CASES[kind]
    named = dict(how)
    implicit = certificates.contexts.get(named.pop("certificate", ""))
    named.setdefault("mode", Mode.IMPLICIT if implicit else Mode.NONE)
    usual = {"smtp": SMTP, "pop3": POP3, "imap": IMAP}[protocol]
    with ScriptedServer({**usual, **table}, implicit=implicit) as server:
        result = probe(server, protocol, named.pop("mode"), **named)

    assert result.kind is kind, result
    assert result.detail or kind is ProbeKind.OK
