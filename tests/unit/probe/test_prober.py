"""What all three protocols share: the way there, encryption, certificates, timeouts, leaks."""

from __future__ import annotations

import base64
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mailscript import CUT, HANG, IMAP, IMPATIENT, POP3, SMTP, Certificates, ScriptedServer

from icesync.model.probe import MailProtocol, Mode, ProbeKind, ProbeResult, ProbeTarget, StepName
from icesync.model.secret import SecretValue
from icesync.probe.connection import Timeouts
from icesync.probe.prober import MailProber

if TYPE_CHECKING:
    from collections.abc import Callable

    Probe = Callable[..., ProbeResult]

TABLES = {"smtp": SMTP, "pop3": POP3, "imap": IMAP}
PASSWORD = "open sesame 8261"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("good", ProbeKind.OK),
        ("soon", ProbeKind.OK),
        ("expired", ProbeKind.TLS_CERT_EXPIRED),
        ("early", ProbeKind.TLS_CERT_NOT_YET_VALID),
        ("wrong name", ProbeKind.TLS_CERT_NAME_MISMATCH),
        ("stranger", ProbeKind.TLS_CERT_UNTRUSTED),
        ("self-signed", ProbeKind.TLS_CERT_SELF_SIGNED),
    ],
)
@pytest.mark.parametrize("mode", [Mode.IMPLICIT, Mode.STARTTLS])
def test_certificates(
    probe: Probe, certificates: Certificates, name: str, kind: ProbeKind, mode: Mode
) -> None:
    """A certificate that is not in order is named and dated, and no password is spoken to it."""
    context = certificates.contexts[name]
    table = {**SMTP, "STARTTLS": "220 go on"}
    if mode is Mode.STARTTLS:
        table["EHLO"] = "250-x\r\n250-STARTTLS\r\n250 AUTH PLAIN"
    encryption = {"implicit" if mode is Mode.IMPLICIT else "upgrade": context}
    with ScriptedServer(table, **encryption) as server:
        result = probe(server, "smtp", mode)

    assert result.kind is kind
    assert result.certificate is not None
    assert result.certificate.not_before < result.certificate.not_after
    assert len(server.commands("AUTH")) == (kind is ProbeKind.OK)


@pytest.mark.parametrize("protocol", TABLES)
def test_clear_text_where_tls_is_expected(probe: Probe, protocol: str) -> None:
    """One more connection, without credentials, says what the server speaks."""
    with ScriptedServer(TABLES[protocol]) as server:
        result = probe(server, protocol, Mode.IMPLICIT)

    assert result.kind is ProbeKind.TLS_WRONG_MODE
    assert "starttls expected" in result.detail
    assert f"`probe: {{{protocol}: starttls}}`" in result.hint
    assert server.commands("AUTH", "USER", "LOGIN") == []


@pytest.mark.parametrize("protocol", TABLES)
def test_tls_where_clear_text_is_expected(
    probe: Probe, certificates: Certificates, protocol: str
) -> None:
    """A server that waits for TLS says nothing; silence alone would not tell why."""
    with ScriptedServer(TABLES[protocol], implicit=certificates.good) as server:
        result = probe(server, protocol, Mode.STARTTLS, timeouts=IMPATIENT)

    assert result.kind is ProbeKind.TLS_WRONG_MODE
    assert "TLS: implicit expected" in result.detail


def test_something_else_listens(probe: Probe) -> None:
    """A server that speaks neither way is not called a matter of the mode."""
    with ScriptedServer({"greeting": "SSH-2.0-OpenSSH_9.2"}) as server:
        assert probe(server, "smtp", Mode.NONE).kind is ProbeKind.PROTOCOL
        assert probe(server, "smtp", Mode.IMPLICIT).kind is ProbeKind.TLS_WRONG_MODE


@pytest.mark.parametrize("mode", [Mode.STARTTLS, Mode.IMPLICIT])
def test_a_server_that_says_nothing(probe: Probe, mode: Mode) -> None:
    """Who hangs is left after a moment."""
    timeouts = Timeouts(connect_s=0.2, look_s=0.1, retry_s=0, total_s=1)
    with ScriptedServer({"greeting": HANG}) as server:
        result = probe(server, "imap", mode, timeouts=timeouts)

    assert result.kind is ProbeKind.TIMEOUT


