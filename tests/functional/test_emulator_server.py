"""The emulator on a real loopback socket: what HTTP itself asks of it."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from background import BackgroundServer
from fakes import FakeClock

from icesync.emulator.server import BODY_LIMIT_BYTES, serve
from icesync.emulator.service import Service
from icesync.emulator.storage import Storage
from icesync.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UPDATE = "/ICEAPI/api/EmailAdmin/UpdateEmailServer"
LOGIN = "/ICEAPI/api/Authenticate/Login"
JSON = {"Content-Type": "application/json"}
SUCCESS = b'{"Message":" Success"}'
TIMEOUT_S = 10


@pytest.fixture
def service() -> Iterator[Service]:
    """A service that remembers in memory."""
    archive = Storage()
    yield Service(FakeClock(), archive)
    archive.close()


@pytest.fixture
def server(service: Service) -> Iterator[BackgroundServer]:
    """The service on a free port."""
    with BackgroundServer(service) as server:
        yield server


@pytest.fixture
def http(server: BackgroundServer) -> Iterator[HTTPConnection]:
    """A client that keeps its connection."""
    connection = HTTPConnection(place(server)[0], place(server)[1], timeout=TIMEOUT_S)
    yield connection
    connection.close()


@pytest.fixture
def wire(server: BackgroundServer) -> Iterator[socket.socket]:
    """A bare socket."""
    with socket.create_connection(place(server), timeout=TIMEOUT_S) as wire:
        yield wire


def place(server: BackgroundServer) -> tuple[str, int]:
    """Return host and port of *server*."""
    parts = urlsplit(server.url)
    return str(parts.hostname), int(parts.port or 0)


def can_bind(host: str) -> bool:
    """Return whether this machine has the address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True


def update(http: HTTPConnection) -> bytes:
    """Log in over *http*, and return the body of an update."""
    credentials = {"OrgId": 59, "UserName": "a", "Password": "b"}
    http.request("POST", LOGIN, json.dumps(credentials), JSON)
    token = json.loads(http.getresponse().read())["Token"]
    return json.dumps({"OrgId": 59, "SkillId": 663, "Token": token}).encode()


def request(method: str, path: str, body: bytes = b"", *headers: str) -> bytes:
    """Return one request as bytes."""
    length = f"Content-Length: {len(body)}"
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", length, *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def read_all(wire: socket.socket) -> bytes:
    """Return what the server sends until it closes."""
    return b"".join(iter(lambda: wire.recv(65536), b""))


def test_url_is_a_base_url(server: BackgroundServer) -> None:
    """What the server says of itself belongs into ``api.base_url``."""
    assert urlsplit(server.url).path == "/ICEAPI"


def test_keeps_the_connection(http: HTTPConnection) -> None:
    """One connection carries call after call."""
    body = update(http)
    first_socket = http.sock
    for _ in range(3):
        http.request("POST", UPDATE, body, JSON)
        reply = http.getresponse()

        assert (reply.status, reply.read()) == (200, SUCCESS)
    assert http.sock is first_socket


def test_answers_a_pipeline_in_order(wire: socket.socket) -> None:
    """Requests sent at once are answered one by one."""
    names = ("stats", "servers", "calls")
    pipeline = [request("GET", f"/_emulator/{name}") for name in names[:-1]]
    pipeline.append(request("GET", "/_emulator/calls", b"", "Connection: close"))
    wire.sendall(b"".join(pipeline))
    answered = read_all(wire)

    assert answered.count(b"HTTP/1.1 200") == 3
    assert answered.index(b'"outcomes"') < answered.index(b'"servers": []')
    assert answered.rindex(b'"servers": []') < answered.index(b'"calls": []')


def test_closes_when_asked(http: HTTPConnection) -> None:
    """A client that wants one reply gets one, and the end."""
    http.request("GET", "/_emulator/stats", headers={"Connection": "close"})
    reply = http.getresponse()

    assert reply.headers["Connection"] == "close"
    assert reply.will_close


def test_reads_a_chunked_body(http: HTTPConnection) -> None:
    """A body without a length is put together."""
    body = update(http)
    http.request("POST", UPDATE, iter([body[:7], body[7:]]), JSON, encode_chunked=True)

    assert http.getresponse().read() == SUCCESS


def test_head_is_answered_without_a_body(http: HTTPConnection) -> None:
    """HEAD gets the headers of GET, and the connection goes on."""
    http.request("HEAD", "/_emulator/stats")
    reply = http.getresponse()
    length, body = int(reply.headers["Content-Length"]), reply.read()
    http.request("GET", "/_emulator/stats")

    assert (reply.status, body) == (200, b"")
    assert len(http.getresponse().read()) == length


def test_a_careful_client_may_send_its_body(wire: socket.socket) -> None:
    """Who expects 100-continue is told to go on before the body is read."""
    head = request("POST", UPDATE, b"", "Content-Type: application/json", "Connection: close")
    head = head.replace(b"Content-Length: 0", b"Content-Length: 4\r\nExpect: 100-continue")
    wire.sendall(head)
    go_ahead = wire.recv(65536)
    wire.sendall(b"null")

    assert go_ahead.startswith(b"HTTP/1.1 100 ")
    assert read_all(wire).startswith(b"HTTP/1.1 500 ")


