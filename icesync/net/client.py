"""
The only maker of HTTP clients; it does not know what is asked of whom.

A request here carries passwords, and that settles how it travels: https anywhere, plain
http on this machine only; TLS is verified against a known list and the environment is not
asked (proxy, key-log and certificate variables), redirects are not followed, replies are
capped and never decompressed, and a call has one total deadline. httpx's own timeouts are
per read, so a reply that drips would pass them for ever: a watchdog shuts the socket down
instead. A far end is asked again by what it asks for itself, and by one schedule.
"""

from __future__ import annotations

import contextlib
import functools
import re
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol, Self, TypeAlias
from urllib.parse import urlsplit

import certifi
import httpx

from icesync.errors import printable
from icesync.frozen import NamedTuple, frozen
from icesync.model.host import is_loopback

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
    Return a context that trusts *ca_file*, or the list that comes with httpx.

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
_MEANINGS: Final[tuple[tuple[type[httpx.HTTPError], type[Exception], str], ...]] = (
    (httpx.UnsupportedProtocol, MisconfiguredError, "the address cannot be called"),
    (httpx.LocalProtocolError, MisconfiguredError, "the request cannot be written"),
    (httpx.ConnectTimeout, NotSentError, f"{_NO_CONNECTION} in time"),
    (httpx.PoolTimeout, NotSentError, f"{_NO_CONNECTION} in time"),
    (httpx.ConnectError, NotSentError, _NO_CONNECTION),
    (httpx.ProxyError, NotSentError, "the proxy rejected the connection"),
    (httpx.TimeoutException, BrokenError, "no reply in time"),
    (httpx.RemoteProtocolError, _LostError, _BROKE),
    (httpx.ReadError, _LostError, _BROKE),
    (httpx.WriteError, _LostError, _BROKE),
    (httpx.HTTPError, BrokenError, _BROKE),
)
"""The first row that fits; only these connect errors prove that nothing left."""


