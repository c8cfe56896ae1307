from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from builders import BILLING, SALES, SUPPORT, position

from icesync.model.address import Address
from icesync.model.domain import DomainNote
from icesync.model.probe import (
    Certificate,
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
from icesync.render.probe import render_probe
from icesync.render.probeformats import probe_document, probe_junit, probe_markdown
from icesync.render.style import Style

if TYPE_CHECKING:
    from collections.abc import Callable

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
    "the server does not take this user name and password",
    "check user name and password; some providers want an app password",
    "535 5.7.8",
    "5.7.8 \x1b[31mno\x1b[0m ::error:: | <b>`x`</b> ##[group]",
    mode=Mode.IMPLICIT,
    certificate=CERTIFICATE,
    tls_version="TLSv1.2",
    notes=("the certificate ends in 19 days",),
    steps=(ProbeStep(StepName.AUTH, 0.51),),
)
CLEAR = replace(
    GOOD,
    mode=Mode.NONE,
    tls_version="",
    certificate=None,
    notes=("the password travelled in clear text",),
)
SKIPPED = ProbeResult(ProbeKind.SKIPPED, "the server is `Disabled`")
REPORT = ProbeReport(
    (
        ProbeRow(SUPPORT, SENDING, GOOD, "Support EU", position(9), (SALES,)),
        ProbeRow(
            SUPPORT, COLLECTING, replace(GOOD, mode=Mode.IMPLICIT, senders=(), inbox_messages=3),
            "Support EU", position(10),
        ),
        ProbeRow(SALES, SENDING, replace(
            GOOD, kind=ProbeKind.OK_SENDER_REFUSED,
            detail="logged in, but may not send as sales@example.org",
            code="553", text="5.7.1 not owned by desk", hint="let the account send as this address",
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
        DomainNote("example.org", "MX, SPF and DMARC look as usual", (SUPPORT,), worrying=False),
        DomainNote("example.net", "publishes no SPF: receivers may distrust its mail", (SALES,)),
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "style"),
    [
        ("plain", Style()),
        ("colour", Style(colour=True)),
        ("80", Style(width=80)),
        ("120", Style(width=120)),
    ],
)
def test_a_probe_as_text(golden: Callable[[str, str], None], name: str, style: Style) -> None:
    """A table that fits the place, then a paragraph for each row that needs one."""
    golden(f"render/probe-{name}.txt", render_probe(REPORT, style))


def test_the_table_fits() -> None:
    """No line of the table is wider than the terminal while columns can be dropped."""
    for width in (80, 100, 120):
        table = render_probe(REPORT, Style(width=width)).split("\n\n")[1]
        assert max(map(len, table.splitlines())) <= width


def test_a_probe_as_data(golden: Callable[[str, str], None]) -> None:
    """Everything that was seen, under keys that stay."""
    golden("render/probe.json", json.dumps(probe_document(REPORT), indent=2) + "\n")


def test_a_probe_as_junit(golden: Callable[[str, str], None]) -> None:
    """A test case for each row; what only warns does not fail."""
    text = probe_junit(REPORT)
    golden("render/probe-junit.xml", text)
    suite = ET.fromstring(text)  # noqa: S314 - our own

    assert len(suite.findall(".//testcase")) == 8
    assert len(suite.findall(".//failure")) == int(suite.attrib["failures"]) == 2


def test_a_probe_as_markdown(golden: Callable[[str, str], None]) -> None:
    """A table for a pull request, in which a server's words are words."""
    golden("render/probe.md", probe_markdown(REPORT))


@pytest.mark.parametrize("kind", ProbeKind)
def test_every_kind_can_be_shown(kind: ProbeKind) -> None:
    """In every format."""
    report = replace(REPORT, rows=(replace(REPORT.rows[3], result=replace(REJECTED, kind=kind)),))

    assert kind in render_probe(report, Style())
    assert kind in probe_junit(report)
    assert kind.replace("_", r"\_") in probe_markdown(report)
    assert probe_document(report)["results"][0]["result"] == kind


def test_an_empty_probe() -> None:
    """Nothing to probe is said in one line."""
    empty = ProbeReport((), NOW)

    assert render_probe(empty, Style()) == "Probe: nothing to probe.\n"
    assert ET.fromstring(probe_junit(empty)).attrib["tests"] == "0"  # noqa: S314 - our own


@pytest.mark.parametrize(
    "render", [lambda r: render_probe(r, Style()), probe_junit, probe_markdown]
)
def test_a_server_s_words_are_words(render: Callable[[ProbeReport], str]) -> None:
    """No escape, no command of a pipeline, no markup gets through."""
    text = render(REPORT)

    assert "\x1b" not in text
    assert "##[" not in text
    if render in {probe_junit, probe_markdown}:
        assert "<b>" not in text