@pytest.mark.parametrize("mode", [Mode.STARTTLS, Mode.IMPLICIT])
def test_a_server_that_hangs_up(probe: Probe, mode: Mode) -> None:
    """A connection that breaks before the password is tried once more."""
    with ScriptedServer({"greeting": CUT}) as server:
        result = probe(server, "imap", mode)

    assert (result.kind, result.attempts) == (ProbeKind.RESET, 2)


def test_a_server_that_drips(probe: Probe) -> None:
    """A byte now and then keeps no probe alive beyond its deadline."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def drip() -> None:
        wire, _ = listener.accept()
        with wire:
            while not stop.wait(0.01):
                try:
                    wire.sendall(b"2")
                except OSError:
                    return

    thread = threading.Thread(target=drip)
    thread.start()
    timeouts = Timeouts(connect_s=0.1, total_s=0.3)
    began = time.monotonic()
    try:
        result = probe(
            None, "smtp", Mode.STARTTLS, port=listener.getsockname()[1], timeouts=timeouts
        )
    finally:
        stop.set()
        thread.join(20)
        listener.close()

    assert result.kind is ProbeKind.TIMEOUT
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "table",
    [
        {"greeting": "220 " + "x" * 1_000_000},
        {"EHLO": "250-" + "x" * 4_000 + ("\r\n250-" + "x" * 4_000) * 90},
    ],
    ids=["a greeting of a megabyte", "many long lines"],
)
def test_a_server_that_says_too_much(probe: Probe, table: dict[str, str]) -> None:
    """What is read has a bound."""
    with ScriptedServer({**SMTP, **table}) as server:
        result = probe(server, "smtp")

    assert result.kind is ProbeKind.PROTOCOL
    assert len(result.text) <= 200


def failing(error: Exception) -> Callable[[str, int], list[Any]]:
    """Return a resolver that fails with *error*."""

    def resolve(*_: object) -> list[Any]:
        raise error

    return resolve


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "does not exist"),
        (
            socket.gaierror(socket.EAI_AGAIN, "Temporary failure"),
            "cannot be looked up in DNS: Temporary",
        ),
        (UnicodeError("label too long"), "is not a host name"),
        (OSError("no network"), "does not exist"),
    ],
)
def test_a_name_that_leads_nowhere(probe: Probe, error: Exception, told: str) -> None:
    """The look-up is a step of its own, and its failure says so."""
    result = probe(None, "smtp", resolve=failing(error))

    assert result.kind is ProbeKind.DNS
    assert told in result.detail
    assert [step.name for step in result.steps] == [StepName.DNS]


def test_a_resolver_that_hangs(probe: Probe) -> None:
    """A resolver cannot be interrupted, so it is left behind."""
    release = threading.Event()
    timeouts = Timeouts(connect_s=0.05)
    result = probe(
        None, "smtp", timeouts=timeouts, resolve=lambda *_: (release.wait(20) and []) or []
    )
    release.set()

    assert result.kind is ProbeKind.DNS
    assert "did not answer in time" in result.detail


def test_a_name_without_an_address(probe: Probe) -> None:
    """An empty answer is an answer."""
    assert "no address" in probe(None, "smtp", resolve=lambda *_: []).detail


def test_nobody_listens(probe: Probe) -> None:
    """A refused connection hints at firewalls, of which the runner may have one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    result = probe(None, "smtp", port=port, host="127.0.0.1")

    assert result.kind is ProbeKind.REFUSED
    assert f"port {port}" in result.hint


