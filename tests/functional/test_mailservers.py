"""Against Dovecot and Postfix as Debian ships them; their logs are the witnesses."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mailservers import PASSWORD, ROUND_PASSWORD, ROUND_USER, USER, MailServers, missing
from rig import Repository, run_program, wait_until

from icesync.model.probe import MailProtocol, Mode, ProbeKind, ProbeResult, ProbeTarget
from icesync.model.secret import SecretValue
from icesync.probe.connect import connect
from icesync.probe.connection import Timeouts
from icesync.probe.prober import MailProber

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mailscript import Certificates

    Ask = Callable[..., tuple[ProbeResult, str]]

pytestmark = [pytest.mark.mailservers, pytest.mark.skipif(bool(missing()), reason=missing())]

ENDPOINTS = [
    ("smtp", "submission", Mode.STARTTLS),
    ("smtp", "smtps", Mode.IMPLICIT),
    ("pop3", "pop3", Mode.STARTTLS),
    ("pop3", "pop3s", Mode.IMPLICIT),
    ("imap", "imap", Mode.STARTTLS),
    ("imap", "imaps", Mode.IMPLICIT),
]
BY_NAME = [f"{protocol}-{mode}" for protocol, _, mode in ENDPOINTS]


@pytest.fixture(scope="module")
def servers(certificates: Certificates) -> Iterator[MailServers]:
    """Both servers, with three unread messages for the user."""
    with MailServers(certificates.leaf) as servers:
        servers.deliver(USER, 3)
        yield servers


@pytest.fixture
def ask(servers: MailServers, certificates: Certificates) -> Ask:
    """Probe an endpoint from an address of its own; returns the result and that address."""

    def run(
        protocol: str,
        port: str,
        mode: Mode,
        user: str = USER,
        password: str = PASSWORD,
        senders: tuple[str, ...] = (),
        look_s: float = 20,
    ) -> tuple[ProbeResult, str]:
        source = servers.source()
        timeouts = Timeouts(look_s=look_s, retry_s=0, total_s=60)
        prober = MailProber(certificates.ca_file, source_address=source, timeouts=timeouts)
        target = ProbeTarget(
            MailProtocol(protocol), "localhost", servers.ports[port], mode, "test", user, senders
        )
        return prober.probe(target, SecretValue(password)), source

    return run


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=BY_NAME)
@pytest.mark.parametrize(
    ("user", "password", "messages"),
    [(USER, PASSWORD, 3), (ROUND_USER, ROUND_PASSWORD, 0)],
    ids=["plain", "beyond ascii"],
)
def test_a_login(
    servers: MailServers,
    ask: Ask,
    endpoint: tuple[str, str, Mode],
    user: str,
    password: str,
    messages: int,
) -> None:
    """Every protocol and mode, also for names and passwords beyond ASCII; mail stays unread."""
    result, _ = ask(*endpoint, user, password)

    assert result.kind is ProbeKind.OK, result
    assert result.tls_version >= "TLSv1.2"
    assert result.certificate is not None
    assert result.certificate.names == ("localhost", "127.0.0.1", "mail.example.org")
    assert result.inbox_messages == (None if endpoint[0] == "smtp" else messages)
    assert servers.unseen(USER) == 3


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=BY_NAME)
def test_a_wrong_password_is_tried_once(
    servers: MailServers, ask: Ask, endpoint: tuple[str, str, Mode]
) -> None:
    """One refused login in the server's own log, for one wrong password."""
    result, source = ask(*endpoint, password="wrong")

    def tried() -> int:
        return servers.refused_by_postfix(source) + servers.logins(source)[1]

    # Dovecot counts when the client has gone.
    wait_until(lambda: tried() > 0, "a refused login in the log")
    assert result.kind is ProbeKind.AUTH_REJECTED
    assert tried() == 1


def test_a_foreign_sender_is_refused(ask: Ask) -> None:
    """Postfix knows who owns an address; the refusal is told with its code."""
    result, _ = ask(*ENDPOINTS[0], senders=(USER, "spoof@example.test"))

    assert [check.accepted for check in result.senders] == [True, False]
    assert result.senders[1].answer.startswith("553 5.7.1 ")


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=BY_NAME)
def test_the_other_mode(servers: MailServers, ask: Ask, endpoint: tuple[str, str, Mode]) -> None:
    """The wrong mode is recognised without a login."""
    protocol, port, mode = endpoint
    other = Mode.STARTTLS if mode is Mode.IMPLICIT else Mode.IMPLICIT
    # A server that waits for TLS is silent; one that is to greet does so at once.
    result, source = ask(protocol, port, other, look_s=0.3 if other is Mode.STARTTLS else 20)

    assert result.kind is ProbeKind.TLS_WRONG_MODE, result
    assert f"{mode} expected" in result.detail
    assert (servers.logins(source), servers.refused_by_postfix(source)) == ((0, 0), 0)


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_without_encryption_nothing_is_spoken(
    servers: MailServers, ask: Ask, protocol: str
) -> None:
    """Dovecot takes no password in clear text, and gets none."""
    result, source = ask(protocol, protocol, Mode.NONE)

    assert result.kind is ProbeKind.AUTH_UNAVAILABLE
    assert servers.logins(source) == (0, 0)


