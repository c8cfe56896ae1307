"""
The only maker of HTTP clients; it does not know what is asked of whom.

A request here carries passwords, and that settles how it travels: https anywhere, plain
http on this machine only; TLS is verified against a known list and the environment is not
asked (proxy, key-log and certificate variables), redirects are not followed, replies are
capped and never decompressed, and a call has one total deadline. httpcore's own timeouts
are per read, so a reply that drips would pass them for ever: a watchdog shuts the socket
down instead. A far end is asked again by what it asks for itself, and by one schedule.
"""

from __future__ import annotations

import contextlib
import functools
import re
import socket
import ssl
import string
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple, Protocol, Self, TypeAlias
from urllib.parse import quote, unquote, urlsplit

import certifi
import httpcore

from icesync.errors import printable
from icesync.frozen import frozen
from icesync.model.host import ascii_host, is_loopback, read_address

_WATCH_S: Final = 0.1


class Abortable(Protocol):
    """Something that waits and can be woken from another thread."""

    def abort(self) -> None:
        """Wake whoever waits."""
        ...


class Watched:
    """One call under a deadline."""

    __slots__ = ("_client", "_ends", "late")

    def __init__(self, client: Abortable, ends: float) -> None:
        self._client = client
        self._ends = ends
        self.late = False

    def __enter__(self) -> Self:
        WATCHDOG.calls.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        WATCHDOG.calls.discard(self)

    def look(self, now: float) -> None:
        """End the call if its time is over."""
        if now >= self._ends:
            self.late = True
            self._client.abort()


class Watchdog:
    """One thread that ends the calls whose deadline has passed."""

    def __init__(self) -> None:
        self.calls: set[Watched] = set()
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None

    def watch(self, client: Abortable, ends: float) -> Watched:
        """Return *client*'s call, to be entered; it is ended at *ends* of the monotonic clock."""
        with self._start:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="deadline", daemon=True)
                self._thread.start()
        return Watched(client, ends)

    def _run(self) -> None:
        while True:
            time.sleep(_WATCH_S)
            now = time.monotonic()
            for call in tuple(self.calls):
                call.look(now)


WATCHDOG: Final = Watchdog()


def is_confidential(url: str) -> bool:
    """Return whether nobody on the way reads what is sent to *url*."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    )


_MAX_WAIT_S: Final = 86_400.0


def read_retry_after(text: str, now: datetime) -> float | None:
    """Return the seconds that ``Retry-After`` asks for: a number, or an HTTP date in any form."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _MAX_WAIT_S)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), _MAX_WAIT_S)


_RESETS: Final = ("x-ratelimit-reset", "ratelimit-reset", "x-rate-limit-reset")
_EPOCH: Final = 1_000_000_000


def read_pause(reply: RawReply, now: datetime) -> float | None:
    """
    Return the seconds that a throttling *reply* asks to wait, in whichever header.

    Besides ``Retry-After`` there is the moment at which a budget is full again, or how many
    seconds that takes: it counts where the reply says that nothing is left, or is a 429.
    """
    asked_s = read_retry_after(reply.headers.get("retry-after", ""), now)
    spent = any(reply.headers.get(n.replace("reset", "remaining")) == "0" for n in _RESETS)
    if asked_s is not None or not (spent or reply.status == _TOO_MANY):
        return asked_s
    reset = next((reply.headers[name] for name in _RESETS if name in reply.headers), "")
    number = re.fullmatch(r"([0-9]{1,12})(?:\.[0-9]*)?", reset.strip(), re.ASCII)
    if number is None:
        return None
    seconds = float(number[1])
    seconds -= now.timestamp() if seconds >= _EPOCH else 0.0
    return min(max(seconds, 1.0), _MAX_WAIT_S)


_TOO_MANY: Final = 429
THROTTLED: Final = frozenset({429, 500, 502, 503, 504})
"""Answers that may be another one a moment later."""

_MAX_PAUSE_S: Final = 30.0


class Backoff:
    """
    One schedule for everything that is asked again: twice as long each time, within a budget.

    A far end that says how long to wait is given that time.
    """

    def __init__(
        self, monotonic: Callable[[], float], total_s: float, first_s: float = 1.0
    ) -> None:
        self._monotonic = monotonic
        self._total_s = total_s
        self._deadline = monotonic() + total_s
        self._pause_s = first_s

    def pause(self, asked_s: float | None = None) -> float | None:
        """Return how long to wait before the next try, or None when there is none."""
        pause_s = max(self._pause_s, asked_s or 0.0)
        self._pause_s = min(self._pause_s * 2, _MAX_PAUSE_S)
        now = self._monotonic()
        # Whoever asks for no more than the whole budget is given it, at whatever moment.
        granted = asked_s is not None and asked_s <= self._total_s and now < self._deadline
        return pause_s if granted or now + pause_s <= self._deadline else None


