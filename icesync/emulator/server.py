"""
The service on a port: bytes become requests, replies become bytes.

A reply leaves in one write; asyncio switches Nagle's algorithm off by itself,
so a kept connection never waits for a delayed acknowledgement. A fault that
answers nothing is played here. While a reply waits, the caller is watched: one
that goes away has ended its call, which is decided all the same.

A request must name this machine in its ``Host``: a web page that made its own
name lead here (DNS rebinding) names itself, and is refused before anything reads it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import h11

from icesync.emulator.aspnet import Request, iis_page, kernel_page, phrase
from icesync.emulator.faults import Fault, Kind
from icesync.errors import UsageError
from icesync.model.host import is_loopback

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import Callable
    from pathlib import Path

    from icesync.emulator.service import Exchange, Service
    from icesync.wire.reply import Reply

BODY_LIMIT_BYTES: Final = 30_000_000
"""The largest body that IIS lets through (observed)."""

_CHUNK_BYTES: Final = 2**16
_LINGER_S: Final = 1.0
_EARLY_S: Final = 0.0005
"""The event loop rounds waits up to whole milliseconds: half of one too long on average."""

_WITHOUT_BODY: Final = frozenset({204, 304})
_RESET: Final = struct.pack("ii", 1, 0)
"""``SO_LINGER`` on with no time: closing drops what waits and sends a reset."""


class _Refused(Exception):
    """The web server answers by itself, with this page."""

    def __init__(self, page: Reply) -> None:
        super().__init__(page.status)
        self.page = page


class Connection:
    """
    One client, from accept to close; *scheme* is what its addresses begin with.

    *is_ours* tells whether a ``Host`` header names this server.
    """

    def __init__(
        self,
        service: Service,
        reader: StreamReader,
        writer: StreamWriter,
        scheme: str,
        is_ours: Callable[[str], bool],
    ) -> None:
        self._service = service
        self._reader = reader
        self._writer = writer
        self._scheme = scheme
        self._is_ours = is_ours
        self._wire = h11.Connection(h11.SERVER)
        self._exchange: Exchange | None = None
        self._heard_at = 0.0

    async def run(self) -> None:
        """Answer one request after the other until either side has enough, then close."""
        try:
            with suppress(OSError):
                await self._converse()
        finally:
            self._end()
            await self._close()

    async def _converse(self) -> None:
        try:
            while (head := await self._next_head()) is not None:
                came_at = self._heard_at
                exchange = self._service.begin(replace(head, body=await self._body()))
                self._exchange = exchange
                reply = b"" if exchange.fault else self._spell(exchange.reply, head.method)
                # What the work took counts: a reply is as late as it was asked to be.
                await self._pause(came_at + exchange.wait_s - _EARLY_S)
                if exchange.fault is not None:
                    await self._break(exchange.fault)
                    return
                self._end()
                self._writer.write(reply)
                await self._writer.drain()
                if self._wire.our_state is h11.MUST_CLOSE:
                    return
                self._wire.start_next_cycle()
        except _Refused as refusal:
            await self._refuse(refusal.page)
        except h11.RemoteProtocolError as error:
            await self._refuse(kernel_page(error.error_status_hint))

    async def _break(self, fault: Fault) -> None:
        """Answer nothing: reset the connection, or keep silent until the caller has gone."""
        if fault.kind is not Kind.RESET:
            while await self._reader.read(_CHUNK_BYTES):
                pass
        self._end()
        if fault.kind is Kind.RESET:
            sock: socket.socket = self._writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._writer.transport.abort()

    def _end(self) -> None:
        """Say that the call is over, if one is in flight; a late write is then on its way."""
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            return
        self._service.end(exchange)
        if exchange.late_s is not None:
            asyncio.get_running_loop().call_later(exchange.late_s + 0.01, self._service.settle)

    async def _pause(self, ends: float) -> None:
        """Wait until *ends*, and notice when the caller goes away or begins its next request."""
        loop = asyncio.get_running_loop()
        while (left_s := ends - loop.time()) > 0:
            try:
                async with asyncio.timeout(left_s):
                    data = await self._reader.read(_CHUNK_BYTES)
            except TimeoutError:
                return
            if not data:
                self._end()
                await asyncio.sleep(ends - loop.time())
                return
            self._hear(data)

    async def _next_head(self) -> Request | None:
        """Return the next request without its body, or None when the client has closed."""
        head = await self._next_event()
        if not isinstance(head, h11.Request):
            return None
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
        if not self._is_ours(headers.get("host", "")):
            raise _Refused(kernel_page(400, "Bad Request - Invalid Hostname"))
        if int(headers.get("content-length", "0")) > BODY_LIMIT_BYTES:
            raise _Refused(iis_page(404))
        method = head.method.decode("ascii")
        if method == "POST" and not headers.keys() & {"content-length", "transfer-encoding"}:
            raise _Refused(kernel_page(411))
        path = head.target.decode("latin-1")
        return Request(method, path, headers, scheme=self._scheme)

    async def _body(self) -> bytes:
        body = bytearray()
        while isinstance(event := await self._next_event(), h11.Data):
            body += event.data
            if len(body) > BODY_LIMIT_BYTES:
                raise _Refused(iis_page(413))
        return bytes(body)

    async def _next_event(self) -> object:
        while (event := self._wire.next_event()) is h11.NEED_DATA:
            if self._wire.they_are_waiting_for_100_continue:
                go_ahead = h11.InformationalResponse(status_code=100, headers=[])
                self._writer.write(self._wire.send(go_ahead) or b"")
            self._hear(await self._reader.read(_CHUNK_BYTES))
        return event

    def _hear(self, data: bytes) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        self._wire.receive_data(data)

    def _spell(self, reply: Reply, method: str) -> bytes:
        """Return the bytes of *reply*, which counts as sent from now on."""
        content = b"" if reply.status in _WITHOUT_BODY else reply.body
        headers = [*reply.headers.items(), ("content-length", str(len(content)))]
        reason = phrase(reply.status)
        response = h11.Response(status_code=reply.status, headers=headers, reason=reason)
        sent = self._wire.send(response) or b""
        if method != "HEAD":
            sent += self._wire.send(h11.Data(data=content)) or b""
        self._wire.send(h11.EndOfMessage())
        return sent

    async def _refuse(self, page: Reply) -> None:
        """Answer as the web server itself; what still arrives is thrown away for a moment."""
        closing = replace(page, headers={**page.headers, "connection": "close"})
        self._writer.write(self._spell(closing, ""))
        await self._writer.drain()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_S):
                while await self._reader.read(_CHUNK_BYTES):
                    pass

    async def _close(self) -> None:
        self._writer.close()
        with suppress(OSError):
            async with asyncio.timeout(_LINGER_S):
                await self._writer.wait_closed()


LOOPBACK = "127.0.0.1"


def tls_context(certificate: Path, key: Path | None = None) -> ssl.SSLContext:
    """
    Return what lets the server speak TLS with this *certificate* and its chain.

    Without a *key*, it is in the same file.

    Raises:
        UsageError: the files cannot be read, do not fit each other, or ask for a password.

    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password="")
    except OSError as problem:
        wrong = "no certificate with its key" if isinstance(problem, ssl.SSLError) else ""
        raise UsageError(
            f"the certificate {certificate} cannot be served: {wrong or problem.strerror}",
            "both files must be PEM, and the key must belong to the certificate and have "
            "no password",
        ) from problem
    return context