def test_refuses_a_body_that_says_it_is_too_large(wire: socket.socket) -> None:
    """A length over the limit is what IIS calls 404.13, before the body."""
    length = f"Content-Length: {BODY_LIMIT_BYTES + 1}"
    wire.sendall(f"POST {UPDATE} HTTP/1.1\r\nHost: localhost\r\n{length}\r\n\r\n".encode())
    reply = HTTPResponse(wire)
    reply.begin()

    assert (reply.status, reply.headers["Content-Type"]) == (404, "text/html")
    assert reply.headers["Connection"] == "close"


def test_refuses_a_body_that_grows_too_large(http: HTTPConnection) -> None:
    """Chunks over the limit are refused once the limit is passed; what is sent is thrown away."""
    chunks = iter([b"x" * 2**20] * (BODY_LIMIT_BYTES // 2**20 + 1))
    http.request("POST", UPDATE, chunks, JSON, encode_chunked=True)

    assert http.getresponse().status == 413


@pytest.mark.parametrize(
    "garbage",
    [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost x\r\n\r\n"],
)
def test_malformed_http_is_a_400_page(wire: socket.socket, garbage: bytes) -> None:
    """What is no HTTP gets the web server's page, and the end of the connection."""
    wire.sendall(garbage)
    wire.shutdown(socket.SHUT_WR)
    reply = read_all(wire)

    assert reply.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in reply.lower()


def test_a_post_says_how_long_it_is(wire: socket.socket) -> None:
    """Without a length and without chunks the kernel refuses, and the service sees nothing."""
    wire.sendall(f"POST {UPDATE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    wire.shutdown(socket.SHUT_WR)
    reply = read_all(wire)

    assert reply.startswith(b"HTTP/1.1 411 Length Required\r\n")
    assert b"Microsoft-HTTPAPI/2.0" in reply


def test_an_oversized_head_is_refused(wire: socket.socket) -> None:
    """Headers without end are cut off."""
    wire.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 2**18)
    wire.shutdown(socket.SHUT_WR)

    assert read_all(wire).startswith(b"HTTP/1.1 431 ")


def test_a_client_that_leaves_harms_nobody(server: BackgroundServer, http: HTTPConnection) -> None:
    """After a reset connection and one closed without a word, the next call is answered."""
    for reset in (True, False):
        with socket.create_connection(place(server), timeout=TIMEOUT_S) as rude:
            if reset:
                rude.sendall(b"POST /x HTTP/1.1\r\n")
                rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    http.request("GET", "/_emulator/stats")

    assert http.getresponse().status == 200


def test_a_client_that_keeps_talking_is_left(
    wire: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a refusal the server listens for a moment only."""
    monkeypatch.setattr("icesync.emulator.server._LINGER_S", 0.05)
    wire.sendall(b"nonsense\r\n\r\n")

    assert read_all(wire).startswith(b"HTTP/1.1 400 ")


def test_threads_share_one_service(server: BackgroundServer, http: HTTPConnection) -> None:
    """Calls from many connections are all remembered."""
    body = update(http)

    def call() -> None:
        own = HTTPConnection(*place(server), timeout=TIMEOUT_S)
        for _ in range(10):
            own.request("POST", UPDATE, body, JSON)
            own.getresponse().read()
        own.close()

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    http.request("GET", "/_emulator/servers/59/663")

    assert json.loads(http.getresponse().read())["revision"] == 40


def test_stopping_closes_idle_connections(service: Service) -> None:
    """A stop does not wait for clients that keep their connection."""
    with BackgroundServer(service) as server:
        idle = socket.create_connection(place(server), timeout=TIMEOUT_S)
        idle.sendall(request("GET", "/_emulator/stats"))
        reply = idle.recv(65536)
    rest = idle.recv(65536)
    idle.close()

    assert reply.startswith(b"HTTP/1.1 200 ")
    assert rest == b""


def test_a_port_in_use_is_named(service: Service, server: BackgroundServer) -> None:
    """A second server on one port is refused, with the way out."""
    port = place(server)[1]

    with (
        pytest.raises(UsageError, match=f"port {port}") as refusal,
        BackgroundServer(service, port=port),
    ):
        pass
    assert "port" in refusal.value.hints[0]


@pytest.mark.parametrize(("host", "shown"), [("::1", "http://[::1]:"), ("0.0.0.0", "http://0.0.")])  # noqa: S104
def test_other_addresses_are_told_as_they_are(service: Service, host: str, shown: str) -> None:
    """The address that is told can be called, also for IPv6 and for an allowed open bind."""
    if not can_bind(host):
        pytest.skip(f"this machine has no {host}")
    told: list[str] = []

    async def main() -> None:
        def ready(url: str) -> None:
            told.append(url)
            task.cancel()

        task = asyncio.ensure_future(serve(service, host, 0, ready=ready, insecure_bind=True))
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert told[0].startswith(shown)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_speaks_tls(service: Service, tmp_path: Path) -> None:
    """With a context the server speaks TLS, and echoes https addresses."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    trust = ssl.create_default_context(cafile=str(certificate))
    with BackgroundServer(service, ssl_context=context) as server:
        http = HTTPSConnection(*place(server), timeout=TIMEOUT_S, context=trust)
        http.request("GET", "/ICEAPI/nothing")
        text = http.getresponse().read()
        http.close()

    assert server.url.startswith("https://127.0.0.1:")
    assert b"'https://127.0.0.1:" in text