class ConcurrencyLimit:
    """
    How many requests may be under way to one far end: half as many each time that it throttles.

    Who is throttled keeps its turn while it waits. So nobody who comes later takes its
    place, and where one turn is left, requests are made one after the other.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._width = float(most)
        self._busy = 0
        self._free = threading.Condition()
        self._own = threading.local()

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn and hold it; a thread that has one goes on."""
        if getattr(self._own, "held", False):
            yield
            return
        with self._free:
            self._free.wait_for(lambda: self._busy < int(self._width))
            self._busy += 1
        self._own.held = True
        try:
            yield
        finally:
            self._own.held = False
            with self._free:
                self._busy -= 1
                self._width = min(self._most, self._width + 1 / self._width)
                self._free.notify_all()

    def narrow(self) -> None:
        """Allow half as many from now on, but one."""
        with self._free:
            self._width = max(1.0, self._width / 2)


MAX_REPLY_BYTES: Final = 1024 * 1024
_CONNECT_S: Final = 5.0
_LATE: Final = "no complete reply within the deadline"

Answer: TypeAlias = Callable[[str, str, "Mapping[str, str]", bytes], "RawReply"]
"""A far end in the same process: method, path, headers and body to a reply."""


class NotSentError(Exception):
    """The request surely did not reach the far end."""


class MisconfiguredError(Exception):
    """The request cannot be made: wrong certificate, protocol or address."""


class BrokenError(Exception):
    """The request was sent, perhaps, and no usable reply came."""


class _LostError(Exception):
    """The connection ended under a request."""


_BROKE: Final = "the connection was lost before the reply was complete"


@frozen
class RawReply:
    """
    One reply as it came; header names in lower case.

    *repeated* says that the request was made twice: an idle connection had been
    closed by the far end, which cannot be told from a request that was lost on it.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    repeated: bool = False


@frozen
class ClientOptions:
    """
    How a client connects.

    *answer* replaces the network by a function, *trust* is a context made by
    :func:`trust_store`, shared by the clients of a run. A reply of more than
    *max_reply_bytes* is not read to its end.
    """

    base_url: str
    timeout_s: float
    user_agent: str
    proxy: str | None = None
    trust: ssl.SSLContext | None = None
    answer: Answer | None = None
    max_reply_bytes: int = MAX_REPLY_BYTES


def trust_store(ca_file: str | None = None) -> ssl.SSLContext:
    """
    Return a context that trusts *ca_file*, or the public list.

    A bare context: ``ssl.create_default_context`` would write session keys to
    the file that ``SSLKEYLOGFILE`` names.

    Raises:
        OSError: *ca_file* cannot be read, or holds no certificate.

    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(ca_file or certifi.where())
    return context


def bundle_problem(error: OSError) -> str:
    """Return why a file of certificates cannot be used; OpenSSL's own words help nobody."""
    if isinstance(error, ssl.SSLError) or error.strerror is None:
        return "it contains no certificate"
    return error.strerror


def open_client(options: ClientOptions) -> HttpClient:
    """Return a client with one connection of its own; one thread at a time may use it."""
    return HttpClient(options)


class ClientPool:
    """Connections to one far end, kept between requests; several threads may use it."""

    def __init__(self, options: ClientOptions, most: int = 8) -> None:
        self._options = options
        self._idle: list[HttpClient] = []
        self._loading = threading.Lock()
        self.limit = ConcurrencyLimit(most)
        weakref.finalize(self, _close_all, self._idle)

    @contextlib.contextmanager
    def client(self) -> Iterator[HttpClient]:
        """Give a client that nobody else uses meanwhile."""
        try:
            client = self._idle.pop()
        except IndexError:
            client = open_client(self._trusting())
        try:
            yield client
        finally:
            self._idle.append(client)

    def _trusting(self) -> ClientOptions:
        """Return the options of a client; the list of whom to trust is loaded once for all."""
        with self._loading:
            if self._options.trust is None and self._options.answer is None:
                trust = _usual_trust(self._options.base_url)
                self._options = replace(self._options, trust=trust)
        return self._options


def _close_all(clients: list[HttpClient]) -> None:
    for client in clients:
        client.close()


