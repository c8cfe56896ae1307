"""What a probe may have seen, for the tests of all formats."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from builders import BILLING, SALES, SUPPORT, position

from icesync.model.desired import Address
from icesync.model.probe import (
    Certificate,
    DomainNote,
    MailProtocol,
    Mode,
    ProbeKind,
    ProbeReport,
    ProbeResult,
    ProbeRow,
    ProbeStep,
    ProbeTarget,
    SenderCheck,
    StepName,
)

if TYPE_CHECKING:
    from icesync.diagnostics import SourcePosition

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
CERTIFICATE = Certificate(
    "*.example.org", "Example CA", ("*.example.org",), NOW - timedelta(days=70),
    NOW + timedelta(days=19, hours=3),
)  # fmt: skip


def target(protocol: str, host: str, port: int, mode: Mode, reason: str) -> ProbeTarget:
    """Return a target of the user desk."""
    return ProbeTarget(MailProtocol(protocol), host, port, mode, reason, "desk")


SENDING = target("smtp", "smtp.example.org", 587, Mode.STARTTLS, "from port 587")
COLLECTING = target("imap", "imap.example.org", 993, Mode.IMPLICIT, "from port 993")
GOOD = ProbeResult(
    ProbeKind.OK,
    mode=Mode.STARTTLS,
    ip="192.0.2.25",
    tls_version="TLSv1.3",
    cipher="TLS_AES_256_GCM_SHA384",
    certificate=replace(CERTIFICATE, not_after=NOW + timedelta(days=80)),
    offered=("PLAIN", "LOGIN"),
    mechanism="PLAIN",
    senders=(SenderCheck("desk@example.org", True, "250 2.1.0 Ok"),),
    steps=(ProbeStep(StepName.DNS, 0.0123), ProbeStep(StepName.AUTH, 0.2)),
)
REJECTED = ProbeResult(
    ProbeKind.AUTH_REJECTED,
    "the server rejected the login",
    "check user name and password; some providers need an app password",
    "535 5.7.8",
    "5.7.8 \x1b[31mno\x1b[0m ::error:: | <b>`x`</b> ##[group]",
    mode=Mode.IMPLICIT,
    certificate=CERTIFICATE,
    tls_version="TLSv1.2",
    notes=("the certificate expires in 19 days",),
    steps=(ProbeStep(StepName.AUTH, 0.51),),
)
CLEAR = replace(
    GOOD,
    mode=Mode.NONE,
    tls_version="",
    certificate=None,
    notes=("the password was sent unencrypted",),
)
SKIPPED = ProbeResult(ProbeKind.SKIPPED, "the server is `Disabled`")
PROBED = ProbeReport(
    (
        ProbeRow(SUPPORT, SENDING, GOOD, "Support EU", position(9), (SALES,)),
        ProbeRow(
            SUPPORT, COLLECTING, replace(GOOD, mode=Mode.IMPLICIT, senders=(), inbox_messages=3),
            "Support EU", position(10),
        ),
        ProbeRow(SALES, SENDING, replace(
            GOOD, kind=ProbeKind.OK_SENDER_REFUSED,
            detail="logged in, but not allowed to send as sales@example.org",
            code="553", text="5.7.1 not owned by desk",
            hint="allow the account to send as this address",
        ), "", position(20), (SUPPORT, *(Address(80, n) for n in range(1, 8)))),
        ProbeRow(SALES, COLLECTING, REJECTED, "", position(21)),
        ProbeRow(BILLING, SENDING, ProbeResult(
            ProbeKind.TIMEOUT, "no connection in time",
            "a firewall on the way may block port 587",
            steps=(ProbeStep(StepName.TCP, 5.0),), attempts=2,
        ), "", position(30)),
        ProbeRow(BILLING, COLLECTING, CLEAR, "", position(31)),
        ProbeRow(Address(80, 1), SENDING, SKIPPED, "", position(40)),
        ProbeRow(Address(80, 1), COLLECTING, SKIPPED, "", position(41)),
    ),
    NOW,
    logins=5,
    elapsed_s=5.1234,
    domains=(
        DomainNote("example.org", "MX, SPF and DMARC look normal", (SUPPORT,), worrying=False),
        DomainNote("example.net", "has no SPF record: receivers may not trust its mail", (SALES,)),
    ),
)  # fmt: skip
"""Every severity, three endpoints, a login that is shared, and domains."""


def hostile_probe(text: str, place: SourcePosition) -> ProbeReport:
    """Return a probe in which *text* stands wherever a text can stand."""
    certificate = replace(CERTIFICATE, subject=text, issuer=text, names=(text,))
    result = ProbeResult(
        ProbeKind.AUTH_REJECTED, text, text, text, text, ip=text, tls_version=text, cipher=text,
        certificate=certificate, offered=(text,), mechanism=text,
        senders=(SenderCheck(text, None, text),), notes=(text,),
    )  # fmt: skip
    target = ProbeTarget(MailProtocol.SMTP, text, 587, Mode.STARTTLS, text, text, (text,))
    rows = (
        ProbeRow(SUPPORT, target, result, text, place),
        ProbeRow(SALES, target, replace(result, kind=ProbeKind.TIMEOUT), text, place),
        ProbeRow(BILLING, target, replace(result, kind=ProbeKind.OK), text, place),
    )
    return ProbeReport(rows, NOW, 1, 0.5, (DomainNote(text, text, (SUPPORT,)),))
