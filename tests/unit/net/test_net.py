from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from icesync.net import (
    MAX_REPLY_BYTES,
    BrokenError,
    ClientOptions,
    HttpClient,
    MisconfiguredError,
    NotSentError,
    RawReply,
    open_client,
    trust_store,
)
from icesync.net.client import _MEANINGS, _LostError, _translate, find_issuer

from .conftest import reset, server_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from .conftest import FarEnd, OpenFarEnd, Script

CANARY: Final = "canary-4711"
BODY: Final = f'{{"SMTPPassword":"{CANARY}"}}'.encode()
OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
FAILURES: Final = (NotSentError, MisconfiguredError, BrokenError)

MEANINGS: Final = {
    "TransportError": "broken",
    "TimeoutException": "broken",
    "ConnectTimeout": "not sent",
    "ReadTimeout": "broken",
    "WriteTimeout": "broken",
    "PoolTimeout": "not sent",
    "NetworkError": "broken",
    "ConnectError": "not sent",
    "ReadError": "lost",
    "WriteError": "lost",
    "CloseError": "broken",
    "ProtocolError": "broken",
    "LocalProtocolError": "misconfigured",
    "RemoteProtocolError": "lost",
    "ProxyError": "not sent",
    "UnsupportedProtocol": "misconfigured",
    "DecodingError": "broken",
    "TooManyRedirects": "broken",
}
"""What each error of httpx says about the write; a lost one is made again once, or is broken."""

WORDS: Final = {
    NotSentError: "not sent",
    MisconfiguredError: "misconfigured",
    BrokenError: "broken",
    _LostError: "lost",
}


@pytest.fixture
def connect() -> Iterator[Callable[..., HttpClient]]:
    """Open clients, and close them in the end."""
    opened = []

    def open_to(url: str, timeout_s: float = 5.0, **named: object) -> HttpClient:
        options = ClientOptions(url, timeout_s, "icesync/0.1.0", **named)  # type: ignore[arg-type]
        opened.append(open_client(options))
        return opened[-1]

    yield open_to
    for client in opened:
        client.close()


def answering(data: bytes = OK) -> Script:
    """Return a script that answers every request with *data*."""

    def script(connection: socket.socket, far: FarEnd) -> None:
        while far.read(connection):
            connection.sendall(data)

    return script


def once(data: bytes) -> Script:
    """Return a script that answers one request with *data* and closes."""

    def script(connection: socket.socket, far: FarEnd) -> None:
        far.read(connection)
        connection.sendall(data)

    return script


def silent(connection: socket.socket, far: FarEnd) -> None:
    """Read the request and never answer."""
    far.read(connection)
    far.ended.wait(5)


def reset_at_once(connection: socket.socket, _: FarEnd) -> None:
    """Reset the connection as soon as a request comes, without reading it."""
    connection.recv(1, socket.MSG_PEEK)
    reset(connection)


def reset_after_reading(connection: socket.socket, far: FarEnd) -> None:
    """Take the whole request, then reset."""
    far.read(connection)
    reset(connection)


def answer_then_lose(connection: socket.socket, far: FarEnd) -> None:
    """Answer one request; take the next one and close."""
    far.read(connection)
    connection.sendall(OK)
    far.read(connection)


def failure(client: HttpClient) -> Exception:
    """Return the error that a call ends in; it must not hold the request."""
    with pytest.raises(FAILURES) as caught:
        client.post_json("/x", BODY)
    error: BaseException | None = caught.value
    while error is not None:
        assert not isinstance(error, httpx.HTTPError), "the request hangs on httpx's errors"
        assert CANARY not in f"{error!s}{error!r}{error.args}"
        error = error.__cause__ or error.__context__
    return caught.value


def subclasses(kind: type) -> set[type]:
    """Return all that derive from *kind*."""
    direct = set(kind.__subclasses__())
    return direct.union(*(subclasses(each) for each in direct))


def test_every_error_of_httpx_has_a_place() -> None:
    """A new release of httpx with a new error fails here, not in an apply."""
    found = {}
    for error in subclasses(httpx.RequestError):
        meaning = next(m for kind, m, _ in _MEANINGS if issubclass(error, kind))
        found[error.__name__] = WORDS[meaning]

    assert found == MEANINGS