_NO_CONNECTION: Final = "no connection"
_MEANINGS: Final[tuple[tuple[type[Exception], type[Exception], str], ...]] = (
    (httpcore.UnsupportedProtocol, MisconfiguredError, "the address cannot be called"),
    (httpcore.LocalProtocolError, MisconfiguredError, "the request cannot be written"),
    (httpcore.ConnectTimeout, NotSentError, f"{_NO_CONNECTION} in time"),
    (httpcore.PoolTimeout, NotSentError, f"{_NO_CONNECTION} in time"),
    (httpcore.ConnectError, NotSentError, _NO_CONNECTION),
    (httpcore.ProxyError, NotSentError, "the proxy rejected the connection"),
    (httpcore.TimeoutException, BrokenError, "no reply in time"),
    (httpcore.RemoteProtocolError, _LostError, _BROKE),
    (httpcore.NetworkError, _LostError, _BROKE),
    (httpcore.ProtocolError, BrokenError, _BROKE),
    (httpcore.ConnectionNotAvailable, BrokenError, _BROKE),
)
"""The first row that fits; only these connect errors prove that nothing left."""

_FAILURES: Final = tuple(kind for kind, _, _ in _MEANINGS)


class _Asked(NamedTuple):
    """One request, for as often as it is made."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]


class HttpClient:
    """
    Sends bytes and reads a capped reply, within a total deadline.

    It keeps one connection of httpcore's: redirects, cookies, decoding and the
    environment live in the libraries above that, and none of them is wanted here.
    """

    def __init__(self, options: ClientOptions) -> None:
        self._options = options
        self._pool = _pool(options) if options.answer is None else None
        self._connection: httpcore.ConnectionInterface | None = None
        timeout = dict.fromkeys(("read", "write", "pool"), options.timeout_s)
        self._extensions: dict[str, Any] = {
            "timeout": {**timeout, "connect": min(_CONNECT_S, options.timeout_s)}
        }
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": options.user_agent,
            "Content-Type": "application/json; charset=utf-8",
        }
        self._urls: dict[str, httpcore.URL] = {}
        self._socket: socket.socket | None = None
        self._greeted = ""
        self._reused = False

    def post_json(self, path: str, body: bytes) -> RawReply:
        """POST *body* to *path*, as :meth:`request` does."""
        return self.request("POST", path, body)

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        repeatable: bool = True,
    ) -> RawReply:
        """
        Make one request to *path* below the base address; *headers* go beside the usual ones.

        *repeatable* permits that it is made twice, where it was lost on an idle
        connection and nobody can tell whether it had arrived.

        Raises:
            NotSentError: it did not leave.
            MisconfiguredError: it cannot leave.
            BrokenError: whether it arrived is not known.

        """
        deadline = time.monotonic() + self._options.timeout_s
        asked = _Asked(
            method, path, body, {**self._headers, **headers} if headers else self._headers
        )
        try:
            return self._exchange(asked, deadline)
        except _LostError:
            if not self._reused or not repeatable:
                raise BrokenError(_BROKE) from None
        return self._repeat(asked, deadline)

    def _repeat(self, asked: _Asked, deadline: float) -> RawReply:
        """Make the request once more, at once, on a fresh connection."""
        try:
            return replace(self._exchange(asked, deadline), repeated=True)
        except (NotSentError, MisconfiguredError, _LostError):
            # Whatever became of the second one, the first may have arrived.
            raise BrokenError(_BROKE) from None

    def _exchange(self, asked: _Asked, deadline: float) -> RawReply:
        url = self._url(asked.path)
        watched = WATCHDOG.watch(self, deadline)
        try:
            with watched:
                return self._talk(asked, url)
        except _FAILURES as error:
            failure = _translate(error, late=watched.late)
            if isinstance(failure, NotSentError) and self._options.proxy and not self._greeted:
                told = str(failure).replace(_NO_CONNECTION, f"{_NO_CONNECTION} to the proxy")
                failure = NotSentError(told)
            if isinstance(failure, _UntrustedError):
                origin = f"{url.scheme.decode()}://{_authority(url).decode()}/"
                failure = failure.told_of(self._greeted, origin, self._options.proxy)
        # Out here: a context would keep the request, with its body.
        raise failure

    def _talk(self, asked: _Asked, url: httpcore.URL) -> RawReply:
        if self._pool is None:
            return self._ask_here(asked, url)
        connection, extensions = self._connection, self._extensions
        self._reused = connection is not None and _is_ready(connection, url.origin)
        if connection is None or not self._reused:
            self.close()
            connection = self._connection = self._pool.create_connection(url.origin)
            extensions = {**extensions, "trace": self._trace}
        request = httpcore.Request(
            asked.method, url, headers=_headers_of(asked, url), content=asked.body,
            extensions=extensions,
        )  # fmt: skip
        response = connection.handle_request(request)
        try:
            headers = [
                (name.decode("latin-1"), v.decode("latin-1")) for name, v in response.headers
            ]
            return self._read(response.status, headers, response.iter_stream())
        finally:
            response.close()

    def _ask_here(self, asked: _Asked, url: httpcore.URL) -> RawReply:
        """Ask the far end in this process."""
        assert self._options.answer is not None
        headers = {name.decode().lower(): value.decode() for name, value in _headers_of(asked, url)}
        path = unquote(url.target.decode().partition("?")[0])
        reply = self._options.answer(asked.method, path, headers, asked.body)
        return self._read(reply.status, reply.headers.items(), (reply.body,))

    def _read(
        self, status: int, pairs: Iterable[tuple[str, str]], chunks: Iterable[bytes]
    ) -> RawReply:
        headers: dict[str, str] = {}
        for name, value in pairs:
            key = name.lower()
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
        if headers.get("content-encoding", "identity") != "identity":
            raise BrokenError("the reply is compressed, which was not requested")
        most = self._options.max_reply_bytes
        body = bytearray()
        for chunk in chunks:
            body += chunk
            if len(body) > most:
                raise BrokenError(f"the reply is larger than {most // 1_048_576} MiB")
        return RawReply(status, headers, bytes(body))

    def _url(self, path: str) -> httpcore.URL:
        """Return the whole address of *path*; reading an address once is enough."""
        if path not in self._urls:
            url = _read_url(self._options.base_url + path)
            if url is None:
                raise MisconfiguredError("the address cannot be called")
            self._urls[path] = url
        return self._urls[path]

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    def abort(self) -> None:
        """Shut the socket down, so that whoever waits for it wakes up; from any thread."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                # Unbound: an SSLSocket's own shutdown would drop its TLS state
                # under the thread that reads.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._socket = info["return_value"].get_extra_info("socket")
        elif event.endswith(".start_tls.started"):
            self._greeted = info["server_hostname"]