def test_the_next_address_is_tried(probe: Probe) -> None:
    """A host with a dead address and a living one is reached."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dead = listener.getsockname()[1]
    with ScriptedServer(SMTP) as server:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        endpoints = [(*kind, ("127.0.0.1", dead)), (*kind, ("127.0.0.1", server.port))]
        result = probe(server, "smtp", resolve=lambda *_: endpoints)

    assert (result.kind, result.ip) == (ProbeKind.OK, "127.0.0.1")


def test_the_source_address(probe: Probe) -> None:
    """A probe comes from where it is told to come from, or says that it cannot."""
    with ScriptedServer(SMTP) as server:
        assert probe(server, "smtp", source_address="127.0.0.9").kind is ProbeKind.OK
        result = probe(server, "smtp", source_address="192.0.2.1")

    assert server.heard[0] == "EHLO [127.0.0.9]"
    assert (result.kind, result.ip) == (ProbeKind.REFUSED, "")


def test_a_nul_is_never_spoken(probe: Probe) -> None:
    """No login can carry a NUL, so none is begun."""
    with ScriptedServer(SMTP) as server:
        result = probe(server, "smtp", password="a\0b")

    assert (result.kind, server.connections) == (ProbeKind.AUTH_UNAVAILABLE, 0)


@pytest.mark.parametrize(
    "spelling",
    [
        PASSWORD,
        PASSWORD.upper(),
        base64.b64encode(PASSWORD.encode()).decode(),
        base64.b64encode(b"\0desk\0" + PASSWORD.encode()).decode(),
        base64.b64encode(b"12" + PASSWORD.encode() + b"and more").decode(),
        base64.urlsafe_b64encode(b"1" + PASSWORD.encode() + b"!").decode(),
        PASSWORD.encode().hex(),
        PASSWORD.replace(" ", "%20"),
        "x" * 190 + PASSWORD,
        "o p e n s e s a m e 8 2 6 1",
    ],
)
@pytest.mark.parametrize("where", ["AUTH", "MAIL", "greeting", "EHLO"])
def test_a_server_that_repeats_the_password(probe: Probe, where: str, spelling: str) -> None:
    """What a server says is shown only if the password is not in it."""
    table = {
        "AUTH": {"AUTH": f"535 5.7.8 no: {spelling}"},
        "MAIL": {"MAIL": f"553 5.7.1 no: {spelling}"},
        "greeting": {"greeting": f"554 {spelling}"},
        "EHLO": {"EHLO": f"250-x\r\n250 AUTH X-{spelling.replace(' ', '_')} {spelling}"},
    }[where]
    with ScriptedServer({**SMTP, **table}) as server:
        result = probe(server, "smtp", senders=("a@x.test",), password=PASSWORD)

    told = repr(result).casefold()
    assert spelling[-16:].casefold() not in told
    assert "sesame" not in told


def test_words_are_cut(probe: Probe) -> None:
    """A report quotes a server, it does not reprint it."""
    with ScriptedServer({**SMTP, "AUTH": "535 " + "no " * 200}) as server:
        text = probe(server, "smtp").text

    assert len(text) == 200
    assert text.endswith("…")


def test_steps_are_timed(probe: Probe, certificates: Certificates) -> None:
    """Each step says how long it took, in its order."""
    with ScriptedServer(IMAP, implicit=certificates.good) as server:
        result = probe(server, "imap", Mode.IMPLICIT)

    assert [step.name for step in result.steps] == [
        StepName.DNS, StepName.TCP, StepName.TLS, StepName.BANNER,
        StepName.CAPABILITIES, StepName.AUTH, StepName.INBOX, StepName.BYE,
    ]  # fmt: skip
    assert all(step.elapsed_s >= 0 for step in result.steps)


def test_closing_ends_probes_in_flight(certificates: Certificates) -> None:
    """Whoever is interrupted does not wait for servers."""
    prober = MailProber(certificates.ca_file, timeouts=Timeouts(look_s=20, retry_s=0))
    results: list[ProbeResult] = []
    with ScriptedServer({"greeting": HANG}) as server:
        target = ProbeTarget(MailProtocol.IMAP, "localhost", server.port, Mode.NONE, "", "desk")
        thread = threading.Thread(
            target=lambda: results.append(prober.probe(target, SecretValue("x")))
        )
        thread.start()
        while not server.connections:
            time.sleep(0.005)
        prober.close()
        thread.join(20)

    assert [result.kind for result in results] == [ProbeKind.RESET]


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_ca_file_that_cannot_be_used(tmp_path: Any, content: str | None) -> None:
    """Trust that cannot be had is an error at once, not a surprise at each server."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)

    with pytest.raises(OSError):  # noqa: PT011 - whatever says why
        MailProber(str(path))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    protocol=st.sampled_from(sorted(TABLES)),
    answers=st.lists(st.binary(max_size=40) | st.sampled_from(
        [b"+", b"+OK", b"-ERR [", b"* OK", b"* BYE", b"a OK", b"a NO [", b"220 x", b"250-AUTH=",
         b"250 AUTH PLAIN", b"334 ", b"235", b"* 1 {3}", b"* CAPABILITY AUTH=PLAIN", b"."]
    ), max_size=12),
)  # fmt: skip
def test_no_answer_is_a_bug(probe: Probe, protocol: str, answers: list[bytes]) -> None:
    """Whatever bytes come, a probe ends in a result, and logs in at most once."""
    words = "\r\n".join(answer.decode("utf-8", "surrogateescape") for answer in answers)
    timeouts = Timeouts(look_s=0.02, last_word_s=0.02, goodbye_s=0.01, retry_s=0, total_s=0.2)
    with ScriptedServer({"greeting": words, "*": CUT}) as server:
        result = probe(server, protocol, timeouts=timeouts)

    assert isinstance(result.kind, ProbeKind)
    assert len(server.commands("AUTH", "PASS", "LOGIN")) <= 1


