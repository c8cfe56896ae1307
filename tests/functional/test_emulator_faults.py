"""Faults over a real socket: what arrives, and what the emulator kept."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest
from background import BackgroundServer
from rig import start_process

from icesync.bootstrap import SystemClock
from icesync.emulator.faults import FaultInjector, Kind, parse_fault
from icesync.emulator.server import tls_context
from icesync.emulator.service import Service
from icesync.emulator.storage import Storage
from icesync.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from icesync.emulator.storage import Call

UPDATE: Final = "/ICEAPI/api/EmailAdmin/UpdateEmailServer"
LOGIN: Final = "/ICEAPI/api/Authenticate/Login"
SUCCESS: Final = b'{"Message":" Success"}'
TIMEOUT_S: Final = 10
RESET: Final = b"(reset)"
SILENCE: Final = b"(silence)"


def post(path: str, document: object, *headers: str) -> bytes:
    """Return one request as bytes."""
    body = json.dumps(document).encode()
    lines = (
        f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json",
        f"Content-Length: {len(body)}", *headers, "", "",
    )  # fmt: skip
    return "\r\n".join(lines).encode() + body


class Rig:
    """A served emulator with its archive, and the barest of clients."""

    def __init__(self, archive: Storage, server: BackgroundServer) -> None:
        self.archive = archive
        parts = urlsplit(server.url)
        self.place = (str(parts.hostname), int(parts.port or 0))
        self.token = ""

    def connect(self) -> socket.socket:
        """Return a new connection."""
        return socket.create_connection(self.place, timeout=TIMEOUT_S)

    def talk(self, request: bytes, *, quiet_s: float = TIMEOUT_S, last: bool = False) -> bytes:
        """
        Send *request* on a connection of its own, and return all that arrives, and the end.

        With *last* the server hears that no more will come, and need not wait for it.
        """
        arrived = b""
        with self.connect() as wire:
            wire.settimeout(quiet_s)
            wire.sendall(request)
            if last:
                wire.shutdown(socket.SHUT_WR)
            try:
                while data := wire.recv(65536):
                    arrived += data
            except ConnectionResetError:
                arrived += RESET
            except TimeoutError:
                arrived += SILENCE
        return arrived

    def login(self) -> None:
        """Ask for a token."""
        credentials = {"OrgId": 59, "UserName": "a", "Password": "b"}
        reply = self.talk(post(LOGIN, credentials, "Connection: close"))
        self.token = json.loads(reply.partition(b"\r\n\r\n")[2])["Token"]

    def update(self, *headers: str, **members: object) -> bytes:
        """Return the bytes of an update; it asks for the connection to be closed."""
        document = {"OrgId": 59, "SkillId": 663, "Token": self.token} | members
        return post(UPDATE, document, *(headers or ("Connection: close",)))

    def last(self) -> Call:
        """Return the last call of the history."""
        return self.archive.calls(1)[0]


@pytest.fixture
def serve() -> Iterator[Callable[..., Rig]]:
    """What makes a rig with these faults; all of them are stopped at the end."""
    opened: list[Any] = []

    def make(*faults: str, ssl_context: ssl.SSLContext | None = None) -> Rig:
        archive = Storage()
        injector = FaultInjector(map(parse_fault, faults))
        service = Service(SystemClock(), archive, injector=injector)
        server = BackgroundServer(service, ssl_context=ssl_context)
        server.__enter__()
        opened.extend((server.__exit__, archive.close))
        rig = Rig(archive, server)
        if ssl_context is None:
            rig.login()
        return rig

    yield make
    for close in opened:
        close()


def wait_until(ready: Callable[[], object]) -> None:
    """Wait for something that another thread brings about."""
    ends = time.monotonic() + TIMEOUT_S
    while not ready() and time.monotonic() < ends:
        time.sleep(0.005)


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize(("fault", "expected"), [("reset", RESET), ("silent", SILENCE)])
def test_nothing_is_answered(
    serve: Callable[..., Rig], fault: str, expected: bytes, applied: bool
) -> None:
    """A fault that answers nothing does as it says, with the write stored and without."""
    text = f"apply-then-{fault}" if applied else fault
    rig = serve(text)
    arrived = rig.talk(rig.update(), quiet_s=0.2 if fault == "silent" else TIMEOUT_S)
    call = rig.last()

    assert arrived == expected
    assert (call.stored, call.fault) == (applied, text)


def test_a_write_is_stored_in_silence(serve: Callable[..., Rig]) -> None:
    """The write is kept, the caller hears nothing, and the call ends when it goes."""
    rig = serve("apply-then-silent")
    with rig.connect() as wire:
        wire.sendall(rig.update())
        wait_until(lambda: rig.last().stored)
        in_flight = rig.last().ended_at is None
        wire.settimeout(0.1)
        with pytest.raises(TimeoutError):
            wire.recv(1)
    wait_until(lambda: rig.last().ended_at)

    assert in_flight
    assert rig.last().ended_at is not None
    assert (rig.last().outcome, rig.last().status) == ("applied", 0)


def test_late_stores_when_the_caller_is_gone(serve: Callable[..., Rig]) -> None:
    """The write comes after that of a second call, and wins."""
    rig = serve("late:300ms x1")
    rig.talk(rig.update(SMTPPort="1"), quiet_s=0.1)
    rig.talk(rig.update(SMTPPort="2"))
    [second, first] = rig.archive.calls(2)
    wait_until(lambda: rig.archive.calls(2)[1].stored)
    [server] = rig.archive.servers(1)

    assert (first.stored, second.revision) == (False, 1)
    assert (server.document["SMTPPort"], server.revision) == ("1", 2)
    assert rig.archive.calls(2)[1].outcome == "applied late"


@pytest.mark.parametrize(
    ("fault", "status_line", "body"),
    [
        ("status:503", b"HTTP/1.1 503 Service Unavailable", b'{"Message":"Service Unavailable"}'),
        ("status:204", b"HTTP/1.1 204 No Content", b""),
        ("status:304", b"HTTP/1.1 304 Not Modified", b""),
        ("throttle", b"HTTP/1.1 429 Too Many Requests", b'{"Message":"Too Many Requests"}'),
        ("status:413", b"HTTP/1.1 413 Request Entity Too Large", b'Too Large"}'),
    ],
)
def test_spoken_fault(
    serve: Callable[..., Rig], fault: str, status_line: bytes, body: bytes
) -> None:
    """Each spoken fault arrives as one whole reply."""
    rig = serve(fault)
    arrived = rig.talk(rig.update())

    assert arrived.startswith(status_line + b"\r\n")
    assert arrived.endswith(body or b"\r\n\r\n")


def test_latency_stores_first(serve: Callable[..., Rig]) -> None:
    """The write is kept at once; the reply leaves when its time has come."""
    rig = serve("latency:300ms")
    with rig.connect() as wire:
        begun = time.monotonic()
        wire.sendall(rig.update())
        wait_until(lambda: rig.last().stored)
        stored_s = time.monotonic() - begun
        arrived = wire.recv(65536)
        answered_s = time.monotonic() - begun

    assert arrived.startswith(b"HTTP/1.1 200 ")
    assert stored_s < 0.3 <= answered_s


def test_a_caller_that_gives_up_has_ended_its_call(serve: Callable[..., Rig]) -> None:
    """Whoever does not wait for the reply is not in flight any more."""
    rig = serve("latency:1s")
    with rig.connect() as wire:
        wire.sendall(rig.update())
        wait_until(lambda: rig.last().stored)
    begun = time.monotonic()
    wait_until(lambda: rig.last().ended_at)

    assert time.monotonic() - begun < 0.9
    assert rig.last().outcome == "applied"


def test_a_caller_that_only_stopped_talking_gets_its_reply(serve: Callable[..., Rig]) -> None:
    """Half of a closed connection is still one that can be answered."""
    rig = serve("latency:50ms")
    with rig.connect() as wire:
        wire.sendall(rig.update())
        wire.shutdown(socket.SHUT_WR)
        arrived = b"".join(iter(lambda: wire.recv(65536), b""))

    assert arrived.endswith(SUCCESS)


def test_a_slow_connection_goes_on(serve: Callable[..., Rig]) -> None:
    """Two requests that were sent at once are answered one behind the other."""
    rig = serve("latency:50ms")
    arrived = rig.talk(rig.update("X: 1") + rig.update(SkillId=1))

    assert arrived.count(SUCCESS) == 2
    assert [call.overlaps for call in rig.archive.calls(2)] == [(), ()]


def test_a_caller_may_talk_while_it_waits(serve: Callable[..., Rig]) -> None:
    """What comes before the reply has left is kept for afterwards."""
    rig = serve("latency:200ms")
    arrived = b""
    with rig.connect() as wire:
        wire.sendall(rig.update("X: 1"))
        wait_until(lambda: rig.last().stored)
        wire.sendall(rig.update())
        while data := wire.recv(65536):
            arrived += data

    assert arrived.count(SUCCESS) == 2


def test_silence_is_kept_whatever_is_said(serve: Callable[..., Rig]) -> None:
    """A second request on a silent connection is not heard."""
    rig = serve("silent x1")
    with rig.connect() as wire:
        wire.sendall(rig.update("X: 1"))
        wait_until(lambda: rig.last().fault)
        wire.settimeout(0.1)
        wire.sendall(rig.update())
        with pytest.raises(TimeoutError):
            wire.recv(1)

    assert [call.outcome for call in rig.archive.calls(9)] == ["not processed", "logged in"]


@pytest.mark.parametrize(("skill", "overlapping"), [(663, 1), (664, 0)])
def test_two_calls_for_one_address_are_seen(
    serve: Callable[..., Rig], skill: int, overlapping: int
) -> None:
    """The history shows who was in flight together."""
    rig = serve("latency:500ms x1")
    with rig.connect() as slow:
        slow.sendall(rig.update())
        wait_until(lambda: rig.last().outcome == "applied")
        rig.talk(rig.update(SkillId=skill))
        second, first = rig.archive.calls(2)
        slow.recv(65536)
    ended = rig.archive.calls(2)[1].ended_at

    assert (first.ended_at, len(second.overlaps)) == (None, overlapping)
    assert ended is not None
    assert second.at < ended


def test_calls_one_by_one_never_overlap(serve: Callable[..., Rig]) -> None:
    """A call is over before its caller can know it, so the next one is alone."""
    rig = serve("latency:3ms@every=2", "apply-then-500@every=3", "reset@every=5")

    def call_often(skill: int) -> None:
        for _ in range(25):
            rig.talk(rig.update(SkillId=skill))

    threads = [threading.Thread(target=call_often, args=(skill,)) for skill in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {call.overlaps for call in rig.archive.calls(100)} == {()}
    assert all(call.ended_at for call in rig.archive.calls(100))


def test_stopping_does_not_wait_for_the_silent() -> None:
    """A caller that hears nothing is let go, and its call has ended."""
    archive = Storage()
    service = Service(SystemClock(), archive, injector=FaultInjector([parse_fault("silent")]))
    with BackgroundServer(service) as server:
        rig = Rig(archive, server)
        wire = rig.connect()
        wire.sendall(rig.update("X: 1"))
        wait_until(lambda: archive.calls(1))
        begun = time.monotonic()
    took_s = time.monotonic() - begun
    end = wire.recv(1)
    wire.close()
    call = archive.calls(1)[0]
    archive.close()

    assert (end, took_s < 5) == (b"", True)
    assert call.ended_at is not None


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("LOCALHOST:8591", 200), ("127.0.0.1:1", 200), ("[::1]:80", 200),
        ("evil.example", 400), ("evil.example:8591", 400), ("127.0.0.1.evil.example", 400),
        ("localhost.evil.example", 400), ("10.0.0.1", 400), ("[fe80::1]", 400), ("::", 400),
    ],
)  # fmt: skip
def test_a_host_must_be_this_machine(serve: Callable[..., Rig], host: str, status: int) -> None:
    """A web page whose name was made to lead here names itself, and reads and does nothing."""
    rig = serve()
    request = f"GET /_emulator/servers HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    arrived = rig.talk(request.encode(), last=True)

    assert arrived.startswith(b"HTTP/1.1 %d " % status)
    assert (b"Invalid Hostname" in arrived) is (status == 400)


def test_a_foreign_host_cannot_log_in(serve: Callable[..., Rig]) -> None:
    """That holds for the calls of ICE, too."""
    rig = serve()
    request = post(LOGIN, {"OrgId": 59, "UserName": "a", "Password": "b"}, "Connection: close")
    arrived = rig.talk(request.replace(b"Host: localhost", b"Host: evil.example"), last=True)

    assert arrived.startswith(b"HTTP/1.1 400 ")
    assert len(rig.archive.calls(9)) == 1


@contextmanager
def program(tmp_path: Path, *flags: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run ``icesync emulator`` in a process of its own, and give its address."""
    ready = tmp_path / "ready"
    arguments = ["emulator", "--port", "0", "--ready-file", str(ready), *flags]
    process = start_process(arguments, tmp_path)
    try:
        wait_until(lambda: ready.exists() or process.poll() is not None)
        yield ready.read_text().strip() if ready.exists() else "", process
    finally:
        process.terminate()
        process.communicate(timeout=TIMEOUT_S)


