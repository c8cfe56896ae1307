from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from builders import SALES, SUPPORT, position, server

from icesync.model.probe import (
    Certificate,
    MailProtocol,
    Mode,
    ProbeKind,
    ProbeReport,
    ProbeResult,
    ProbeRow,
    ProbeSeverity,
    ProbeTarget,
    SenderCheck,
)
from icesync.planner.probe import choose_mode, judge, probe_refusals, wanted_probes

if TYPE_CHECKING:
    from icesync.model.desired import DesiredServer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PASSWORDS = {"smtp.password": "smtp", "pop3.password": "pop3", "imap.password": "imap"}


def block(name: str, **changed: object) -> dict[str, object]:
    """Return the settings of one block to collect mail by."""
    given = {"host": f"{name}.example.test", "port": 993, "username": "desk", **changed}
    return {f"{name}__{key}": value for key, value in given.items()}


def wanted(**changed: object) -> DesiredServer:
    """Return a server that collects by POP3 and has an IMAP block too."""
    settings = {**block("pop3", port=995), **block("imap"), **changed}
    return server(SUPPORT, PASSWORDS, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("port", [465, 2465, 586, 993, 995])
@pytest.mark.parametrize("ssl", [False, True])
@pytest.mark.parametrize("tls", [False, True])
def test_some_ports_speak_tls_at_once(port: int, ssl: bool, tls: bool) -> None:
    """Whatever the flags say, nothing else works on these ports."""
    mode, reason = choose_mode(port, None, ssl=ssl, tls=tls)

    assert mode is Mode.IMPLICIT
    assert reason == f"from port {port}" + ("" if ssl or tls else "; both flags are off")


@pytest.mark.parametrize(
    ("port", "ssl", "tls", "mode", "reason"),
    [
        (587, False, False, Mode.OFFERED, "both flags are off"),
        (587, False, True, Mode.STARTTLS, "from port 587"),
        (110, True, False, Mode.STARTTLS, "from port 110"),
        (143, True, True, Mode.STARTTLS, "from port 143"),
        (8025, False, False, Mode.OFFERED, "both flags are off"),
        (8025, False, True, Mode.STARTTLS, "from `tls`"),
        (8025, True, False, Mode.IMPLICIT, "from `ssl`"),
        (8025, True, True, Mode.IMPLICIT, "from `ssl`, `tls`"),
    ],
)
def test_mode(port: int, ssl: bool, tls: bool, mode: Mode, reason: str) -> None:
    """The flags say whether encryption is wanted, the port when it begins."""
    assert choose_mode(port, None, ssl=ssl, tls=tls) == (mode, reason)


@pytest.mark.parametrize("override", ["implicit", "starttls", "none"])
def test_an_override_is_the_last_word(override: str) -> None:
    """Whoever says it in the file knows better than port and flags."""
    assert choose_mode(993, override, ssl=True, tls=True) == (Mode(override), "override")


@pytest.mark.parametrize(
    ("incoming", "unused", "blocks"),
    [
        ("pop3", False, ["smtp", "pop3"]),
        ("imap", False, ["smtp", "imap"]),
        ("imap", True, ["smtp", "pop3", "imap"]),
    ],
)
def test_which_blocks(incoming: str, unused: bool, blocks: list[str]) -> None:
    """Sending, and the way in which mail is collected; the other one on request."""
    found = wanted_probes(wanted(incoming=incoming), unused=unused)

    assert [probe.target.protocol for probe in found] == blocks
    assert [probe.secret.path for probe in found] == blocks


@pytest.mark.parametrize("gap", ["host", "port", "username"])
def test_a_block_with_a_gap_is_left_out(gap: str) -> None:
    """A block that is out of use may be half empty; there is nothing to try then."""
    found = wanted_probes(wanted(**{f"imap__{gap}": None}), unused=True)

    assert [probe.target.protocol for probe in found] == ["smtp", "pop3"]


def test_a_block_without_a_password_is_left_out() -> None:
    """Nobody logs in without one."""
    found = wanted_probes(server(SUPPORT, {}, incoming="imap"))

    assert found == ()


def test_the_target_is_what_the_file_says() -> None:
    """Host, port, user and senders as given; the override of the block alone."""
    given = replace(
        wanted(spoofing__enabled=True, spoofing__address="help@example.test"),
        local={"probe.smtp": "implicit"},
    )
    [smtp, pop3] = wanted_probes(given, clear_text=True)

    assert smtp.target == ProbeTarget(
        MailProtocol.SMTP, "smtp.example.test", 587, Mode.IMPLICIT, "override", "support",
        ("support@example.test", "help@example.test"), clear_text=True,
    )  # fmt: skip
    assert (pop3.target.mode, pop3.target.senders) == (Mode.IMPLICIT, ())


def test_a_spoofing_address_counts_when_it_is_used() -> None:
    """An address that is not switched on is not a sender."""
    [smtp, _] = wanted_probes(wanted(spoofing__address="help@example.test"))

    assert smtp.target.senders == ("support@example.test",)


def test_a_disabled_server_is_named_and_not_probed() -> None:
    """The row is there, with its reason."""
    kinds = {p.known.kind for p in wanted_probes(wanted(status="Disabled")) if p.known}

    assert kinds == {ProbeKind.SKIPPED}


@pytest.mark.parametrize(
    ("block", "host", "since"),
    [
        ("smtp", "smtp-mail.outlook.com", "Outlook.com and Hotmail: no passwords (since 16"),
        ("imap", "Outlook.Office365.com.", "(Exchange Online): no passwords (since January"),
        (
            "imap",
            "imap-mail.outlook.com",
            "Outlook.com and Hotmail: no passwords (since 16 September",
        ),
        ("smtp", "smtp.office365.com", None),
        ("imap", "imap.mail.yahoo.com", None),
        ("imap", "elsewhere.office365.com", None),
        ("imap", "imap.example.test", None),
    ],
)
def test_a_provider_without_passwords_is_not_tried(
    block: str, host: str, since: str | None
) -> None:
    """What the presets know to fail is said at once, with the day since when."""
    probes = wanted_probes(wanted(incoming="imap", **{f"{block}__host": host}))
    [probe] = [probe for probe in probes if probe.target.protocol == block]

    if since is None:
        assert probe.known is None
    else:
        assert probe.known is not None
        assert probe.known.kind is ProbeKind.AUTH_DISABLED
        assert since in probe.known.detail


def result(*senders: SenderCheck, days: int | None = None, **named: object) -> ProbeResult:
    """Return a good result; *days* are left of its certificate."""
    certificate = None
    if days is not None:
        certificate = Certificate("a", "b", (), NOW, NOW + timedelta(days=days, hours=1))
    kind = named.pop("kind", ProbeKind.OK)
    return ProbeResult(
        kind,  # type: ignore[arg-type]
        senders=senders,
        certificate=certificate,
        tls_version="TLSv1.3" if days is not None else "",
        **named,  # type: ignore[arg-type]
    )


def test_a_refused_sender_concerns_those_who_use_it() -> None:
    """Servers may share a login and not a sender."""
    seen = result(SenderCheck("a@x.test", True, "250 ok"), SenderCheck("b@x.test", False, "553 no"))

    assert judge(seen, ["a@x.test"], NOW).kind is ProbeKind.OK
    judged = judge(seen, ["b@x.test"], NOW)
    assert (judged.kind, judged.code, judged.text) == (ProbeKind.OK_SENDER_REFUSED, "553", "no")
    assert [check.sender for check in judged.senders] == ["b@x.test"]


def test_a_sender_without_a_verdict_is_a_note() -> None:
    """What could not be asked is said, and fails nobody."""
    judged = judge(result(SenderCheck("a@x.test", None, "451 later")), ["a@x.test"], NOW)

    assert (judged.kind, judged.notes) == (ProbeKind.OK, ("sender a@x.test: 451 later",))


@pytest.mark.parametrize(("days", "noted"), [(20, True), (21, False), (None, False)])
def test_a_certificate_that_ends_soon(days: int | None, noted: bool) -> None:
    """Three weeks are a word's worth."""
    assert bool(judge(result(days=days), [], NOW).notes) is noted


def test_another_failure_stays_what_it_is() -> None:
    """A judgement about senders is for those who logged in."""
    seen = result(SenderCheck("a@x.test", False, "553 no"), kind=ProbeKind.RESET)

    assert judge(seen, ["a@x.test"], NOW).kind is ProbeKind.RESET


def report(*kinds: ProbeKind) -> ProbeReport:
    """Return a report with a row of SUPPORT for each of *kinds*, and one good row of SALES."""
    target = ProbeTarget(MailProtocol.SMTP, "h", 587, Mode.STARTTLS, "test", "u")
    rows = [ProbeRow(SUPPORT, target, ProbeResult(kind), position=position()) for kind in kinds]
    return ProbeReport((*rows, ProbeRow(SALES, target, ProbeResult(ProbeKind.OK))), NOW)


@pytest.mark.parametrize(
    ("allowed", "refused"),
    [
        ((), ["probe:59/663"]),
        (("probe:59/664",), ["probe:59/663"]),
        (("probe:59/663",), []),
        (("probe",), []),
    ],
)
def test_a_failure_is_a_refusal(allowed: tuple[str, ...], refused: list[str]) -> None:
    """One for a server, however many of its blocks fail, until it is let through."""
    failed = report(ProbeKind.AUTH_REJECTED, ProbeKind.NO_STARTTLS)

    assert [refusal.allow for refusal in probe_refusals(failed, allowed)] == refused


@pytest.mark.parametrize("kind", ProbeKind)
def test_only_a_no_is_a_refusal(kind: ProbeKind) -> None:
    """A firewall on the way, or a busy server, stops no apply."""
    assert bool(probe_refusals(report(kind), ())) is (kind.severity is ProbeSeverity.FAILED)


def test_what_only_warns() -> None:
    """The way there, and what may be over in a minute; all else is about the setting."""
    warning = {kind for kind in ProbeKind if kind.severity is ProbeSeverity.WARNING}

    assert warning == {
        ProbeKind.DNS, ProbeKind.REFUSED, ProbeKind.TIMEOUT, ProbeKind.RESET,
        ProbeKind.AUTH_TEMPORARY, ProbeKind.IN_USE, ProbeKind.AUTH_BLOCKED,
        ProbeKind.AUTH_MECHANISM, ProbeKind.OAUTH_ONLY,
    }  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        "550 5.1.8 Sender domain must exist",
        "553 5.1.8 <desk@desk.test>: Sender address rejected: Domain not found",
        "550 Sender domain does not resolve",
        "501 5.1.8 Domain of sender address desk@desk.test does not exist",
        "550 unresolvable domain: cannot be resolved",
    ],
)
def test_a_sender_whose_domain_is_not_in_dns(answer: str) -> None:
    """A refusal that is about DNS is not called a missing permission."""
    check = SenderCheck("desk@desk.test", False, answer)
    judged = judge(ProbeResult(ProbeKind.OK, senders=(check,)), ("desk@desk.test",), NOW)

    assert "in DNS" in judged.detail
    assert "may not send" not in judged.detail
    assert "desk.test" in judged.hint


def test_a_relay_without_a_login_has_a_row() -> None:
    """What is not tested is said, not left out."""
    relay = server(smtp__username=None)
    [probe] = wanted_probes(replace(relay, secrets={}))

    assert probe.known is not None
    assert probe.known.kind is ProbeKind.SKIPPED
    assert "no user name and password" in probe.known.detail