def _read_url(address: str) -> httpcore.URL | None:
    """Return where *address* leads; what no URL may hold is encoded in its path."""
    found = read_address(quote(address, safe=string.punctuation))
    if found is None:
        return None
    (scheme, host, port), target = found
    return httpcore.URL(scheme=scheme, host=host, port=port, target=target or "/")


def _authority(url: httpcore.URL) -> bytes:
    origin = url.origin
    host = b"[%b]" % origin.host if b":" in origin.host else origin.host
    return host if origin.port == _PORTS[origin.scheme] else b"%b:%d" % (host, origin.port)


_PORTS: Final = {b"https": 443, b"http": 80}


def _headers_of(asked: _Asked, url: httpcore.URL) -> list[tuple[bytes, bytes]]:
    named = [(name.encode("ascii"), value.encode("ascii")) for name, value in asked.headers.items()]
    headers = [(b"Host", _authority(url)), *named]
    if asked.body or asked.method in _WITH_BODY:
        headers.append((b"Content-Length", b"%d" % len(asked.body)))
    return headers


_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


def _is_ready(connection: httpcore.ConnectionInterface, origin: httpcore.Origin) -> bool:
    """Return whether *connection* waits for a request to *origin*; the far end may have left."""
    return (
        connection.is_idle()
        and not connection.has_expired()
        and connection.can_handle_request(origin)
    )


_KEEP_S: Final = 5.0
"""How long an idle connection is used again; many servers close theirs soon after."""


def _pool(options: ClientOptions) -> httpcore.ConnectionPool:
    """Return what opens connections, through the proxy if there is one."""
    trust = options.trust or _usual_trust(options.base_url)
    if options.proxy is None:
        return httpcore.ConnectionPool(ssl_context=trust, keepalive_expiry=_KEEP_S)
    parts = urlsplit(options.proxy)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    host = ascii_host(parts.hostname or "")
    port = parts.port or _PORTS[parts.scheme.encode()]
    return httpcore.HTTPProxy(
        httpcore.URL(scheme=parts.scheme, host=host, port=port, target="/"),
        (user.encode(), password.encode()) if user or password else None,
        ssl_context=trust,
        # One that is called by https is verified by the job's own list, too.
        proxy_ssl_context=options.trust if parts.scheme == "https" else None,
        keepalive_expiry=_KEEP_S,
    )


def _usual_trust(base_url: str) -> ssl.SSLContext:
    """Return whom to trust unless told; loading a list costs time, and plain HTTP asks nobody."""
    plain = base_url.startswith("http:")
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else trust_store()


