"""A far end on loopback that misbehaves on request, and certificates for it."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Script: TypeAlias = "Callable[[socket.socket, FarEnd], None]"
"""What a far end does with one connection, until it returns; then it is closed."""

RETRY_FOR_S: Final = 5.0


class FarEnd:
    """
    A raw server on a free port of loopback.

    *scripts* are for one connection after the other, the last stays; with
    *context* it speaks TLS. *requests* are those that came whole, *connections*
    how many were made.
    """

    def __init__(self, *scripts: Script, context: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.ended = threading.Event()
        self._scripts = list(scripts)
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._listen)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Its address."""
        scheme = "http" if self._context is None else "https"
        return f"{scheme}://127.0.0.1:{self.port}"

    def read(self, connection: socket.socket) -> bytes:
        """Return the next whole request of *connection*, empty at its end; remember it."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        while len(body) < length:
            body += connection.recv(65536)
        self.requests.append(head + b"\r\n\r\n" + body)
        return self.requests[-1]

    def refuse(self) -> None:
        """Take no connection any more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def close(self) -> None:
        """End."""
        self.ended.set()
        self.refuse()
        for thread in self._threads:
            thread.join(RETRY_FOR_S)

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
                thread = threading.Thread(target=self._serve, args=(connection, script))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket, script: Script) -> None:
        connection.settimeout(RETRY_FOR_S)
        with contextlib.suppress(OSError), contextlib.closing(connection):
            if self._context is None:
                script(connection, self)
                return
            with self._context.wrap_socket(connection, server_side=True) as secured:
                script(secured, self)


def reset(connection: socket.socket) -> None:
    """Close *connection* with a reset instead of an orderly end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


OpenFarEnd: TypeAlias = Callable[..., FarEnd]


@pytest.fixture
def far_end() -> Iterator[OpenFarEnd]:
    """Open far ends, and close them in the end."""
    with contextlib.ExitStack() as stack:

        def open_far_end(*scripts: Script, context: ssl.SSLContext | None = None) -> FarEnd:
            return stack.enter_context(contextlib.closing(FarEnd(*scripts, context=context)))

        yield open_far_end


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Make a self-signed certificate for a name or address; one file, key and all."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl program to make a certificate with")
    folder = tmp_path_factory.mktemp("certificates")

    def make(name: str) -> Path:
        path = folder / f"{name.replace(':', '-')}.pem"
        if not path.exists():
            subprocess.run(
                [openssl, "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=far end",
                 "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                 "-addext", f"subjectAltName={name}", "-keyout", f"{path}.key", "-out", path],
                check=True,
                capture_output=True,
            )  # fmt: skip
        return path

    return make


def server_context(certificate: Path) -> ssl.SSLContext:
    """Return what a far end needs to show *certificate*."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, f"{certificate}.key")
    return context