def test_request_is_a_plain_post(far_end: OpenFarEnd, connect: Callable[..., HttpClient]) -> None:
    """What leaves is a POST of JSON that asks for nothing compressed."""
    far = far_end(answering())

    reply = connect(f"{far.url}/ICEAPI").post_json("/api/x", BODY)

    head, _, body = far.requests[0].partition(b"\r\n\r\n")
    assert (reply.status, reply.body, body) == (200, b"{}", BODY)
    assert head.decode().splitlines() == [
        "POST /ICEAPI/api/x HTTP/1.1",
        f"Host: 127.0.0.1:{far.port}",
        "Accept: application/json",
        "Accept-Encoding: identity",
        "User-Agent: icesync/0.1.0",
        "Content-Type: application/json; charset=utf-8",
        f"Content-Length: {len(BODY)}",
    ]


def test_request_is_what_was_asked_for(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient]
) -> None:
    """Any method will do, with headers of its own."""
    far = far_end(answering())
    headers = {"Accept": "text/plain", "X-Token": "t"}

    connect(far.url).request("GET", "/x?page=2", headers=headers)

    assert far.requests[0].decode().splitlines() == [
        "GET /x?page=2 HTTP/1.1",
        f"Host: 127.0.0.1:{far.port}",
        "Accept: text/plain",
        "Accept-Encoding: identity",
        "User-Agent: icesync/0.1.0",
        "Content-Type: application/json; charset=utf-8",
        "X-Token: t",
        "",
    ]


def test_header_names_come_in_lower_case(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient]
) -> None:
    """Rules about headers need not care for case."""
    far = far_end(answering(b"HTTP/1.1 429 X\r\nReTry-After: 5\r\nContent-Length: 0\r\n\r\n"))

    assert connect(far.url).post_json("/x", BODY).headers["retry-after"] == "5"


def test_connection_is_used_again(far_end: OpenFarEnd, connect: Callable[..., HttpClient]) -> None:
    """A client keeps its one connection open between calls."""
    far = far_end(answering())
    client = connect(far.url)

    replies = [client.post_json("/x", BODY) for _ in range(3)]

    assert (far.connections, [reply.repeated for reply in replies]) == (1, [False] * 3)


def test_refused_port_is_not_sent(far_end: OpenFarEnd, connect: Callable[..., HttpClient]) -> None:
    """Where nobody listens, nothing arrived."""
    far = far_end(answering())
    url = far.url
    far.refuse()

    assert isinstance(failure(connect(url)), NotSentError)


@pytest.mark.parametrize(
    "script",
    [
        reset_at_once,
        reset_after_reading,
        once(b""),
        once(b"HTTP/1.1 200 OK\r\nContent-Le"),
        once(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}"),
        once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        once(b"220 smtp.example.test ESMTP\r\n"),
        once(b"\0\xff" * 100),
    ],
    ids=["reset before reading", "reset after reading", "closed", "half a head", "short body",
         "bad chunk", "mail server", "noise"],
)  # fmt: skip
def test_connection_that_breaks_proves_nothing(
    script: Script, far_end: OpenFarEnd, connect: Callable[..., HttpClient]
) -> None:
    """Once a connection stands, the request may have arrived, however it ends."""
    far = far_end(script)

    error = failure(connect(far.url))

    assert (type(error), far.connections) == (BrokenError, 1)


def test_silence_ends_with_the_deadline(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient]
) -> None:
    """A far end that says nothing is left after the time that was given."""
    began = time.monotonic()

    error = failure(connect(far_end(silent).url, timeout_s=0.3))

    assert type(error) is BrokenError
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("head", [b"", OK[:-2].replace(b"2\r", b"9999\r")], ids=["head", "body"])
def test_drip_ends_with_the_deadline(
    head: bytes, far_end: OpenFarEnd, connect: Callable[..., HttpClient]
) -> None:
    """The deadline is for the whole reply: a byte now and then does not move it."""

    def dripping(connection: socket.socket, far: FarEnd) -> None:
        far.read(connection)
        connection.sendall(head)
        for number in range(200):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: "[number : number + 1] or b"x")
            far.ended.wait(0.03)

    began = time.monotonic()

    error = failure(connect(far_end(dripping).url, timeout_s=0.5))

    assert (type(error), str(error)) == (BrokenError, "no complete reply within the deadline")
    assert time.monotonic() - began < 3