MECHANISMS = {
    "scram-sha-256": "SCRAM-SHA-256",
    "scram-sha-1": "SCRAM-SHA-1",
    "cram-md5": "CRAM-MD5",
    "login": "LOGIN",
    "plain scram-sha-256": "PLAIN",
}


@pytest.mark.parametrize("offered", MECHANISMS)
def test_every_mechanism(certificates: Certificates, offered: str) -> None:
    """Whatever the servers take, each protocol logs in by it, and a wrong password is one no."""
    with MailServers(certificates.leaf, mechanisms=offered) as servers:
        servers.deliver(USER, 1)
        for user, password, kind in (
            (USER, PASSWORD, ProbeKind.OK),
            (ROUND_USER, ROUND_PASSWORD, ProbeKind.OK),
            (USER, "wrong", ProbeKind.AUTH_REJECTED),
        ):
            for protocol, port, mode in ENDPOINTS[1::2]:
                source = servers.source()
                timeouts = Timeouts(retry_s=0, total_s=60)
                prober = MailProber(certificates.ca_file, source_address=source, timeouts=timeouts)
                target = ProbeTarget(
                    MailProtocol(protocol), "localhost", servers.ports[port], mode, "test", user
                )
                result = prober.probe(target, SecretValue(password))
                used = "USER" if (protocol, offered) == ("pop3", "plain scram-sha-256") else ""

                assert (result.kind, result.mechanism) == (kind, used or MECHANISMS[offered]), (
                    result
                )
                assert servers.logins(source)[1] + servers.refused_by_postfix(source) <= 1


README = Path(__file__).parents[2] / "README.md"
SHOWN = re.compile(r"(<!-- probe -->\n```text\n)(.*?)(```)", re.DOTALL)
TIMES = re.compile(r"\d\.\d\d s")
FLEET = """\
version: 1
organization: 59
defaults:
  status: Enabled
  active: true
  incoming: imap
  ssl: false
  tls: true
  smtp: {host: mail.example.org, port: 587, username: alex@example.test, password: ref+env://ICE_SMTP, mailbox: alex@example.test, poll_rate: 10}
  imap: {host: mail.example.org, port: 993, username: alex@example.test, password: ref+env://ICE_IMAP, mailbox: alex@example.test, poll_rate: 10}
servers:
  - {skill: 663, name: Support EU}
  - {skill: 664, name: Sales, spoofing: {enabled: true, address: sales@example.test}}
  - {skill: 665, name: Billing, smtp: {port: 465, password: ref+env://ICE_OLD}, imap: {port: 143}}
"""  # noqa: E501 - as a user would write it


def test_the_probe_of_the_readme_is_what_icesync_prints(
    servers: MailServers,
    certificates: Certificates,
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """The table that a reader sees is that of a real run; only the times differ."""
    usual = {587: "submission", 465: "smtps", 993: "imaps", 143: "imap"}

    def resolve(_host: str, port: int, **_: object) -> list[object]:
        place = ("127.0.0.1", servers.ports[usual[port]])
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place)]

    def come_from_elsewhere(*given: Any) -> Any:
        return connect(*given[:3], servers.source())

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    monkeypatch.setattr("icesync.probe.prober.connect", come_from_elsewhere)
    repository.write("servers/59.yaml", FLEET)
    environ = {"ICE_SMTP": PASSWORD, "ICE_IMAP": PASSWORD, "ICE_OLD": "last year's"}
    result = run_program(["probe", "--ca-file", certificates.ca_file], repository.root, environ)
    page = README.read_text()
    if request.config.getoption("--update-golden"):
        page = SHOWN.sub(lambda match: match[1] + result.stdout + match[3], page)
        README.write_text(page)
    shown = SHOWN.search(page)

    assert result.code == 11
    assert shown is not None
    assert TIMES.sub("TIME", result.stdout) == TIMES.sub("TIME", shown[2])


def test_no_mail_was_ever_sent(servers: MailServers, ask: Ask) -> None:
    """Postfix's log knows every command: logins and senders, no recipient and no message."""
    ask(*ENDPOINTS[1], senders=(USER,))
    wait_until(lambda: " mail=1" in servers.postfix_log, "a sender in the log")
    commands = re.findall(r"disconnect from \S+ (.*) commands=", servers.postfix_log)
    spoken = {part.partition("=")[0] for line in commands for part in line.split()}

    assert {"auth", "mail"} <= spoken
    assert spoken <= {"ehlo", "starttls", "auth", "mail", "rset", "quit", "unknown"}
    assert servers.queued == []