def test_the_program_takes_faults_and_profiles(tmp_path: Path) -> None:
    """What the flags say is in force, and the first line of stdout is the address."""
    flags = ("--fault", "status:503@nth=2", "--latency", "1ms", "--profile", "token=unauthorized")
    with program(tmp_path, *flags) as (url, process):
        assert process.stdout is not None
        first_line = process.stdout.readline()
        rig = Rig(Storage(), BackgroundServer(Service(SystemClock(), Storage())))
        rig.place = (str(urlsplit(url).hostname), int(urlsplit(url).port or 0))
        refused = rig.talk(rig.update())
        struck = rig.talk(rig.update())
        faults = rig.talk(b"GET /_emulator/faults HTTP/1.0\r\n\r\n")
        process.terminate()
        told = process.communicate(timeout=TIMEOUT_S)[1]
    document = json.loads(faults.partition(b"\r\n\r\n")[2])

    assert first_line == f"listening on {url}\n"
    assert f"page: {url.removesuffix('/ICEAPI')}/_emulator/" in told
    assert f"base_url: {url}" in told
    assert refused.startswith(b"HTTP/1.1 401 ")
    assert struck.startswith(b"HTTP/1.1 503 ")
    assert [(f["fault"], f["fired"]) for f in document["faults"]] == [("status:503@nth=2", 1)]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--fault", "rest"), "unknown fault `rest`"),
        (("--profile", "tokn=x"), "did you mean `token`?"),
        (("--latency", "40"), "use latency:40ms"),
        (("--tls-key", "key.pem"), "--tls-key needs --tls-cert"),
        (("--tls-cert", "missing.pem"), "missing.pem cannot be served"),
        (("--user", "nobody"), "--user takes NAME:PASSWORD"),
    ],
)
def test_the_program_names_mistakes(
    capfd: pytest.CaptureFixture[str], flags: Sequence[str], message: str
) -> None:
    """A wrong flag is a usage error, told before anything listens."""
    from icesync.cli.main import run

    code = run(["emulator", "--port", "0", *flags])

    assert code == 64
    assert message in capfd.readouterr().err