def test_client_goes_on_after_a_deadline(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient]
) -> None:
    """A call that was shut down leaves nothing behind for the next one."""
    far = far_end(silent, answering())
    client = connect(far.url, timeout_s=0.3)
    failure(client)

    assert client.post_json("/x", BODY).status == 200


def test_compressed_reply_is_refused(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient]
) -> None:
    """Nothing is ever decompressed: a small reply could become a large one."""
    far = far_end(once(OK.replace(b"\r\n", b"\r\nContent-Encoding: gzip\r\n", 1)))

    error = failure(connect(far.url))

    assert (type(error), str(error)) == (
        BrokenError,
        "the reply is compressed, which was not requested",
    )


@pytest.mark.parametrize("most", [1, 2])
@pytest.mark.parametrize("extra", [0, 1])
def test_reply_is_read_up_to_its_cap(
    extra: int, most: int, far_end: OpenFarEnd, connect: Callable[..., HttpClient]
) -> None:
    """A reply of 1 MiB, or what was permitted, is read, and no byte more, whatever it announces."""
    body = b"x" * (most * MAX_REPLY_BYTES + extra)
    far = far_end(once(b"HTTP/1.1 200 OK\r\n\r\n" + body))
    client = connect(far.url, **({"max_reply_bytes": len(body) - extra} if most > 1 else {}))

    if extra:
        assert str(failure(client)) == f"the reply is larger than {most} MiB"
    else:
        assert client.post_json("/x", BODY).body == body


def test_redirect_is_not_followed(far_end: OpenFarEnd, connect: Callable[..., HttpClient]) -> None:
    """Where a redirect leads, nobody gets the passwords."""
    other = far_end(answering())
    head = f"HTTP/1.1 307 X\r\nLocation: {other.url}/\r\nContent-Length: 0\r\n\r\n"
    far = far_end(answering(head.encode()))

    reply = connect(far.url).post_json("/x", BODY)

    assert (reply.status, other.connections) == (307, 0)


def test_idle_connection_that_was_closed_is_replaced(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient]
) -> None:
    """A keep-alive connection that ended between two calls costs nothing."""
    far = far_end(once(OK), answering())
    client = connect(far.url)
    client.post_json("/x", BODY)
    time.sleep(0.05)

    assert client.post_json("/x", BODY).status == 200
    assert far.connections == 2


def test_request_lost_on_an_idle_connection_is_made_again(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient]
) -> None:
    """A kept connection that ends under a request is replaced once, and the reply says so."""
    far = far_end(answer_then_lose, answering())
    client = connect(far.url)
    client.post_json("/x", BODY)

    assert client.post_json("/x", BODY) == RawReply(
        200, {"content-length": "2"}, b"{}", repeated=True
    )
    assert far.connections == 2


def test_request_that_may_not_be_repeated_is_broken(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient]
) -> None:
    """Who asks for one request at most gets one, also on an idle connection."""
    far = far_end(answer_then_lose, answering())
    client = connect(far.url)
    client.post_json("/x", BODY)

    with pytest.raises(BrokenError):
        client.request("POST", "/x", BODY, repeatable=False)

    assert (far.connections, len(far.requests)) == (1, 2)


def test_request_lost_twice_is_broken(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient]
) -> None:
    """It is made again once, not for ever."""
    far = far_end(answer_then_lose, once(b""))
    client = connect(far.url)
    client.post_json("/x", BODY)

    assert isinstance(failure(client), BrokenError)
    assert far.connections == 2


def test_lost_request_is_not_unsent_by_a_refusal(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient]
) -> None:
    """The first one may have arrived, even if the second found no connection."""

    def refusing(connection: socket.socket, far: FarEnd) -> None:
        answer_then_lose(connection, far)
        far.refuse()

    client = connect(far_end(refusing).url)
    client.post_json("/x", BODY)

    assert isinstance(failure(client), BrokenError)


