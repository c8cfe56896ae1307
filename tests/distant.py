"""
Far ends of secrets, as they answer on the wire: on loopback, or as a program in PATH.

The shapes are those of the vendors' API references: Vault's KV engines
(api-docs/secret/kv), Google's ``versions.access``, Azure's ``Get Secret``.
"""

from __future__ import annotations

import base64
import json
import stat
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import TypeAlias

    Answer: TypeAlias = Callable[[str, str, Mapping[str, str], bytes], tuple[Any, ...]]

__all__ = [
    "OP",
    "SOPS",
    "WHOLE_SOPS",
    "FakeAzure",
    "FakeGoogle",
    "FakeVault",
    "install_program",
    "listening",
]


@contextmanager
def listening(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """
    Serve *answer*: method, target, headers and body to status, JSON and headers.

    With *context* by TLS.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet

        def answer_it(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, tree, *more = answer(self.command, self.path, self.headers, body)
            content = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            for name, value in (more[0] if more else {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def __getattr__(self, name: str) -> Callable[[], None]:
            """Answer every method: http.server looks for ``do_GET`` and its like."""
            if name.startswith("do_"):
                return self.answer_it
            raise AttributeError(name)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Say nothing of who broke off."""

    server = Server(("127.0.0.1", 0), Handler)
    if context is not None:
        # The handshake in the thread of its connection: one that hangs stops nobody.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http{'s' if context else ''}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class FakeVault:
    """
    Two key-value engines: version 2 at ``kv/`` and at ``team/mail/``, version 1 at ``old/``.

    *secrets* maps a whole path (``kv/mail``) to its versions, the last one is the
    newest; None is a deleted version. *asked* lists method and target of each
    request. Without *preflight* the mounts are not told, as older policies do.
    """

    secrets: dict[str, list[dict[str, Any] | None]] = field(default_factory=dict)
    token: str = "root-token"
    preflight: bool = True
    namespace: str | None = None
    asked: list[str] = field(default_factory=list)

    MOUNTS = (("kv/", "2"), ("team/mail/", "2"), ("old/", "1"))

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Any]:
        """Return what Vault answers."""
        self.asked.append(f"{method} {target}")
        parts = urlsplit(target)
        path = unquote(parts.path).removeprefix("/v1/")
        if method == "POST" and path.startswith("auth/"):
            return self._log_in(path, json.loads(body))
        return self._read(path, parse_qs(parts.query), headers)

    def _read(
        self, path: str, query: dict[str, list[str]], headers: Mapping[str, str]
    ) -> tuple[int, Any]:
        if headers.get("X-Vault-Token") != self.token or headers.get("X-Vault-Request") != "true":
            return 403, {"errors": ["permission denied"]}
        if headers.get("X-Vault-Namespace") != self.namespace:
            return 404, {"errors": []}
        if path.startswith("sys/internal/ui/mounts/"):
            return self._mount(path.removeprefix("sys/internal/ui/mounts/"))
        mount, version = next(((m, v) for m, v in self.MOUNTS if path.startswith(m)), ("", ""))
        if version == "1":
            found = self.secrets.get(path, [None])[-1]
            return (200, {"data": found}) if found is not None else (404, {"errors": []})
        rest = path.removeprefix(f"{mount}data/")
        if not mount or rest == path:
            return 404, {"errors": [f"no handler for route {path!r}"]}
        return self._versioned(mount + rest, query)

    def _log_in(self, path: str, asked: dict[str, str]) -> tuple[int, Any]:
        if path == "auth/jwt/login" and asked == {"role": "icesync", "jwt": "job-proof"}:
            return 200, {"auth": {"client_token": self.token, "lease_duration": 600}}
        return 400, {"errors": ["error validating token"]}

    def _mount(self, path: str) -> tuple[int, Any]:
        if not self.preflight:
            return 403, {"errors": ["preflight capability check returned 403"]}
        for mount, version in self.MOUNTS:
            if path.startswith(mount):
                data = {"path": mount, "type": "kv", "options": {"version": version}}
                return 200, {"data": data}
        return 403, {"errors": ["preflight capability check returned 403"]}

    def _versioned(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        versions = self.secrets.get(path, [])
        number = int(query.get("version", [str(len(versions))])[0])
        if not 1 <= number <= len(versions):
            return 404, {"errors": []}
        data = versions[number - 1]
        about = {
            "version": number,
            "created_time": "2026-11-02T10:20:30.123456789Z",
            "deletion_time": "" if data is not None else "2026-11-03T00:00:00Z",
            "destroyed": False,
        }
        return (200 if data is not None else 404), {"data": {"data": data, "metadata": about}}


@dataclass
class FakeGoogle:
    """Google's Secret Manager and the token endpoint of a service account."""

    secrets: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Any]:
        """Return what Google answers."""
        self.asked.append(f"{method} {target}")
        if target == "/token" and b"grant_type=" in body:
            return 200, {"access_token": "google-token", "expires_in": 3600, "token_type": "Bearer"}
        if headers.get("Authorization") != "Bearer google-token":
            return 401, {"error": {"code": 401}}
        _, _, _, project, _, name, _, last = unquote(target).split("/")
        version, _, verb = last.partition(":")
        values = self.secrets.get(f"{project}/{name}", [])
        number = len(values) if version == "latest" else int(version)
        if verb != "access" or not 1 <= number <= len(values):
            return 404, {"error": {"code": 404, "status": "NOT_FOUND"}}
        return 200, {
            "name": f"projects/1/secrets/{name}/versions/{number}",
            "payload": {"data": base64.b64encode(values[number - 1].encode()).decode()},
        }


