"""
A mail server on loopback that says what a table tells it to.

For every odd answer that no real server can be made to give. What it heard is
kept, so that a test can count the logins.
"""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from icesync.probe.connection import Timeouts

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CUT", "HANG", "IMAP", "IMPATIENT", "POP3", "SMTP", "Certificates", "ScriptedServer"]

HANG: Final = "\0hang"
"""Say nothing more, until the client gives up."""

IMPATIENT: Final = Timeouts(connect_s=20, banner_s=0.15, command_s=0.3, retry_s=0, total_s=20)
"""For servers that will not answer."""

CUT: Final = "\0cut"
"""End the connection."""

Table = dict[str, str | list[str]]
"""Answers by how a command begins; a list is used up from the front; "*" is for all others."""

SMTP: Final[Mapping[str, str | list[str]]] = {
    "greeting": "220 mail.example.test ESMTP",
    "EHLO": "250-mail.example.test\r\n250 AUTH PLAIN LOGIN",
    "AUTH": "235 2.7.0 welcome",
    "MAIL": "250 2.1.0 fine",
    "RSET": "250 2.0.0 fine",
    "QUIT": "221 bye",
}
POP3: Final[Mapping[str, str | list[str]]] = {
    "greeting": "+OK hello",
    "CAPA": "+OK\r\nUSER\r\n.",
    "USER": "+OK",
    "PASS": "+OK",
    "STAT": "+OK 4 320",
    "QUIT": "+OK bye",
}
IMAP: Final[Mapping[str, str | list[str]]] = {
    "greeting": "* OK hello",
    "CAPABILITY": "* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN\r\na OK done",
    "AUTHENTICATE": "a OK in",
    "LOGIN": "a OK in",
    "EXAMINE": "* FLAGS ()\r\n* 7 EXISTS\r\na OK [READ-ONLY] open",
    "LOGOUT": "* BYE\r\na OK bye",
}


class Certificates:
    """An authority and what it, or nobody, signed; *ca_file* is all that a client trusts."""

    def __init__(self, folder: str) -> None:
        from datetime import UTC, datetime, timedelta

        import trustme

        now = datetime.now(UTC)
        authority, stranger = trustme.CA(), trustme.CA()
        self.ca_file = f"{folder}/ca.pem"
        authority.cert_pem.write_to_path(self.ca_file)
        names = ("localhost", "127.0.0.1", "mail.example.org")
        self.leaf = authority.issue_cert(*names, not_after=now + timedelta(days=90, hours=1))
        leaves = {
            "good": self.leaf,
            "soon": authority.issue_cert(*names, not_after=now + timedelta(days=12, hours=1)),
            "expired": authority.issue_cert(*names, not_after=now - timedelta(days=3)),
            "early": authority.issue_cert(*names, not_before=now + timedelta(days=1)),
            "wrong name": authority.issue_cert("mail.example.test"),
            "stranger": stranger.issue_cert(*names),
        }
        self.contexts = {name: _context(leaf) for name, leaf in leaves.items()}
        old = _context(self.leaf)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
        old.set_ciphers("NULL:@SECLEVEL=0")
        self.contexts["old"] = old
        alone = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        stranger.private_key_pem.write_to_path(f"{folder}/alone.pem")
        stranger.cert_pem.write_to_path(f"{folder}/alone.pem", append=True)
        alone.load_cert_chain(f"{folder}/alone.pem")
        self.contexts["self-signed"] = alone

    @property
    def good(self) -> ssl.SSLContext:
        """What a server that is in order has."""
        return self.contexts["good"]


def _context(leaf: object) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)  # type: ignore[attr-defined]
    return context


class ScriptedServer:
    """
    Answers by *table*, at once encrypted with *implicit*, after STARTTLS with *upgrade*.

    *heard* are the lines of all connections; *connections* counts them. *after*
    holds the answers that are others once encryption has begun.
    """

    def __init__(
        self,
        table: Mapping[str, str | list[str]],
        *,
        implicit: ssl.SSLContext | None = None,
        upgrade: ssl.SSLContext | None = None,
        after: Mapping[str, str | list[str]] | None = None,
    ) -> None:
        self._table: Table = dict(table)
        self._after = after or {}
        self._implicit = implicit
        self._upgrade = upgrade
        self.heard: list[str] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._wires: list[socket.socket] = []

    def commands(self, *starts: str) -> list[str]:
        """Return what was heard that begins with one of *starts*."""
        return [line for line in self.heard if line.startswith(starts)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *raised: object) -> None:
        # Closing does not wake who waits in accept; shutting down does.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for wire in self._wires:
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(20)

    def _accept(self) -> None:
        while True:
            try:
                wire, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._wires.append(wire)
            thread = threading.Thread(target=self._serve, args=(wire,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, wire: socket.socket) -> None:
        table = dict(self._table)
        with suppress(OSError, EOFError):
            if self._implicit is not None:
                wire = self._encrypt(wire, self._implicit)
            with wire:
                self._say(wire, table.pop("greeting"))
                if not self._converse(wire, table) or self._upgrade is None:
                    return
                wire = self._encrypt(wire, self._upgrade)
            with wire:
                self._converse(wire, table | dict(self._after))

    def _encrypt(self, wire: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
        encrypted = context.wrap_socket(wire, server_side=True)
        self._wires.append(encrypted)
        return encrypted

    def _converse(self, wire: socket.socket, table: Table) -> bool:
        """Answer until the client leaves; return whether encryption begins instead."""
        with wire.makefile("rb") as stream:
            while line := stream.readline():
                text = line.decode("utf-8", "replace").removesuffix("\r\n").removeprefix("a ")
                self.heard.append(text)
                key = next((k for k in table if text.upper().startswith(k)), "*")
                self._say(wire, table.get(key, ""))
                if key in {"STARTTLS", "STLS"} and self._upgrade is not None:
                    return True
        return False

    def _say(self, wire: socket.socket, answer: str | list[str]) -> None:
        text = answer.pop(0) if isinstance(answer, list) else answer
        if text == CUT:
            raise EOFError
        if text.startswith(HANG):
            wire.sendall(text.removeprefix(HANG).encode())
            while wire.recv(65_536):
                pass
            raise EOFError
        if text:
            wire.sendall(text.encode("utf-8", "surrogateescape") + b"\r\n")
