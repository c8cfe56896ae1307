"""
``icesync.yaml`` to a :class:`Project`, by the table of options.

As with server files, a quick reading decides and jsonschema explains what it
refuses, so that a good configuration does not pay for loading jsonschema.

A pull request can write where calls and files go: hosts, the proxy, the CA, the state's
file. None of these is believed that :mod:`icesync.model.host` does not know: the token and
every password pass through them. What the job sets by a variable of its own is free.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from icesync.config.discover import check_private_files, has_file, is_inside, read_file
from icesync.config.values import NOTHING
from icesync.config.yaml_document import Document, Quoted, SourceFile, parse_document
from icesync.diagnostics import Diagnostic, SourcePosition, sort_diagnostics
from icesync.errors import ConfigInvalid
from icesync.model.host import ALLOW_HOST, Service, TrustedHosts, read_endpoint
from icesync.model.project import (
    GROUPS,
    LIMIT_PATTERN,
    OPTIONS,
    ORGANIZATION_MARK,
    Backend,
    Level,
    Limit,
    Option,
    OptionKind,
    Project,
    StateSettings,
    build,
)
from icesync.model.safety import SAFEGUARDS, profile_of
from icesync.model.secret import SecretRef, parse_secret_ref
from icesync.regex import regex

OBJECT_URL: Final = regex(
    r"(s3|gs|az)://[A-Za-z0-9][A-Za-z0-9._-]{1,221}(/(?!\.{1,2}(/|\Z))[A-Za-z0-9{}._=+,@!-]+)+"
)
"""Bucket and key, each part plain: what a library would decode or fold does not fit."""

_SETTINGS: Final = {
    backend: {row.path.partition(".")[2] for row in OPTIONS.values() if row.backend is backend}
    for backend in Backend
}
_PLACES: Final = {
    Backend.LOCAL: ("path",),
    Backend.HTTP: ("address", "lock_address", "unlock_address"),
    Backend.OBJECTSTORE: ("url",),
}
_SAMPLES: Final = {
    "path": f"state/{ORGANIZATION_MARK}.json",
    "name": f"icesync-{ORGANIZATION_MARK}",
    "address": f"https://…/{ORGANIZATION_MARK}",
    "lock_address": f"https://…/{ORGANIZATION_MARK}/lock",
    "unlock_address": f"https://…/{ORGANIZATION_MARK}/lock",
    "url": f"s3://BUCKET/{ORGANIZATION_MARK}.json",
}
_GITLAB: Final = {"preset", "name", "project"}


def check_backend(state: StateSettings, document: Document) -> tuple[Diagnostic, ...]:
    """Return what does not fit together in *state*, each at its place in *document*."""
    return tuple(
        Diagnostic("ICE013", message, document.position(("state", *path)), hint)
        for path, message, hint in _misfits(state, document.data.get("state", {}))
    )


def _misfits(
    state: StateSettings, given: dict[str, object]
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    backend = state.backend
    for name in given.keys() - {"backend", "per"} - _SETTINGS[backend]:
        fitting = next(b for b, names in _SETTINGS.items() if name in names)
        yield (
            (name,),
            f"`state.{name}` cannot be used with the backend {backend}",
            f"it belongs to `backend: {fitting}`",
        )
    if backend is Backend.OBJECTSTORE and not OBJECT_URL.fullmatch(state.url or ""):
        yield (
            ("url",) if state.url else (),
            "`state.url` must name an object in a bucket",
            "use url: s3://BUCKET/PATH/icesync.state.json, or gs:// or az://",
        )
    if backend is Backend.HTTP:
        yield from _http_problems(state, given)
    yield from _place_problems(state)


def _place_problems(state: StateSettings) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield where the place and ``per:`` do not fit: all would write over each other's snapshot."""
    http = state.backend is Backend.HTTP
    names = ("name",) if http and state.preset else _PLACES[state.backend]
    for name in names:
        place = getattr(state, name)
        if place is None:
            continue
        marked = ORGANIZATION_MARK in place
        if state.per is None and marked:
            message = f"`state.{name}` contains {ORGANIZATION_MARK} without `per: organization`"
            yield (name,), message, "add `per: organization` under `state:`"
        elif state.per is not None and not marked:
            message = (
                f"`state.{name}` must contain {ORGANIZATION_MARK}, because each "
                "organization has its own state"
            )
            yield (name,), message, f"{name}: {_SAMPLES[name]}"


