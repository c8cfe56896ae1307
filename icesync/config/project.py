"""
``icesync.yaml`` to a :class:`Project`.

As with server files, a quick reading decides and jsonschema explains what it
refuses, so that a good configuration does not pay for loading jsonschema.
"""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from icesync.config.backend import check_backend
from icesync.config.discover import read_file
from icesync.config.projectschema import LIMIT_PATTERN, STATE_METHODS
from icesync.config.yaml.document import Document, parse_document
from icesync.config.yaml.source import Quoted, SourceFile
from icesync.diagnostics import Diagnostic, SourcePosition, sort_diagnostics
from icesync.errors import ConfigInvalid
from icesync.model.address import MAX_ID
from icesync.model.host import is_loopback
from icesync.model.project import (
    EMULATOR,
    VENDOR_BASE_URL,
    Absent,
    Api,
    Backend,
    Guard,
    Level,
    Limit,
    LimitName,
    Login,
    OrgKey,
    Per,
    Project,
    SecretScope,
    StateSettings,
    WireOptions,
)
from icesync.model.secret import SCHEME_GRAMMAR, SecretRef, parse_secret_ref

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from icesync.config.yaml.document import NodePath

__all__ = ["read_project"]

_HOSTS: Final = frozenset({urlsplit(VENDOR_BASE_URL).hostname})
_INTEGER: Final = re.compile(r"0|[1-9][0-9]{0,8}")
_DECIMAL: Final = re.compile(r"(0|[1-9][0-9]{0,8})(\.[0-9]+)?")
_LIMIT: Final = re.compile(LIMIT_PATTERN)


class _UnfitError(Exception):
    """Something does not fit; jsonschema will say what."""


def read_project(config: Path, allowed_hosts: Collection[str] = ()) -> Project:
    """
    Return the project that the file *config* describes.

    *allowed_hosts* are the hosts that the operator permits besides the vendor's
    and loopback; a repository cannot permit a host to itself.

    Raises:
        ConfigInvalid: with every finding.

    """
    root = config.parent.resolve()
    source = read_file(root, config.name)
    if not isinstance(source, SourceFile):
        raise _invalid((source,))
    document = parse_document(source)
    if document.problems:
        raise _invalid(document.problems)
    try:
        project = _Reader(document).read(str(root), config.name)
    except _UnfitError:
        from icesync.config.schema import check_schema

        found = check_schema(document, "icesync")
        problem = Diagnostic("ICE013", "the file does not fit its format", document.position())
        raise _invalid(found or (problem,)) from None
    problems = (
        *_check_address(project, document, allowed_hosts),
        *check_backend(project.state, document),
    )
    if problems:
        raise _invalid(problems)
    return project


def _invalid(problems: tuple[Diagnostic, ...]) -> ConfigInvalid:
    found = sort_diagnostics(list(problems))
    return ConfigInvalid("the configuration is not valid", diagnostics=found)