def test_the_help_names_every_fault(capfd: pytest.CaptureFixture[str]) -> None:
    """The command line tells all kinds, selectors and switches without loading the emulator."""
    from icesync.cli.main import run
    from icesync.emulator.profile import Profile

    run(["emulator", "--help"])
    told = capfd.readouterr().out

    assert [kind for kind in Kind if f" {kind}" not in told] == []
    assert [key for key in Profile().settings() if f" {key} " not in told] == []


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for loopback, with its key beside it."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    folder = tmp_path_factory.mktemp("tls")
    path = folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", folder / "key.pem", "-out", path, "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    return path


@pytest.mark.parametrize("fault", ["reset", "status:503"])
def test_faults_play_over_tls(serve: Callable[..., Rig], certificate: Path, fault: str) -> None:
    """The wire breaks below TLS as it does without; a reset shows as an end without goodbye."""
    context = tls_context(certificate, certificate.with_name("key.pem"))
    rig = serve(fault, ssl_context=context)
    trust = ssl.create_default_context(cafile=str(certificate))
    arrived = b""
    with trust.wrap_socket(
        rig.connect(), server_hostname="127.0.0.1", suppress_ragged_eofs=False
    ) as wire:
        wire.sendall(rig.update())
        try:
            arrived = b"".join(iter(lambda: wire.recv(65536), b""))
        except (ConnectionResetError, ssl.SSLEOFError):
            arrived = RESET

    assert arrived.partition(b" 503")[0] == {"r": RESET, "s": b"HTTP/1.1"}[fault[0]]