def _translate(error: Exception, *, late: bool) -> Exception:
    if isinstance(error, httpcore.ProxyError):
        return _proxy_refused(str(error))
    meaning, text = next((m, text) for kind, m, text in _MEANINGS if isinstance(error, kind))
    if late:
        # A lost connection was shut down here, and is not made anew.
        return meaning("no connection in time") if meaning is NotSentError else BrokenError(_LATE)
    if isinstance(error, httpcore.ConnectError):
        # Only a handshake says something about the setup: once the request is
        # under way, an error of TLS is a broken connection like any other.
        return _handshake_refused(error) or meaning(text)
    return meaning(text)


def _proxy_refused(answer: str) -> Exception:
    """Return what the *answer* of a proxy means: a status, and a reason that is not believed."""
    status = answer[:3] if answer[:3].isdigit() else ""
    if status == "407":
        return MisconfiguredError(
            "the proxy needs a login (status 407): set "
            "HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT in the job's environment"
        )
    detail = f": status {status}" if status else ""
    refused = status.startswith("4") and status not in {"408", "429"}
    kind = MisconfiguredError if refused else NotSentError
    return kind(f"the proxy rejected the connection{detail}")


_UNKNOWN_ISSUER: Final = frozenset({2, 18, 19, 20, 21})
"""X509_verify_cert's codes of a certificate that nobody known vouches for."""

_MAX_NAME: Final = 80


class _UntrustedError(MisconfiguredError):
    """The certificate of a far end was not accepted."""

    def __init__(self, error: ssl.SSLCertVerificationError) -> None:
        self._reason = getattr(error, "verify_message", "").rstrip(".") or "it cannot be verified"
        self._unknown = getattr(error, "verify_code", 0) in _UNKNOWN_ISSUER
        super().__init__(self._reason)

    def told_of(self, host: str, origin: str, proxy: str | None) -> MisconfiguredError:
        """Return it with *host*, met on the way to *origin*, and with who issued it."""
        issuer = find_issuer(host, origin, proxy)
        if not self._unknown:
            issued = f" (issued by {issuer})" if issuer else ""
            return MisconfiguredError(
                f"the certificate of {host} is not valid: {self._reason}{issued}"
            )
        return MisconfiguredError(untrusted(host, issuer, f" ({self._reason})"))


def untrusted(host: str, issuer: str, reason: str = "") -> str:
    """Return that nobody known vouches for the certificate of *host*, and what to set."""
    why = f"is issued by {issuer}, which" if issuer else "has an issuer that"
    return (
        f"the certificate of {host} {why} is not trusted{reason}; if that is your own CA, set "
        "ICESYNC_CA_FILE=FILE in the job's environment"
    )


class _SeenError(Exception):
    """A certificate was seen; nothing more is wanted."""


@functools.lru_cache(maxsize=64)
def find_issuer(host: str, origin: str, proxy: str | None) -> str:
    """
    Return who issued the certificate of *host*, met on the way to *origin*, or nothing.

    A connection of its own ends after the handshake: it trusts everybody, so nothing is
    sent on it but what *proxy* asks for.
    """
    from icesync.net.certificate import read_certificate

    seen: list[bytes] = []
    greeted = ""

    def look(event: str, info: Mapping[str, Any]) -> None:
        nonlocal greeted
        if event.endswith(".start_tls.started"):
            greeted = info["server_hostname"]
        elif event.endswith(".start_tls.complete") and greeted == host:
            with contextlib.closing(info["return_value"]) as stream:
                seen.append(stream.get_extra_info("ssl_object").getpeercert(True) or b"")
            raise _SeenError

    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    url = _read_url(origin)
    if url is None:
        return ""
    timeout = dict.fromkeys(("connect", "read", "write", "pool"), _CONNECT_S)
    request = httpcore.Request(
        "HEAD", url, headers=[(b"Host", _authority(url))],
        extensions={"timeout": timeout, "trace": look},
    )  # fmt: skip
    pool = _pool(ClientOptions(origin, _CONNECT_S, "", proxy, anybody))
    connection = pool.create_connection(url.origin)
    with contextlib.suppress(Exception), contextlib.closing(connection):
        connection.handle_request(request)
    certificate = read_certificate(seen[0]) if seen else None
    return f"`{printable(certificate.issuer[:_MAX_NAME])}`" if certificate else ""


def _handshake_refused(error: BaseException | None) -> MisconfiguredError | None:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return _UntrustedError(error)
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            return MisconfiguredError("the server does not support TLS as requested")
        error = error.__cause__ or error.__context__
    return None