async def serve(
    service: Service,
    host: str,
    port: int,
    *,
    ready: Callable[[str], None],
    insecure_bind: bool = False,
    ssl_context: ssl.SSLContext | None = None,
) -> None:
    """
    Answer on *host* and *port* until cancelled; port 0 takes a free one.

    *ready* is told the address that belongs into ``api.base_url`` as soon as
    connections are taken. Cancelled, it takes no more of them and closes those
    that are open; a reply that was begun still leaves.

    Raises:
        UsageError: the port cannot be had, or *host* is reachable from other
            machines and *insecure_bind* does not allow it.

    """
    if not insecure_bind and not is_loopback(host):
        raise UsageError(
            f"the emulator would be reachable from other machines: {host}",
            f"use {LOOPBACK}, or allow it with --insecure-bind",
        )
    scheme = "https" if ssl_context else "http"
    open_connections: set[asyncio.Task[None]] = set()

    def accept(reader: StreamReader, writer: StreamWriter) -> None:
        here = str(writer.get_extra_info("sockname")[0])
        own_names = frozenset({host.lower(), here.lower()})
        connection = Connection(service, reader, writer, scheme, lambda h: _is_ours(h, own_names))
        task = asyncio.create_task(connection.run())
        open_connections.add(task)

        def forget(ended: asyncio.Task[None]) -> None:
            # A task that was cancelled before it began has closed nothing.
            open_connections.discard(ended)
            writer.close()

        task.add_done_callback(forget)

    try:
        server = await asyncio.start_server(accept, host, port, ssl=ssl_context)
    except OSError as problem:
        raise UsageError(
            f"cannot listen on {host} port {port}: {problem.strerror}",
            "use another port; 0 picks a free one",
        ) from problem
    try:
        ready(_url(scheme, server) + service.base_path)
        await asyncio.Event().wait()
    finally:
        # A connection that was just accepted takes some turns of the loop to get its task,
        # and is lost, open, when the server closes before that (asyncio of Python 3.11).
        await _turns()
        server.close()
        for task in open_connections:
            task.cancel()
        await asyncio.gather(*open_connections, return_exceptions=True)
        # What was closed is let go in the loop's next turn.
        await _turns()


def _is_ours(header: str, own_names: frozenset[str]) -> bool:
    """Return whether a ``Host`` *header*, or none, names loopback or an address of this server."""
    name = header.strip().lower()
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    return not header or name in own_names or is_loopback(name)


async def _turns(count: int = 4) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def _url(scheme: str, server: asyncio.Server) -> str:
    host, port = server.sockets[0].getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