def test_variables_of_the_environment_are_ignored(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No variable sends the passwords through somebody else's proxy."""
    proxy, far = far_end(answering()), far_end(answering())
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv(name.lower(), proxy.url)

    connect(far.url).post_json("/x", BODY)

    assert (far.connections, proxy.connections) == (1, 0)


def test_proxy_of_the_configuration_is_used(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient]
) -> None:
    """A proxy that was asked for is taken."""
    proxy, far = far_end(answering()), far_end(answering())

    connect(far.url, proxy=proxy.url).post_json("/x", BODY)

    assert (far.connections, proxy.connections) == (0, 1)


def test_proxy_that_is_not_there_is_not_sent(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient]
) -> None:
    """Without a proxy nothing gets through, and nothing goes around it."""
    proxy, far = far_end(answering()), far_end(answering())
    url = proxy.url
    proxy.refuse()

    error = failure(connect(far.url, proxy=url))
    assert (type(error), str(error)) == (NotSentError, "no connection to the proxy")
    assert far.connections == 0


def test_address_of_another_kind_is_misconfigured(connect: Callable[..., HttpClient]) -> None:
    """What is no web address cannot be called, however often."""
    assert isinstance(failure(connect("ftp://127.0.0.1")), MisconfiguredError)


def test_late_connection_is_still_not_sent() -> None:
    """A deadline that passes while connecting leaves nothing behind."""
    error = _translate(httpx.ConnectTimeout(""), late=True)

    assert (type(error), str(error)) == (NotSentError, "no connection in time")


def test_client_without_a_connection_has_nothing_to_abort(
    connect: Callable[..., HttpClient],
) -> None:
    """The watchdog may come before the connection does."""
    connect("http://127.0.0.1:1").abort()


def test_closed_connection_can_be_aborted(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient]
) -> None:
    """The watchdog may come after the connection went."""
    client = connect(far_end(answering()).url)
    client.post_json("/x", BODY)
    client.close()

    client.abort()


@pytest.fixture
def trusted(certificate: Callable[[str], Path]) -> Path:
    """A certificate that names the far end."""
    return certificate("IP:127.0.0.1")


def test_verified_far_end_is_called(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient], trusted: Path
) -> None:
    """With the right name and a known issuer, a call goes through."""
    far = far_end(answering(), context=server_context(trusted))

    assert connect(far.url, trust=trust_store(str(trusted))).post_json("/x", BODY).status == 200


def test_wrong_name_is_refused(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient], certificate: Callable[[str], Path]
) -> None:
    """A certificate for another host is no certificate, known issuer or not."""
    other = certificate("DNS:elsewhere.test")
    far = far_end(answering(), context=server_context(other))

    error = failure(connect(far.url, trust=trust_store(str(other))))

    assert isinstance(error, MisconfiguredError)
    assert str(error).startswith("the certificate of 127.0.0.1 is not valid: IP address mis")
    assert far.requests == []


@pytest.mark.parametrize("shared", [True, False], ids=["shared context", "own context"])
def test_unknown_issuer_is_refused(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient], trusted: Path, *, shared: bool
) -> None:
    """A certificate that nobody vouches for is refused before the first byte of the request."""
    far = far_end(answering(), context=server_context(trusted))

    error = failure(connect(far.url, trust=trust_store() if shared else None))

    assert isinstance(error, MisconfiguredError)
    assert far.requests == []


def test_an_unknown_issuer_is_named(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient], trusted: Path
) -> None:
    """Who issued the certificate, and what to set; the look at it sends nothing."""
    far = far_end(answering(), context=server_context(trusted))

    error = str(failure(connect(far.url, trust=trust_store())))

    assert error.startswith("the certificate of 127.0.0.1 is issued by `far end`, which is not")
    assert "set ICESYNC_CA_FILE=FILE" in error
    assert (far.requests, far.connections) == ([], 2)