def _http_problems(
    state: StateSettings, given: dict[str, object]
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    if state.preset:
        for name in sorted(given.keys() & (_SETTINGS[Backend.HTTP] - _GITLAB)):
            yield (name,), f"`state.{name}` is already set by the preset", "remove one of the two"
        if not state.name or "/" in state.name or state.name in {".", ".."}:
            message = "`state.name` must be a name without a slash"
            yield ("name",) if state.name else (), message, "name: production"
        if state.project in {".", ".."}:
            yield ("project",), "`state.project` must be an id or a path", "project: team/mail"
        return
    for name in sorted(given.keys() & {"name", "project"}):
        yield (name,), f"`state.{name}` needs a preset", "preset: gitlab"
    if not state.address:
        yield (), "`state.address` is required", "address: https://…   or `preset: gitlab`"


_LOCKS = ("state.address", "state.lock_address", "state.unlock_address")


def check_destinations(
    project: Project, environ: Mapping[str, str], by_job: Collection[str]
) -> tuple[Diagnostic, ...]:
    """
    Return why something in *project* may not be used; *by_job* are options that the job set.

    Raises:
        ConfigInvalid: the job's own variables cannot be read.

    """
    trust = TrustedHosts(environ)
    if trust.malformed:
        raise ConfigInvalid(
            f"{ALLOW_HOST}: {trust.malformed[0]!a} is not a host name",
            f"{ALLOW_HOST}=HOST or HOST:PORT, separated by spaces or commas",
        )
    if "api.proxy" in by_job and read_endpoint(project.api.proxy or "") is None:
        raise ConfigInvalid(
            f"{OPTIONS['api.proxy'].variable} is not a proxy URL",
            "use http://HOST:PORT or https://HOST:PORT, without a user",
        )
    return tuple(
        Diagnostic("ICE013", message, project.positions[path], hint)
        for path, message, hint in _unsafe(project, trust, by_job)
    )


def _unsafe(
    project: Project, trust: TrustedHosts, by_job: Collection[str]
) -> Iterator[tuple[str, str, str | None]]:
    for path, service, address in _addresses(project):
        untrusted = None if path in by_job else trust.check(service, address, f"`{path}`")
        if untrusted is not None:
            yield path, *untrusted
    api, state = project.api, project.state
    if api.proxy and api.base_url.lower().startswith("http://"):
        message = "`api.base_url` must be https, or the proxy could read the token and passwords"
        yield "api.base_url", message, "use https://, or remove `api.proxy`"
    if api.ca_file and "api.ca_file" not in by_job and is_inside(project.root, api.ca_file):
        yield (
            "api.ca_file",
            "`api.ca_file` is in the repository, so anyone who edits it could read every call",
            f"ICESYNC_CA_FILE={api.ca_file} in the job's environment allows it",
        )
    if state.backend is Backend.LOCAL and "state.path" not in by_job:
        if not is_inside(project.root, state.path):
            yield (
                "state.path",
                "`state.path` is outside the repository",
                f"ICESYNC_STATE_PATH={state.path} in the job's environment allows it",
            )
        elif ".git" in (part.lower() for part in state.path.replace("\\", "/").split("/")):
            yield "state.path", "`state.path` is inside .git", "path: icesync.state.json"


def _addresses(project: Project) -> Iterator[tuple[str, Service, str]]:
    api, state = project.api, project.state
    if not api.emulated:
        yield "api.base_url", Service.ICE, api.base_url
    if api.proxy:
        yield "api.proxy", Service.PROXY, api.proxy
    if state.backend is Backend.HTTP and not state.preset:
        for path in _LOCKS:
            address = getattr(state, path.rpartition(".")[2])
            if address:
                # The mark of a state for each organization is no part of a host.
                yield path, Service.STATE, address


KEY_VARIABLE: Final = "ICESYNC_FINGERPRINT_KEY"
KEY_FILE: Final = ".icesync/fingerprint.key"
"""Where the fingerprint key is looked for when the configuration does not say."""

OptionTree: TypeAlias = dict[str, "Option | OptionTree"]


class UnfitOption(Exception):
    """Something does not fit."""


def read_project(
    config: Path, environ: Mapping[str, str] | None = None, trusted: SourceFile | None = None
) -> Project:
    """
    Return the project that the file *config* describes.

    *environ* is the environment of the job: it may set options in place of the
    file, and says which hosts may be given a credential. With *trusted*, another
    configuration, all safeguards are those of that one.

    Raises:
        ConfigInvalid: with every finding.

    """
    environ = environ or {}
    root = config.parent.resolve()
    source = read_file(root, config.name)
    if not isinstance(source, SourceFile):
        raise _invalid((source,))
    document = parse_document(source)
    if document.problems:
        raise _invalid(document.problems)
    try:
        values = read_options(document)
    except UnfitOption:
        from icesync.config.schema import check_schema

        found = check_schema(document, "icesync")
        problem = Diagnostic("ICE013", "the file has errors", document.position())
        raise _invalid(found or (problem,)) from None
    by_job = _variables(environ)
    about: dict[str, Any] = {
        "root": str(root),
        "config_file": config.name,
        "positions": _Positions(document),
    }
    own: Project = build(Project, {**values, **by_job}, **about)
    about["safety"] = profile_of(own, _lowered(own.rules), by_job)
    if trusted is not None:
        values = {path: value for path, value in values.items() if path not in SAFEGUARDS}
        values |= _trusted_values(trusted)
    if "fingerprints.key" not in values:
        values["fingerprints.key"] = _usual_key(root, environ)
    project: Project = build(Project, {**values, **by_job}, **about)
    problems = (
        *check_destinations(project, environ, by_job),
        *check_backend(project.state, document),
        *check_private_files(project),
        *_check_key(project, environ),
    )
    if problems:
        raise _invalid(problems)
    return project


class _Positions(Mapping[str, SourcePosition]):
    """The place of each option and group, looked up when it is told."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def __getitem__(self, path: str) -> SourcePosition:
        if path not in OPTIONS and path not in GROUPS:
            raise KeyError(path)
        return self._document.position(tuple(path.split(".")))

    def __iter__(self) -> Iterator[str]:
        return iter((*GROUPS, *OPTIONS))

    def __len__(self) -> int:
        return len(GROUPS) + len(OPTIONS)


def _invalid(problems: tuple[Diagnostic, ...]) -> ConfigInvalid:
    found = sort_diagnostics(list(problems))
    return ConfigInvalid("the configuration is invalid", diagnostics=found)


def _check_key(project: Project, environ: Mapping[str, str]) -> Iterator[Diagnostic]:
    """Yield that the file names another key than the job gives: with it, a forged state fits."""
    key = project.fingerprint_key
    if environ.get(KEY_VARIABLE) and key is not None and key.path != KEY_VARIABLE:
        path = "fingerprints.key"
        message = f"the job sets {KEY_VARIABLE}, and `{path}` names another key"
        hint = f"remove `fingerprints:`, or unset {KEY_VARIABLE} in the job"
        yield Diagnostic("ICE013", message, project.positions[path], hint)


def _usual_key(root: Path, environ: Mapping[str, str]) -> SecretRef | None:
    """Return where the fingerprint key is when the configuration does not say, if anywhere."""
    if environ.get(KEY_VARIABLE):
        return parse_secret_ref(f"ref+env://{KEY_VARIABLE}")
    return parse_secret_ref(f"ref+file://{KEY_FILE}") if has_file(root, KEY_FILE) else None


def _trusted_values(source: SourceFile) -> dict[str, Any]:
    """Return the safeguards that *source* gives, typed, by dotted path."""
    document = parse_document(source)
    if document.problems:
        raise _invalid(document.problems)
    try:
        values = read_options(document)
    except UnfitOption:
        raise ConfigInvalid(
            f"the trusted configuration {source.path} is invalid",
            "run `icesync validate` there for details",
        ) from None
    return {path: value for path, value in values.items() if path in SAFEGUARDS}


def read_state_settings(source: SourceFile) -> StateSettings | None:
    """Return where the configuration *source* keeps the state, or None if it cannot be read."""
    document = parse_document(source)
    try:
        values = {} if document.problems else read_options(document)
    except UnfitOption:
        return None
    if document.problems:
        return None
    project: Project = build(Project, values, root="", config_file=source.path)
    return project.state


def _lowered(levels: Mapping[str, Level]) -> dict[str, str]:
    """Return the rules in *levels* whose severity is below their default."""
    if not levels:
        return {}
    from icesync.config.rules import RULES

    ranks = {level.value: rank for rank, level in enumerate(Level)}
    return {
        name: level.value
        for name, level in levels.items()
        if ranks[level.value] < ranks[RULES[name].severity.value]
    }


def _variables(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the options that the job sets by their variables, typed, by dotted path."""
    found = {}
    for row in OPTIONS.values():
        text = environ.get(row.variable) if row.variable else None
        if text:
            path = row.kind is OptionKind.PATH
            found[row.path] = str(Path(text).absolute()) if path else _READERS[row.kind](text, row)
    return found


def option_tree() -> OptionTree:
    """Return the table as nested mappings, by the parts of the paths."""
    tree: OptionTree = {}
    for path, row in OPTIONS.items():
        *parents, leaf = path.split(".")
        below = tree
        for parent in parents:
            below = below.setdefault(parent, {})  # type: ignore[assignment]
        below[leaf] = row
    return tree


def read_options(document: Document) -> dict[str, Any]:
    """
    Return the options that *document* gives, typed, by dotted path.

    Raises:
        UnfitOption: anything in it is odd.

    """
    data = document.data
    if not isinstance(data, dict):
        raise UnfitOption
    version = data.get("version")
    if version != "1" or isinstance(version, Quoted):
        raise UnfitOption
    values: dict[str, Any] = {}
    _read_group({key: data[key] for key in data if key != "version"}, option_tree(), "", values)
    return values


def _read_group(node: Any, tree: OptionTree, prefix: str, values: dict[str, Any]) -> None:
    if not isinstance(node, dict) or not node.keys() <= tree.keys():
        raise UnfitOption
    for key, below in tree.items():
        path = prefix + key
        if key not in node:
            if isinstance(below, Option) and below.required:
                raise UnfitOption
        elif isinstance(below, Option):
            values[path] = _READERS[below.kind](node[key], below)
        else:
            _read_group(node[key], below, f"{path}.", values)


def _text(node: Any, row: Option) -> str:
    if not isinstance(node, str) or not node:
        raise UnfitOption
    if node in NOTHING and not isinstance(node, Quoted):
        raise UnfitOption
    if row.pattern and not re.fullmatch(row.pattern, node):
        raise UnfitOption
    return str(node)


def _texts(node: Any, row: Option) -> tuple[str, ...]:
    if not isinstance(node, list):
        raise UnfitOption
    return tuple(_text(item, row) for item in node)


def _reference(node: Any, row: Option) -> SecretRef:
    reference = parse_secret_ref(_text(node, row))
    if reference is None:
        raise UnfitOption
    return reference


def _choice(node: Any, row: Option) -> Any:
    text = _text(node, row)
    for word in row.choices:
        if word == text:
            return word
    raise UnfitOption


def _choices(node: Any, row: Option) -> frozenset[Any]:
    if not isinstance(node, list):
        raise UnfitOption
    return frozenset(_choice(item, row) for item in node)


_INTEGER: Final = regex(r"0|[1-9][0-9]{0,17}")
_DECIMAL: Final = regex(r"(0|[1-9][0-9]{0,8})(\.[0-9]+)?")


def _integer(node: Any, row: Option) -> int:
    if type(node) is not str or not _INTEGER.fullmatch(node):
        raise UnfitOption
    return int(_bounded(int(node), row))


def _number(node: Any, row: Option) -> float:
    if type(node) is not str or not _DECIMAL.fullmatch(node):
        raise UnfitOption
    return _bounded(float(node), row)


def _bounded(number: float, row: Option) -> float:
    low, high = row.bounds
    if not low <= number <= high:
        raise UnfitOption
    return number


def _limit(node: Any, _: Option) -> Limit:
    nodes = node if isinstance(node, list) else [node]
    counts: list[int] = []
    shares: list[float] = []
    for text in nodes:
        if not isinstance(text, str) or not re.fullmatch(LIMIT_PATTERN, text):
            raise UnfitOption
        if text.endswith("%"):
            shares.append(int(text[:-1]) / 100)
        else:
            counts.append(int(text))
    if not nodes:
        raise UnfitOption
    return Limit(min(counts, default=None), min(shares, default=None))


def _levels(node: Any, row: Option) -> dict[str, Level]:
    from icesync.config.rules import RULES

    if not isinstance(node, dict) or not node.keys() <= RULES.keys():
        raise UnfitOption
    levels: dict[str, Level] = {}
    for name, level in node.items():
        levels[name] = _choice(level, row)
        if not RULES[name].suppressible and levels[name].value != RULES[name].severity.value:
            raise UnfitOption
    return levels


_READERS: Final[dict[OptionKind, Callable[[Any, Option], Any]]] = {
    OptionKind.TEXT: _text,
    OptionKind.PATH: _text,
    OptionKind.ADDRESS: lambda node, row: _text(node, row).rstrip("/"),
    OptionKind.REFERENCE: _reference,
    OptionKind.INTEGER: _integer,
    OptionKind.NUMBER: _number,
    OptionKind.CHOICE: _choice,
    OptionKind.CHOICES: _choices,
    OptionKind.TEXTS: _texts,
    OptionKind.LIMIT: _limit,
    OptionKind.LEVELS: _levels,
}