def test_the_password_goes_to_the_name_that_validate_shows(probe: Probe) -> None:
    """An international name is looked up by IDNA 2008: `straße` is not `strasse`."""
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[Any]:
        asked.append(host)
        return []

    probe(None, "smtp", host="straße.desk.test", resolve=resolve)
    result = probe(None, "smtp", host="a..b", resolve=resolve)

    assert asked == ["xn--strae-oqa.desk.test"]
    assert (result.kind, result.detail) == (ProbeKind.DNS, "a..b is not a host name")


def test_an_address_that_this_machine_has_no_stack_for(probe: Probe) -> None:
    """Without IPv6 the socket itself is refused; the next address is tried."""
    odd = (9999, socket.SOCK_STREAM, 6, "", ("::1", 25, 0, 0))
    with ScriptedServer(SMTP) as server:
        good = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))
        assert probe(server, "smtp", resolve=lambda *_: [odd, good]).kind is ProbeKind.OK
        result = probe(server, "smtp", resolve=lambda *_: [odd])

    assert result.kind is ProbeKind.REFUSED
    assert "Address family not supported" in result.detail


AFTER_THE_PASSWORD = {
    "an untagged no, then silence": (
        "imap", {"AUTHENTICATE": "* NO [AUTHENTICATIONFAILED] Authentication failed" + HANG},
        ProbeKind.AUTH_REJECTED, "Authentication failed",
    ),
    "an untagged no and nothing else": (
        "imap", {"AUTHENTICATE": "* NO [ALERT] IMAP access is disabled for your domain."},
        ProbeKind.AUTH_DISABLED, "IMAP access is disabled",
    ),
    "goodbye, then a no": (
        "imap", {"AUTHENTICATE": "* BYE Too many failures\r\na NO [AUTHENTICATIONFAILED] x"},
        ProbeKind.AUTH_REJECTED, "x",
    ),
    "goodbye and nothing else": (
        "imap", {"AUTHENTICATE": "* BYE Too many authentication failures"},
        ProbeKind.AUTH_UNANSWERED, "Too many authentication failures",
    ),
    "a web login": (
        "imap", {"AUTHENTICATE": "* NO [WEBALERT http://x.test] Web login required\r\na NO no"},
        ProbeKind.AUTH_DISABLED, "Web login required",
    ),
    "the end, IMAP": ("imap", {"AUTHENTICATE": CUT}, ProbeKind.AUTH_UNANSWERED, ""),
    "the end, POP3": ("pop3", {"PASS": CUT}, ProbeKind.AUTH_UNANSWERED, ""),
    "the end, SMTP": ("smtp", {"AUTH": CUT}, ProbeKind.AUTH_UNANSWERED, ""),
    "silence, IMAP": ("imap", {"AUTHENTICATE": HANG}, ProbeKind.AUTH_UNANSWERED, ""),
    "silence, POP3": ("pop3", {"PASS": HANG}, ProbeKind.AUTH_UNANSWERED, ""),
    "silence, SMTP": ("smtp", {"AUTH": HANG}, ProbeKind.AUTH_UNANSWERED, ""),
    "a server that is busy": (
        "imap", {"AUTHENTICATE": "* BYE Too many connections"}, ProbeKind.AUTH_TEMPORARY,
        "Too many connections",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", AFTER_THE_PASSWORD)
def test_no_answer_to_a_password_is_a_no(probe: Probe, name: str) -> None:
    """Once the password was sent, nothing is the network; the server's words are shown."""
    protocol, answer, kind, words = AFTER_THE_PASSWORD[name]
    table: dict[str, Any] = {**TABLES[protocol], **answer}
    with ScriptedServer(table) as server:
        result = probe(server, protocol, timeouts=IMPATIENT)

    assert (result.kind, result.attempts) == (kind, 1), result
    assert words in result.text
    assert len(server.commands("AUTHENTICATE", "PASS", "AUTH")) == 1


@pytest.mark.parametrize("protocol", TABLES)
def test_silence_before_the_password_is_the_way_there(probe: Probe, protocol: str) -> None:
    """A server that says nothing before anybody logged in only warns."""
    silent = {"smtp": "EHLO", "pop3": "CAPA", "imap": "CAPABILITY"}[protocol]
    with ScriptedServer({**TABLES[protocol], silent: HANG}) as server:
        result = probe(server, protocol, timeouts=IMPATIENT)

    assert result.kind is ProbeKind.TIMEOUT


@pytest.mark.parametrize("protocol", TABLES)
def test_a_slow_greeting(probe: Probe, protocol: str) -> None:
    """A greeting may take as long as the whole probe: postscreen, greet_pause, a missing PTR."""
    with ScriptedServer(TABLES[protocol], pause_s=0.6) as server:
        timeouts = Timeouts(connect_s=20, look_s=0.1, retry_s=0, total_s=60)
        result = probe(server, protocol, timeouts=timeouts)

    assert result.kind is ProbeKind.OK


def test_another_address_of_the_host_is_tried(probe: Probe) -> None:
    """A first backend that accepts and hangs up does not hide a second that is well."""
    kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    with (
        ScriptedServer({"greeting": CUT}) as bad,
        ScriptedServer(SMTP, address="127.0.0.2") as good,
    ):
        endpoints = [(*kind, ("127.0.0.1", bad.port)), (*kind, ("127.0.0.2", good.port))]
        result = probe(bad, "smtp", resolve=lambda *_: endpoints)

    assert (result.kind, result.attempts, result.ip) == (ProbeKind.OK, 2, "127.0.0.2")
    assert bad.connections == 1


def test_no_other_mode_where_nobody_was_reached(probe: Probe) -> None:
    """Without a connection there is nothing to say about the mode, and no second one is tried."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    result = probe(None, "imap", Mode.IMPLICIT, port=port, host="127.0.0.1")

    assert (result.kind, result.attempts, result.ip) == (ProbeKind.REFUSED, 1, "")
    assert [step.name for step in result.steps] == [StepName.DNS, StepName.TCP]


ODD_ENDS = {
    "a refusal that breaks off": (
        "smtp", {"AUTH": "535-5.7.8 wrong password" + HANG}, ProbeKind.AUTH_REJECTED,
    ),
    "accepted unheard, CRAM-MD5": (
        "smtp", {"EHLO": "250-x\r\n250 AUTH CRAM-MD5", "AUTH": "235 in"}, ProbeKind.PROTOCOL,
    ),
    "accepted unheard, SCRAM": (
        "smtp", {"EHLO": "250-x\r\n250 AUTH SCRAM-SHA-256", "AUTH": "235 in"}, ProbeKind.PROTOCOL,
    ),
    "challenges for ever": ("imap", {"AUTHENTICATE": "+ ", "*": "+ "}, ProbeKind.PROTOCOL),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD_ENDS)
def test_odd_ends_of_a_login(probe: Probe, name: str) -> None:
    """Only a server that heard the password can say anything about it, and it says it once."""
    protocol, table, kind = ODD_ENDS[name]
    with ScriptedServer({**TABLES[protocol], **table}) as server:
        result = probe(server, protocol, timeouts=IMPATIENT)

    assert result.kind is kind, result
    assert result.kind.severity.value == "failed"