def test_an_issuer_that_is_not_to_be_had_hides_no_reason(
    far_end: OpenFarEnd,
    connect: Callable[..., HttpClient],
    trusted: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A far end that does not answer twice: the reason and the variable are told all the same."""
    far = far_end(answering(), context=server_context(trusted))
    monkeypatch.setattr("icesync.net.client.find_issuer", lambda *_: "")

    error = str(failure(connect(far.url, trust=trust_store())))
    away = find_issuer("127.0.0.1", "https://127.0.0.1:1/", None)

    assert "has an issuer that is not trusted (self" in error
    assert "set ICESYNC_CA_FILE=FILE" in error
    assert not away


def tunnel(
    status: bytes = b"200 fine", *, issuer: Path | None = None, host: Script | None = None
) -> Script:
    """Return a proxy that answers to CONNECT with *status*; *issuer* then speaks for the *host*."""

    def serve(connection: socket.socket, far: FarEnd) -> None:
        far.read(connection)
        connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
        if issuer is not None:
            context = server_context(issuer)
            with context.wrap_socket(connection, server_side=True) as secured:
                (host or answering())(secured, far)

    return serve


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (b"407 Proxy Authentication Required", MisconfiguredError, "needs a login (status 407)"),
        (b"403 Forbidden by <policy>", MisconfiguredError, "rejected the connection: status 403"),
        (b"503 later", NotSentError, "rejected the connection: status 503"),
        (b"429 slow", NotSentError, "rejected the connection: status 429"),
    ],
)
def test_what_a_proxy_refuses(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient], status: bytes, kind: type, told: str
) -> None:
    """What will not pass is not asked again; a proxy's own words are not repeated."""
    proxy = far_end(tunnel(status))

    error = failure(connect("https://vault.test", proxy=proxy.url, trust=trust_store()))

    assert type(error) is kind
    assert told in str(error)
    assert "policy" not in str(error)


def test_a_proxy_gets_its_login_and_may_speak_for_a_host(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient], certificate: Callable[[str], Path]
) -> None:
    """One that inspects TLS has a CA of its own: it is named, or trusted where the job does."""
    issuer = certificate("DNS:vault.test")
    proxy = far_end(tunnel(issuer=issuer))
    address = proxy.url.replace("//", "//me:p%40ss@")

    error = str(failure(connect("https://vault.test", proxy=address, trust=trust_store())))
    trusting = connect("https://vault.test", proxy=address, trust=trust_store(str(issuer)))
    reply = trusting.post_json("/x", BODY)

    assert error.startswith("the certificate of vault.test is issued by `far end`, which is not")
    assert reply.status == 200
    assert all(b"Proxy-Authorization: Basic bWU6cEBzcw==" in r for r in proxy.requests[:3])
    assert sum(BODY in request for request in proxy.requests) == 1


def test_a_proxy_that_is_called_by_https_is_verified_by_the_same_list(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient], trusted: Path
) -> None:
    """A private CA of the job counts for the proxy as well, and is named where it is unknown."""
    proxy = far_end(tunnel(b"403 no"), context=server_context(trusted))

    known = connect("https://vault.test", proxy=proxy.url, trust=trust_store(str(trusted)))
    unknown = connect("https://vault.test", proxy=proxy.url, trust=trust_store())

    assert "status 403" in str(failure(known))
    assert "the certificate of 127.0.0.1 is issued by `far end`" in str(failure(unknown))


