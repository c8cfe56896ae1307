"""Put the service on a port, in this thread or in one of its own."""

from __future__ import annotations

import asyncio
import ssl
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from icesync.emulator.connection import Connection
from icesync.errors import UsageError
from icesync.model.host import is_loopback

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import Callable
    from pathlib import Path
    from typing import Self

    from icesync.emulator.service import Service

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
            "both files are PEM, the key belongs to the certificate and has no password",
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
            f"bind it to {LOOPBACK}, or allow it with --insecure-bind",
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
            "choose another port; 0 takes a free one",
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


class BackgroundServer:
    """
    The service on loopback, in a daemon thread, while the context is open.

    *url* is what belongs into ``api.base_url``. Entering raises what
    :func:`serve` raises.
    """

    def __init__(
        self, service: Service, *, port: int = 0, ssl_context: ssl.SSLContext | None = None
    ) -> None:
        self.url = ""
        self._service = service
        self._port = port
        self._ssl_context = ssl_context
        self._started: Future[tuple[str, Callable[[], object]]] = Future()
        self._thread = threading.Thread(target=self._run, name="ice-emulator", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.url, self._stop = self._started.result()
        return self

    def __exit__(self, *raised: object) -> None:
        self._stop()
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except asyncio.CancelledError:
            pass
        except UsageError as problem:
            self._started.set_exception(problem)

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        serving = loop.create_task(
            serve(
                self._service,
                LOOPBACK,
                self._port,
                ready=lambda url: self._started.set_result((url, stop)),
                ssl_context=self._ssl_context,
            )
        )

        def stop() -> None:
            loop.call_soon_threadsafe(serving.cancel)

        await serving


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
