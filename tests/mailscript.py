"""
A mail server on loopback that says what a table tells it to.

For every odd answer that no real server can be made to give. What it heard is
kept, so that a test can count the logins.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
import warnings
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from icesync.probe.connection import Timeouts

if TYPE_CHECKING:
    from collections.abc import Mapping

HANG: Final = "\0hang"
"""Say nothing more, until the client gives up."""

IMPATIENT: Final = Timeouts(
    connect_s=20, look_s=0.15, last_word_s=0.2, goodbye_s=0.1, retry_s=0, total_s=0.8
)
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
        self._make_odd(folder)

    def _make_odd(self, folder: str) -> None:
        """Make what no honest library issues: by hand, under an authority of their own."""
        from cryptography.hazmat.primitives.asymmetric import rsa
        from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose

        root, middle, key = (rsa.generate_private_key(65537, 2048) for _ in range(3))
        small = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that is the point
        own = _certificate("Odd Root", root, "Odd Root", root, authority=True)
        with open(self.ca_file, "ab") as stream:  # noqa: PTH123 - appended to
            stream.write(_pem(own))
        day = timedelta(days=1)
        for name, made, held in (
            ("weak key", _certificate("odd", small, "Odd Root", root), small),
            ("sha1", _weakly_signed(_certificate("odd", key, "Odd Root", root), root), key),
            (
                "for clients",
                _certificate("odd", key, "Odd Root", root, purpose=Purpose.CLIENT_AUTH),
                key,
            ),
            ("incomplete", _certificate("odd", key, "Odd Middle", middle, public=True), key),
            ("private", _certificate("odd", key, "Odd Middle", middle), key),
            ("self-signed and expired", _certificate("odd", key, "odd", key, ends=-3 * day), key),
            (
                "expired and for another name",
                _certificate("odd", key, "Odd Root", root, ends=-3 * day, host="a.test"),
                key,
            ),
        ):
            self.contexts[name] = _loaded(f"{folder}/odd.pem", made, held)
        good = f"{folder}/good.pem"
        _loaded(good, _certificate("odd", key, "Odd Root", root), key)
        for name, version, ciphers in (
            ("TLS 1.0", ssl.TLSVersion.TLSv1, "ALL:@SECLEVEL=0"),
            ("no cipher in common", ssl.TLSVersion.TLSv1_2, "NULL:@SECLEVEL=0"),
            ("small DH", ssl.TLSVersion.TLSv1_2, "DHE-RSA-AES256-GCM-SHA384:@SECLEVEL=0"),
        ):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.set_ciphers(ciphers)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = context.maximum_version = version
            context.load_cert_chain(good)
            self.contexts[name] = context
        (path := Path(folder, "dh.pem")).write_text(_SMALL_DH)
        self.contexts["small DH"].load_dh_params(str(path))

    @property
    def good(self) -> ssl.SSLContext:
        """What a server that is in order has."""
        return self.contexts["good"]


def _certificate(
    name: str,
    key: Any,
    issuer: str,
    by: Any,
    *,
    authority: bool = False,
    purpose: Any = None,
    public: bool = False,
    ends: timedelta = timedelta(days=90),
    host: str = "localhost",
) -> Any:
    """Return a certificate for *key*; *public*: it says where its issuer's own is."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import AuthorityInformationAccessOID as Access
    from cryptography.x509.oid import NameOID

    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + ends)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False
        )
    if purpose is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    if public:
        where = x509.UniformResourceIdentifier("http://ca.test/odd.crt")
        access = x509.AccessDescription(Access.CA_ISSUERS, where)
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    return builder.sign(by, hashes.SHA256())


def _weakly_signed(certificate: Any, by: Any) -> Any:
    """Return *certificate* with a signature by SHA-1, which libraries make no more."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding

    strong, weak = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
    told = certificate.tbs_certificate_bytes.replace(strong, weak)
    signature = by.sign(told, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 - that is the point
    der = certificate.public_bytes(serialization.Encoding.DER).replace(strong, weak)
    return x509.load_der_x509_certificate(der[: -len(signature)] + signature)


def _pem(certificate: Any) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return certificate.public_bytes(serialization.Encoding.PEM)  # type: ignore[no-any-return]


def _loaded(path: str, certificate: Any, key: Any) -> ssl.SSLContext:
    """Return a server's context that holds *certificate*, however weak."""
    from cryptography.hazmat.primitives import serialization as kept

    private = key.private_bytes(kept.Encoding.PEM, kept.PrivateFormat.PKCS8, kept.NoEncryption())
    Path(path).write_bytes(private + _pem(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(path)
    return context


_SMALL_DH: Final = """\
-----BEGIN DH PARAMETERS-----
MIGHAoGBAPjc1Lzh9dMxt4utgiCCqGpK2E5c51Lg6i0/Ey4dQkNhE6VVZ08VP3f0
ZlfQlgpjBvqHsqk7ubIpEoDrTMkZoth6joQ/GQjktZ3NiPVQKh/FK/1KLwKXomO8
LXfUwxRUqFEbOWTmrsVRJBDuzVZoYmsnXeqMWFHk+tP2EBQcKLzHAgEC
-----END DH PARAMETERS-----
"""
"""A prime of 1,024 bits, made for these tests: `openssl dhparam 1024`."""


def _context(leaf: object) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)  # type: ignore[attr-defined]
    return context


class ScriptedServer:
    """
    Answers by *table*, at once encrypted with *implicit*, after STARTTLS with *upgrade*.

    *heard* are the lines of all connections; *connections* counts them. *after*
    holds the answers that are others once encryption has begun. *pause_s* is
    how long the greeting takes.
    """

    def __init__(
        self,
        table: Mapping[str, str | list[str]],
        *,
        implicit: ssl.SSLContext | None = None,
        upgrade: ssl.SSLContext | None = None,
        after: Mapping[str, str | list[str]] | None = None,
        pause_s: float = 0,
        address: str = "127.0.0.1",
    ) -> None:
        self._table: Table = dict(table)
        self._after = after or {}
        self._implicit = implicit
        self._upgrade = upgrade
        self._pause_s = pause_s
        self.heard: list[str] = []
        self.connections = 0
        self._listener = socket.create_server((address, 0), backlog=64)
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
                time.sleep(self._pause_s)
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
        if HANG in text:
            said = text.replace(HANG, "")
            wire.sendall(f"{said}\r\n".encode() if said else b"")
            while wire.recv(65_536):
                pass
            raise EOFError
        if text:
            wire.sendall(text.encode("utf-8", "surrogateescape") + b"\r\n")