def test_variables_add_no_issuer(
    far_end: OpenFarEnd,
    connect: Callable[..., HttpClient],
    trusted: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``SSL_CERT_FILE`` does not vouch for anybody."""
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    far = far_end(answering(), context=server_context(trusted))

    assert isinstance(failure(connect(far.url, trust=trust_store())), MisconfiguredError)


def test_session_keys_are_not_logged(
    far_end: OpenFarEnd,
    connect: Callable[..., HttpClient],
    trusted: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``SSLKEYLOGFILE`` would let whoever reads the file read the passwords."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    far = far_end(answering(), context=server_context(trusted))

    connect(far.url, trust=trust_store(str(trusted))).post_json("/x", BODY)

    assert list(tmp_path.iterdir()) == []


def test_far_end_without_tls_is_misconfigured(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient]
) -> None:
    """An answer in clear text to a handshake is a wrong address or port."""

    def plain(connection: socket.socket, far: FarEnd) -> None:
        connection.recv(1)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        far.ended.wait(1)

    far = far_end(plain)

    error = failure(connect(f"https://127.0.0.1:{far.port}"))

    assert (type(error), str(error)) == (
        MisconfiguredError,
        "the server does not support TLS as requested",
    )


def closing_handshake(connection: socket.socket, _: FarEnd) -> None:
    """Read the client's hello and close."""
    connection.recv(65536)


def resetting_handshake(connection: socket.socket, _: FarEnd) -> None:
    """Read the client's hello and reset."""
    connection.recv(65536)
    reset(connection)


def silent_handshake(connection: socket.socket, far: FarEnd) -> None:
    """Read the client's hello and say nothing."""
    connection.recv(65536)
    far.ended.wait(5)


@pytest.mark.parametrize("script", [closing_handshake, resetting_handshake, silent_handshake])
def test_handshake_that_ends_early_is_not_sent(
    script: Script, far_end: OpenFarEnd, connect: Callable[..., HttpClient]
) -> None:
    """Before the handshake is done no request leaves: it may be tried again."""
    far = far_end(script)

    error = failure(connect(f"https://127.0.0.1:{far.port}", timeout_s=0.5))

    assert isinstance(error, NotSentError)


def test_damaged_record_after_the_request_proves_nothing(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient], trusted: Path
) -> None:
    """An error of TLS under way is a broken connection, not a wrong certificate."""

    def damaging(connection: socket.socket, far: FarEnd) -> None:
        far.read(connection)
        with socket.socket(fileno=os.dup(connection.fileno())) as raw:
            raw.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
        far.ended.wait(1)

    far = far_end(damaging, context=server_context(trusted))

    error = failure(connect(far.url, trust=trust_store(str(trusted))))

    assert (type(error), len(far.requests)) == (BrokenError, 1)


def dripping(connection: socket.socket, far: FarEnd) -> None:
    """Send a reply byte by byte."""
    far.read(connection)
    for _ in range(200):
        connection.sendall(b"H")
        far.ended.wait(0.03)


def test_drip_behind_a_proxy_ends_with_the_deadline(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient], certificate: Callable[[str], Path]
) -> None:
    """The deadline knows the connection that was made last: the one inside of the tunnel."""
    issuer = certificate("DNS:vault.test")
    proxy = far_end(tunnel(issuer=issuer, host=dripping))
    trust = trust_store(str(issuer))
    began = time.monotonic()

    error = failure(connect("https://vault.test", proxy=proxy.url, timeout_s=0.5, trust=trust))

    assert str(error) == "no complete reply within the deadline"
    assert time.monotonic() - began < 3


def test_drip_over_tls_ends_with_the_deadline(
    far_end: OpenFarEnd, connect: Callable[..., HttpClient], trusted: Path
) -> None:
    """The deadline holds under TLS too."""
    far = far_end(dripping, context=server_context(trusted))
    began = time.monotonic()

    error = failure(connect(far.url, timeout_s=0.5, trust=trust_store(str(trusted))))

    assert str(error) == "no complete reply within the deadline"
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("content", [None, b"no certificate"], ids=["missing", "no certificate"])
def test_list_of_issuers_must_be_one(content: bytes | None, tmp_path: Path) -> None:
    """A file that holds no certificate is an error, not an empty list."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(OSError, match=r".+"):
        trust_store(str(path))


def test_function_may_play_the_far_end(connect: Callable[..., HttpClient]) -> None:
    """With *answer* nothing leaves the process; the reply is read as any other."""
    seen = []

    def answer(method: str, path: str, headers: Mapping[str, str], body: bytes) -> RawReply:
        seen.append((method, path, headers["content-type"], body))
        return RawReply(201, {"X-Some": "1"}, b"{}")

    reply = connect("http://ice.test/ICEAPI", answer=answer).post_json("/x", BODY)

    assert seen == [("POST", "/ICEAPI/x", "application/json; charset=utf-8", BODY)]
    assert (reply.status, reply.headers["x-some"], reply.body) == (201, "1", b"{}")