@dataclass
class FakeAzure:
    """One vault of Azure."""

    secrets: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], _body: bytes
    ) -> tuple[int, Any]:
        """Return what Azure answers."""
        self.asked.append(f"{method} {target}")
        if headers.get("Authorization") != "Bearer azure-token":
            return 401, {"error": {"code": "Unauthorized"}}
        parts = urlsplit(target)
        name = unquote(parts.path).removeprefix("/secrets/")
        if parts.query != "api-version=7.4" or name not in self.secrets:
            return 404, {"error": {"code": "SecretNotFound"}}
        return 200, {
            "value": self.secrets[name],
            "id": f"https://kv.vault.azure.net/secrets/{name}/0a1b",
            "attributes": {"enabled": True, "created": 1_790_000_000},
        }


def install_program(folder: Path, name: str, code: str, flags: str = "-IS") -> None:
    """Put a program *name* of Python *code* into *folder*, which a test puts into PATH."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!{sys.executable} {flags}\n{code}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


SOPS = """\
import base64, pathlib, re, sys
*flags, name = sys.argv[1:]
assert flags == ["--decrypt"], flags
with open(name + ".log", "a") as log: log.write("x")
data = re.search(r'data"?: "?([^\\s"]+)', pathlib.Path(name).read_text())[1]
if data.startswith("exit-"): sys.exit(int(data[5:]))
if data == "hang": import time; time.sleep(60)
sys.stdout.buffer.write(base64.b64decode(data))
"""
"""
A stand-in for sops: files hold base64 instead of a cipher (:func:`sops_file`).

``exit-N`` instead fails so. It counts its runs in ``FILE.log``, and takes the
arguments of the real program only.
"""


def sops_file(plain: bytes | str, keys: str = "", *, json_too: bool = False) -> str:
    """Return a file that the stand-in decrypts to *plain*; *keys* is more of its metadata."""
    data = plain if isinstance(plain, str) else base64.b64encode(plain).decode()
    if json_too:
        return json.dumps({"data": data, "sops": {"version": "3.9.1"}})
    return f'data: {data}\nsops:\n  version: "3.9.1"\n{keys}'


WHOLE_SOPS = """\
import base64, pathlib, re, sys
*flags, name = sys.argv[1:]
with open(name + ".log", "a") as log: log.write("x")
text = pathlib.Path(name).read_text().partition("\\nsops:")[0] + "\\n"
value = re.compile(r"ENC\\[AES256_GCM,data:([^,]*),[^\\]]*\\]")
plain = value.sub(lambda found: base64.b64decode(found[1]).decode(), text)
sys.stdout.write(plain)
"""
"""
A stand-in for sops on YAML that is encrypted whole, in the shape that sops writes.

The cipher is base64; keys, layout and the ``sops:`` block at the end are as in real files.
"""

OP = """\
import os, sys
assert sys.argv[1:3] == ["read", "--no-newline"], sys.argv
values = dict(pair.split("=", 1) for pair in os.environ["OP_FAKE"].split("\\x1f"))
if sys.argv[3] not in values: sys.exit(1)
sys.stdout.buffer.write(os.fsencode(values[sys.argv[3]]))
"""
"""A stand-in for 1Password's program, over what the variable OP_FAKE holds."""