def test_one_file_may_hold_both(certificate: Path, tmp_path: Path) -> None:
    """A key in the file of its certificate needs no second flag."""
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.read_bytes() + certificate.with_name("key.pem").read_bytes())

    assert tls_context(both)


@pytest.mark.parametrize(
    ("content", "message"), [("", "no certificate with its key"), (None, "No such file")]
)
def test_a_useless_certificate_is_named(tmp_path: Path, content: str | None, message: str) -> None:
    """What cannot be served is told with the way out."""
    path = tmp_path / "certificate.pem"
    if content is not None:
        path.write_text(content)

    with pytest.raises(UsageError, match=message) as refusal:
        tls_context(path)
    assert "PEM" in refusal.value.hints[0]


def test_the_program_speaks_tls(certificate: Path, tmp_path: Path) -> None:
    """With a certificate the address is https, and it answers."""
    key = certificate.with_name("key.pem")
    flags = ("--tls-cert", str(certificate), "--tls-key", str(key))
    with program(tmp_path, *flags) as (url, _):
        parts = urlsplit(url)
        trust = ssl.create_default_context(cafile=str(certificate))
        with (
            socket.create_connection((str(parts.hostname), int(parts.port or 0)), 10) as bare,
            trust.wrap_socket(bare, server_hostname="127.0.0.1") as wire,
        ):
            wire.sendall(b"GET /_emulator/stats HTTP/1.0\r\n\r\n")
            arrived = b"".join(iter(lambda: wire.recv(65536), b""))

    assert parts.scheme == "https"
    assert arrived.startswith(b"HTTP/1.1 200 OK")
