"""
Secrets from HashiCorp Vault and OpenBao: ``ref+vault://MOUNT/PATH[?version=N]#/KEY``.

The paths are those of ``vault kv get``: whether a mount speaks version 1 or 2 of
the key-value engine is asked once a mount, as the vendor's own program does
(``sys/internal/ui/mounts``). Each secret is read once a run, however many keys
of it are wanted.

Who asks is settled by the environment, in this order: ``VAULT_TOKEN``,
``VAULT_TOKEN_FILE``, a login by the job's own JSON Web Token (``VAULT_AUTH_ROLE``,
``VAULT_AUTH_PATH``, ``VAULT_ID_TOKEN``: the names that GitLab's jobs have), and
``~/.vault-token``. For ``openbao`` each name may start with ``BAO`` instead.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from icesync.errors import (
    SecretForbidden,
    SecretMissing,
    SecretStoreClosed,
    SecretStoreRefused,
    printable,
)
from icesync.frozen import NamedTuple
from icesync.model.secret import SecretIdentity, SecretMetadata, SecretRef, SecretValue
from icesync.secrets import SingleFlight, make_secret, pick
from icesync.secrets.http import WebService

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_ACCESS: Final = 403
_NOTHING: Final = 404
_DONE: Final = 200
_QUOTED: Final = 200


_CLOSED: Final = frozenset({"auth", "cubbyhole", "identity", "sys"})
"""What is always mounted there and keeps no secrets of ours, but tokens and identities."""

_KEY_VALUE: Final = frozenset({"kv", "generic"})
_VERSION: Final = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)


class _Mount(NamedTuple):
    """How many steps of a path lead to a key-value engine, and its version."""

    depth: int
    version: str


class _Read(NamedTuple):
    """The map that was read, and what Vault says about it."""

    data: dict[str, Any]
    metadata: SecretMetadata


class VaultProvider:
    """Opens ``vault`` or ``openbao`` references, as *environ* says where and who."""

    remote = True

    def __init__(self, scheme: str, environ: Mapping[str, str], agent: str, home: Path) -> None:
        self.scheme = scheme
        self._name = "OpenBao" if scheme == "openbao" else "Vault"
        self._prefixes = ("BAO", "VAULT") if scheme == "openbao" else ("VAULT",)
        self._environ = environ
        self._home = home
        self._service = WebService(
            self._name, self._setting("ADDR") or "", agent, self._setting("CACERT")
        )
        self._token: SingleFlight[str] = SingleFlight()
        self._mounts: SingleFlight[_Mount] = SingleFlight()
        self._secrets: SingleFlight[_Read] = SingleFlight()

    def fetch(self, reference: SecretRef) -> SecretValue:
        """
        Return the string at the key.

        Raises:
            SecretMissing: Vault cannot be asked, does not allow it, or has no such thing.

        """
        read = self._read(reference)
        if not reference.fragment:
            names = ", ".join(f"`{name}`" for name in sorted(read.data))
            raise SecretMissing(
                f"`{reference}` names no key; available: {names or 'nothing'}",
                *(f"{reference}#/{name}" for name in sorted(read.data)[:1]),
            )
        return make_secret(pick(reference, read.data), f"`{reference}`")

    def metadata(self, reference: SecretRef) -> SecretMetadata:
        """Return the version and its time, as far as the engine keeps them."""
        return self._read(reference).metadata

    def _read(self, reference: SecretRef) -> _Read:
        _check(reference)
        where = (reference.path, reference.query)
        return self._secrets.get(where, lambda: self._read_now(reference), reference)

    def identify(self, reference: SecretRef) -> SecretIdentity:
        """
        Return server, namespace, path and key, of whichever version.

        Raises:
            SecretMissing: it does not name a mount and a path.

        """
        _check(reference)
        where = (self._setting("ADDR") or "").rstrip("/"), self._setting("NAMESPACE") or ""
        return SecretIdentity(f"vault:{where!a}:{reference.path}", reference.fragment)

    def _read_now(self, reference: SecretRef) -> _Read:
        mount = self._mount(reference)
        above, below = reference.steps[: mount.depth], reference.steps[mount.depth :]
        if mount.version != "2":
            status, tree = self._get(reference, _api_path(*above, *below))
            return _Read(self._map(reference, status, tree, "data"), SecretMetadata())
        version = reference.options.get("version")
        asked = f"?version={version}" if version else ""
        status, tree = self._get(reference, f"{_api_path(*above, 'data', *below)}{asked}")
        about = _at(tree, "data", "metadata")
        if status == _NOTHING and isinstance(about, dict):
            ended = "destroyed" if about.get("destroyed") else "deleted"
            raise SecretMissing(f"`{reference}`: version {about.get('version')} was {ended}")
        return _Read(self._map(reference, status, tree, "data", "data"), _metadata(about))

    def _map(self, reference: SecretRef, status: int, tree: object, *keys: str) -> dict[str, Any]:
        data = _at(tree, *keys)
        if status == _DONE and isinstance(data, dict):
            return data
        if status == _NOTHING:
            raise SecretMissing(f"`{reference}`: {self._name} has nothing at that path")
        if status == _NO_ACCESS:
            raise SecretStoreRefused(
                f"`{reference}`: {self._name} rejected the token: invalid, expired, or no "
                "policy allows it",
                f"to see why, run with the same token: vault kv get {reference.path}",
            )
        kind = SecretMissing if status == _DONE else SecretStoreRefused
        raise kind(f"`{reference}`: {self._name} answered with status {status}{_words(tree)}")

    def _mount(self, reference: SecretRef) -> _Mount:
        """Return the mount that *reference* is below; what shares a folder shares its mount."""
        folder = reference.path.rpartition("/")[0]
        return self._mounts.get(folder, lambda: self._find_mount(reference), reference)

    def _find_mount(self, reference: SecretRef) -> _Mount:
        steps = reference.steps
        status, tree = self._get(reference, _api_path("sys", "internal", "ui", "mounts", *steps))
        found, kind = _at(tree, "data", "path"), _at(tree, "data", "type")
        if status == _DONE and isinstance(found, str):
            mounted = tuple(found.strip("/").split("/"))
            if kind not in _KEY_VALUE or steps[: len(mounted)] != mounted:
                raise SecretForbidden(
                    f"`{reference}`: that mount of {self._name} is not a key-value engine",
                    "use a secret of a `kv` mount",
                )
            return _Mount(len(mounted), str(_at(tree, "data", "options", "version") or "1"))
        # Older policies hide it; then the default is version 2, mounted in one step.
        return _Mount(1, "2")

    def _get(self, reference: SecretRef, path: str) -> tuple[int, object]:
        token = self._token.get("token", lambda: self._obtain_token(reference), reference)
        return self._ask(reference, "GET", path, {"X-Vault-Token": token})

    def _ask(
        self,
        reference: SecretRef,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes = b"",
    ) -> tuple[int, object]:
        if not self._setting("ADDR"):
            raise SecretMissing(
                f"`{reference}` needs {self._prefixes[0]}_ADDR, which is not set",
                f"export {self._prefixes[0]}_ADDR=https://…",
            )
        namespace = self._setting("NAMESPACE")
        more = {"X-Vault-Namespace": namespace} if namespace else {}
        asked = {"X-Vault-Request": "true", **more, **headers}
        return self._service.ask(reference, method, path, asked, body)

    def _obtain_token(self, reference: SecretRef) -> str:
        token = self._setting("TOKEN") or _first_line(self._setting("TOKEN_FILE"))
        if token:
            return token
        role, proof = self._setting("AUTH_ROLE"), self._setting("ID_TOKEN")
        if role and proof:
            return self._log_in(reference, role, proof)
        token = _first_line(str(self._home / ".vault-token"))
        if token:
            return token
        prefix = self._prefixes[0]
        raise SecretStoreClosed(
            f"`{reference}` needs a token for {self._name}",
            f"set {prefix}_TOKEN, {prefix}_TOKEN_FILE, or {prefix}_AUTH_ROLE and {prefix}_ID_TOKEN",
        )

    def _log_in(self, reference: SecretRef, role: str, proof: str) -> str:
        way = self._setting("AUTH_PATH") or "jwt"
        body = json.dumps({"role": role, "jwt": proof}).encode()
        path = _api_path("auth", *way.strip("/").split("/"), "login")
        status, tree = self._ask(reference, "POST", path, {}, body)
        token = _at(tree, "auth", "client_token")
        if status == _DONE and isinstance(token, str):
            return token
        raise SecretStoreRefused(
            f"`{reference}`: {self._name} rejected the login as role {role!a} at "
            f"auth/{way}: status {status}{_words(tree)}"
        )

    def _setting(self, name: str) -> str | None:
        """Return the variable *name* under the first prefix that has it."""
        values = (self._environ.get(f"{prefix}_{name}") for prefix in self._prefixes)
        return next((value for value in values if value), None)


def _check(reference: SecretRef) -> None:
    options, steps = reference.options, reference.steps
    if options.keys() - {"version"} or not _VERSION.fullmatch(options.get("version", "1")):
        raise SecretMissing(f"`{reference}`: only ?version=NUMBER is allowed after the path")
    if len(steps) < 2 or reference.absolute or any("/" in step for step in steps):
        raise SecretMissing(
            f"`{reference}` does not name a mount and a path", "ref+vault://MOUNT/PATH#/KEY"
        )
    if steps[0] in _CLOSED:
        raise SecretForbidden(f"`{reference}`: `{steps[0]}/` contains no secrets")


def _api_path(*steps: str) -> str:
    """Return an address below the API; each step is one step there, whatever it holds."""
    return "/v1/" + "/".join(quote(step, safe="") for step in steps)


def _at(tree: object, *keys: str) -> object:
    """Return what *keys* lead to in *tree*, or None."""
    node = tree
    for key in keys:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def _words(tree: object) -> str:
    """Return the first of the errors that a reply names, cut short, or nothing."""
    errors = _at(tree, "errors")
    first = errors[0] if isinstance(errors, list) and errors else ""
    text = " ".join(first.split())[:_QUOTED] if isinstance(first, str) else ""
    return f": {printable(text)}" if text else ""


def _metadata(about: object) -> SecretMetadata:
    version, created = _at(about, "version"), _at(about, "created_time")
    try:
        # Nanoseconds, which Python does not read: to the second is enough.
        moment = datetime.fromisoformat(f"{str(created)[:19]}+00:00")
    except ValueError:
        moment = None
    return SecretMetadata(str(version) if isinstance(version, int) else None, moment)


def _first_line(path: str | None) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip() if path else ""
    except (OSError, ValueError):
        return ""