class _Asked(NamedTuple):
    """One request, for as often as it is made."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]


class HttpClient:
    """
    Sends bytes and reads a capped reply, within a total deadline.

    It speaks to httpx's transport directly: redirects, cookies, decoding and the
    environment live in httpx's client, and none of them is wanted here.
    """

    def __init__(self, options: ClientOptions) -> None:
        self._options = options
        self._transport = _transport(options)
        connect_s = min(_CONNECT_S, options.timeout_s)
        self._timeout = httpx.Timeout(options.timeout_s, connect=connect_s).as_dict()
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": options.user_agent,
            "Content-Type": "application/json; charset=utf-8",
        }
        self._urls: dict[str, httpx.URL] = {}
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
        reused, self._reused = self._reused, False
        try:
            reply = self._exchange(asked, deadline)
        except _LostError:
            if not reused or not repeatable:
                raise BrokenError(_BROKE) from None
            reply = self._repeat(asked, deadline)
        self._reused = True
        return reply

    def _repeat(self, asked: _Asked, deadline: float) -> RawReply:
        """Make the request once more, at once, on a fresh connection."""
        try:
            return replace(self._exchange(asked, deadline), repeated=True)
        except (NotSentError, MisconfiguredError, _LostError):
            # Whatever became of the second one, the first may have arrived.
            raise BrokenError(_BROKE) from None

    def _exchange(self, asked: _Asked, deadline: float) -> RawReply:
        url = self._url(asked.path)
        # A stream: with a content httpx looks anew for each call which headers it wants.
        request = httpx.Request(
            asked.method,
            url,
            headers=_headers_of(asked, url),
            stream=httpx.ByteStream(asked.body),
            extensions={"timeout": self._timeout, "trace": self._trace},
        )
        self._greeted = ""
        watched = WATCHDOG.watch(self, deadline)
        try:
            with watched:
                response = self._transport.handle_request(request)
                try:
                    return _read(response, self._options.max_reply_bytes)
                finally:
                    response.stream.close()  # type: ignore[union-attr]
        except httpx.HTTPError as error:
            failure = _translate(error, late=watched.late)
            if isinstance(failure, NotSentError) and self._options.proxy and not self._greeted:
                told = str(failure).replace(_NO_CONNECTION, f"{_NO_CONNECTION} to the proxy")
                failure = NotSentError(told)
            if isinstance(failure, _UntrustedError):
                origin = f"{request.url.scheme}://{request.url.netloc.decode()}/"
                failure = failure.told_of(self._greeted, origin, self._options.proxy)
        # Out here: the request, with its body, hangs on httpx's error, and a
        # context would keep that.
        raise failure

    def _url(self, path: str) -> httpx.URL:
        """Return the whole address of *path*; reading an address once is enough."""
        if path not in self._urls:
            try:
                self._urls[path] = httpx.URL(self._options.base_url + path)
            except httpx.InvalidURL:
                raise MisconfiguredError("the address cannot be called") from None
        return self._urls[path]

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

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
        elif event == _SENDING and info["request"].method != b"CONNECT":
            # Connected, and through the proxy: the other ten events are not worth a look.
            info["request"].extensions.pop("trace", None)


_SENDING: Final = "http11.send_request_headers.started"


def _headers_of(asked: _Asked, url: httpx.URL) -> list[tuple[bytes, bytes]]:
    named = [(name.encode("ascii"), value.encode("ascii")) for name, value in asked.headers.items()]
    headers = [(b"Host", url.netloc), *named]
    if asked.body or asked.method in _WITH_BODY:
        headers.append((b"Content-Length", b"%d" % len(asked.body)))
    return headers


_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


def _transport(options: ClientOptions) -> httpx.BaseTransport:
    answer = options.answer
    if answer is None:
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
        return httpx.HTTPTransport(
            verify=options.trust or _usual_trust(options.base_url),
            trust_env=False,
            proxy=_proxy(options),
            limits=limits,
        )

    def handle(request: httpx.Request) -> httpx.Response:
        reply = answer(request.method, request.url.path, request.headers, request.content)
        stream = httpx.ByteStream(reply.body)
        return httpx.Response(reply.status, headers=dict(reply.headers), stream=stream)

    return httpx.MockTransport(handle)


def _proxy(options: ClientOptions) -> httpx.Proxy | None:
    """Return the proxy; one that is called by https is verified by the job's own list, too."""
    if options.proxy is None:
        return None
    secured = options.proxy.lower().startswith("https:")
    return httpx.Proxy(options.proxy, ssl_context=options.trust if secured else None)


def _usual_trust(base_url: str) -> ssl.SSLContext:
    """Return whom to trust unless told; loading a list costs time, and plain HTTP asks nobody."""
    plain = base_url.startswith("http:")
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else trust_store()


def _read(response: httpx.Response, max_bytes: int) -> RawReply:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise BrokenError("the reply is compressed, which was not requested")
    body = bytearray()
    for chunk in response.stream:  # type: ignore[union-attr]
        body += chunk
        if len(body) > max_bytes:
            raise BrokenError(f"the reply is larger than {max_bytes // 1_048_576} MiB")
    return RawReply(response.status_code, response.headers, bytes(body))


def _translate(error: httpx.HTTPError, *, late: bool) -> Exception:
    if isinstance(error, httpx.ProxyError):
        return _proxy_refused(str(error))
    meaning, text = next((m, text) for kind, m, text in _MEANINGS if isinstance(error, kind))
    if late:
        # A lost connection was shut down here, and is not made anew.
        return meaning("no connection in time") if meaning is NotSentError else BrokenError(_LATE)
    if isinstance(error, httpx.ConnectError):
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
    extensions = {"timeout": httpx.Timeout(_CONNECT_S).as_dict(), "trace": look}
    options = ClientOptions(origin, _CONNECT_S, "", proxy, anybody)
    with contextlib.suppress(Exception), contextlib.closing(_transport(options)) as transport:
        transport.handle_request(httpx.Request("HEAD", origin, extensions=extensions))
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