class _Reader:
    """Typed values out of one document; anything odd raises :class:`_UnfitError`."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def read(self, root: str, name: str) -> Project:
        data = self._mapping(
            self.document.data,
            _TOP_KEYS,
        )
        if data.get("version") != "1" or isinstance(data.get("version"), Quoted):
            raise _UnfitError
        usual = Project(root, name)
        keys = self._mapping(data.get("fingerprints", {}), {"key"})
        if "fingerprints" in data and "key" not in keys:
            raise _UnfitError
        return Project(
            root=root,
            config_file=name,
            api=self._api(self._mapping(data.get("api", {}), _API_KEYS)),
            files=self._texts(data, "files", usual.files),
            state=self._state(data.get("state", {})),
            fingerprint_key=self._reference(keys, "key"),
            limits=self._limits(data.get("limits", {}), usual.limits),
            guards=self._guards(data, usual.guards),
            rules=self._rules(data.get("rules", {})),
            secrets=self._scope(data.get("secrets", {})),
            positions={p: self._position(p) for p in _PLACES},
        )

    def _api(self, data: dict[str, Any]) -> Api:
        usual = Api()
        wire = self._mapping(data.get("wire", {}), {"org_key", "absent"})
        base_url = self._text(data, "base_url", usual.base_url) or ""
        if not re.fullmatch(r"emulator|https?://[^\s@?#]+", base_url):
            raise _UnfitError
        return Api(
            base_url=base_url.rstrip("/"),
            token=self._reference(data, "token"),
            login=self._login(data["login"]) if "login" in data else None,
            timeout_s=self._number(data, "timeout_s", usual.timeout_s, 0.1, 600),
            rate_per_s=self._number(data, "rate_per_s", usual.rate_per_s, 0.01, 100_000),
            concurrency=self._integer(data, "concurrency", usual.concurrency, 1, 64),
            proxy=self._text(data, "proxy", None),
            ca_file=self._text(data, "ca_file", None),
            wire=WireOptions(
                OrgKey(self._choice(wire, "org_key", OrgKey.BOTH, frozenset(OrgKey))),
                Absent(self._choice(wire, "absent", Absent.EMPTY, frozenset(Absent))),
            ),
        )

    def _login(self, node: Any) -> Login:
        data = self._mapping(node, {"organization", "username", "password"})
        password = self._reference(data, "password")
        username = self._text(data, "username", None)
        if password is None or username is None or "organization" not in data:
            raise _UnfitError
        return Login(self._integer(data, "organization", 0, 1, MAX_ID), username, password)

    def _limits(self, node: Any, usual: dict[LimitName, Limit]) -> dict[LimitName, Limit]:
        data = self._mapping(node, set(LimitName))
        return {**usual, **{LimitName(key): self._limit(value) for key, value in data.items()}}

    def _limit(self, node: Any) -> Limit:
        nodes = node if isinstance(node, list) else [node]
        counts: list[int] = []
        shares: list[float] = []
        for text in nodes:
            if not isinstance(text, str) or not _LIMIT.fullmatch(text):
                raise _UnfitError
            if text.endswith("%"):
                shares.append(int(text[:-1]) / 100)
            else:
                counts.append(int(text))
        if not nodes:
            raise _UnfitError
        return Limit(min(counts, default=None), min(shares, default=None))

    def _guards(self, data: dict[str, Any], usual: frozenset[Guard]) -> frozenset[Guard]:
        texts = self._texts(data, "guards", None)
        if texts is None:
            return usual
        if not set(texts) <= set(Guard):
            raise _UnfitError
        return frozenset(Guard(text) for text in texts)

    def _state(self, node: Any) -> StateSettings:
        usual = StateSettings()
        names = [f.name for f in fields(StateSettings)]
        data = self._mapping(node, names)
        texts = {name: self._text(data, name, getattr(usual, name)) for name in names}
        backend = self._choice(data, "backend", usual.backend, frozenset(Backend))
        if texts["preset"] not in {None, "gitlab"}:
            raise _UnfitError
        methods = {texts[name] for name in names if name.endswith("_method")}
        if not methods <= set(STATE_METHODS):
            raise _UnfitError
        if texts["per"] not in {None, *Per}:
            raise _UnfitError
        per = Per(texts["per"]) if texts["per"] else None
        typed = {**texts, "backend": Backend(backend), "per": per}
        return StateSettings(**typed)  # type: ignore[arg-type]

    def _rules(self, node: Any) -> dict[str, Level]:
        if node == {}:
            return {}
        from icesync.config.rules import RULES

        levels = {}
        for name, level in self._mapping(node, RULES).items():
            rule = RULES[name]
            if level not in (set(Level) if rule.suppressible else {rule.severity}):
                raise _UnfitError
            levels[name] = Level(level)
        return levels

    def _scope(self, node: Any) -> SecretScope:
        data = self._mapping(node, {"env_allow", "file_allow", "providers"})
        usual = SecretScope()
        providers = self._texts(data, "providers", usual.providers)
        if not all(re.fullmatch(SCHEME_GRAMMAR, name) for name in providers):
            raise _UnfitError
        return SecretScope(
            self._texts(data, "env_allow", usual.env_allow),
            self._texts(data, "file_allow", usual.file_allow),
            providers,
        )

    def _mapping(self, node: Any, known: Collection[str]) -> dict[str, Any]:
        if not isinstance(node, dict) or not node.keys() <= set(known):
            raise _UnfitError
        return node

    def _text(self, data: dict[str, Any], key: str, usual: str | None) -> str | None:
        if key not in data:
            return usual
        text = data[key]
        if not isinstance(text, str) or not text or _is_nothing(text):
            raise _UnfitError
        return str(text)

    def _texts(self, data: dict[str, Any], key: str, usual: Any) -> Any:
        if key not in data:
            return usual
        if not isinstance(data[key], list):
            raise _UnfitError
        return tuple(self._text({"item": text}, "item", None) for text in data[key])

    def _reference(self, data: dict[str, Any], key: str) -> SecretRef | None:
        text = self._text(data, key, None)
        reference = parse_secret_ref(text) if text else None
        if text and reference is None:
            raise _UnfitError
        return reference

    def _choice(self, data: dict[str, Any], key: str, usual: str, known: frozenset[str]) -> str:
        text = self._text(data, key, usual)
        if text not in known:
            raise _UnfitError
        return text

    def _integer(self, data: dict[str, Any], key: str, usual: int, low: int, high: int) -> int:
        text = data.get(key, str(usual))
        if type(text) is not str or not re.fullmatch(r"0|[1-9][0-9]{0,17}", text):
            raise _UnfitError
        if not low <= int(text) <= high:
            raise _UnfitError
        return int(text)

    def _number(
        self, data: dict[str, Any], key: str, usual: float, low: float, high: float
    ) -> float:
        text = data.get(key, str(usual))
        if type(text) is not str or not _DECIMAL.fullmatch(text):
            raise _UnfitError
        if not low <= float(text) <= high:
            raise _UnfitError
        return float(text)

    def _position(self, path: str) -> SourcePosition:
        return self.document.position(tuple(path.split(".")))


_TOP_KEYS: Final = frozenset(
    {
        "version",
        "api",
        "files",
        "state",
        "fingerprints",
        "limits",
        "guards",
        "rules",
        "secrets",
    }
)

_API_KEYS: Final = frozenset(
    {
        "base_url",
        "token",
        "login",
        "timeout_s",
        "rate_per_s",
        "concurrency",
        "proxy",
        "ca_file",
        "wire",
    }
)

_PLACES: Final = (
    "api.base_url",
    "api.token",
    "api.login.password",
    "files",
    "fingerprints.key",
    "limits",
    "state.path",
)
"""The settings that later messages point at."""


def _is_nothing(text: str) -> bool:
    return not isinstance(text, Quoted) and text in {"~", "null", "Null", "NULL"}


def _check_address(
    project: Project, document: Document, allowed: Collection[str]
) -> tuple[Diagnostic, ...]:
    """Return why calls may not go to ``api.base_url``: it would get a token and passwords."""
    url = project.api.base_url
    if url == EMULATOR:
        return ()
    path: NodePath = ("api", "base_url")
    position = document.position(path)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return (Diagnostic("ICE013", "`api.base_url` is not an address", position),)
    loopback = is_loopback(host)
    if parts.scheme == "http" and not loopback:
        message = "`api.base_url` must be https: the call carries passwords"
        return (Diagnostic("ICE013", message, position, "write https://"),)
    if loopback or host in _HOSTS or host in allowed:
        return ()
    hint = f"ICESYNC_ALLOW_HOST={host} permits it, outside of the repository"
    return (Diagnostic("ICE013", f"`api.base_url` names a foreign host: {host}", position, hint),)
