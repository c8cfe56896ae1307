"""
Which servers the words of a command line choose, or a git ref from which they differ.

The old files are read from git and resolved as the present ones are, so that a
changed default, a move, a removal and a pattern under ``files:`` all count.
Where the old files do not say what was wanted, a server counts as changed.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from icesync.config.discover import belongs, list_files, read_file
from icesync.config.project import UnfitOption, read_options
from icesync.config.resolve import resolve
from icesync.config.sops_files import read_sealed
from icesync.config.yaml_document import SourceFile, is_sealed, parse_document
from icesync.diagnostics import SourcePosition
from icesync.errors import counted
from icesync.model.project import OPTIONS
from icesync.planner import Choice, changed_servers, choose, matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from icesync.engine.session import Session
    from icesync.engine.validate import Validation
    from icesync.model.desired import Address, DesiredState

_SENT_BY: Final = ("api.base_url", "api.wire.org_key", "api.wire.absent")
"""The options of icesync.yaml that decide what every call carries, and to whom."""


_ORGANIZATION: Final = re.compile(rb"^organization:\s*([0-9]+)", re.MULTILINE)
_SKILL: Final = re.compile(rb"\bskill:\s*([0-9]+)")


def find_names(root: Path, config: str) -> list[str]:
    """Return the paths of the server files of the configuration *config* in the folder *root*."""
    options = _options(config, _data(root, config) or b"")
    patterns = options.get("files", OPTIONS["files"].default)
    return list_files(root, patterns, lambda: SourcePosition(config))[0]


def stamps_of(root: Path, config: str) -> dict[str, tuple[int, int, int]]:
    """Return of each file of a configuration what changes when it is written."""
    stamps = {}
    for name in (config, *find_names(root, config)):
        with suppress(OSError):
            found = os.stat(root / name)  # noqa: PTH116 - many files, twice a second
            stamps[name] = (found.st_mtime_ns, found.st_size, found.st_ino)
    return stamps


def find_addresses(root: Path, config: str) -> list[str]:
    """
    Return the addresses that the files name, for whoever is typing one.

    The files are searched, not read: none has to be right, and a large fleet is fast.
    """
    found = {
        (int(organization[1]), int(skill))
        for data in (_data(root, name) or b"" for name in find_names(root, config))
        if (organization := _ORGANIZATION.search(data)) is not None
        for skill in _SKILL.findall(data)
    }
    return [f"{organization}/{skill}" for organization, skill in sorted(found)]


def choose_servers(
    session: Session, validation: Validation, words: tuple[str, ...], since: str | None
) -> tuple[Choice, str | None]:
    """
    Return what *words* choose of the files, narrowed to what differs from the ref *since*.

    With a ref comes what is to be said about it.

    Raises:
        UsageError: a path leads to no file of the configuration, or git has no such ref.

    """
    config = session.project.config_file
    choice = choose(words, (*validation.files, config), validation.desired)
    if since is None:
        return choice, None
    return _changes_since(session, validation, since, choice if words else None)


def _changes_since(
    session: Session, validation: Validation, ref: str, within: Choice | None
) -> tuple[Choice, str]:
    """Return the servers and files that differ from *ref*, *within* a choice, and a note."""
    project, caller = session.project, session.caller
    root, name = Path(project.root), project.config_file
    old = caller.files_at(ref, lambda path: path == name)
    options = _options(name, old.get(name, b"version: 1\n"))
    patterns = options.get("files", OPTIONS["files"].default)
    before = old | caller.files_at(ref, lambda path: belongs(path, patterns))
    after = {path: _data(root, path) for path in (*validation.files, name)}
    files = frozenset(path for path, data in after.items() if before.get(path) != data)
    changed = changed_servers(_desired(name, before), validation.desired)
    present = _options(name, after[name] or b"")
    default = {path: OPTIONS[path].default for path in _SENT_BY}
    if any({**default, **options}[path] != {**default, **present}[path] for path in _SENT_BY):
        changed |= validation.desired.servers.keys()
    servers = validation.desired.servers
    # What sops encrypted, nobody can compare: where the file differs, its servers do.
    data = ((path, (before.get(path), after[path])) for path in files)
    closed = {p for p, two in data if any(is_sealed(SourceFile(p, d)) for d in two if d)}
    changed |= {a for a, server in servers.items() if server.origin.files() & closed}
    # A default that is gone is missed in the files of its servers.
    files |= {servers[a].origin.position().file for a in changed & servers.keys()}
    if within is not None:
        changed = frozenset(a for a in changed if matches(a, within.targets))
        files &= within.files
    total = len(validation.desired.servers.keys() | changed)
    note = f"partial: {len(changed):,} of {counted(total, 'server')} differ from {ref}"
    return Choice((), _texts(changed), files), note


def _desired(config: str, files: Mapping[str, bytes]) -> DesiredState:
    """Return what *files* wanted; servers of a file that is sealed as a whole are not known."""
    sources = (SourceFile(path, data) for path, data in files.items() if path != config)
    documents = (read_sealed(s) if is_sealed(s) else parse_document(s) for s in sources)
    desired, _ = resolve(document for document in documents if document is not None)
    return desired


def _options(name: str, data: bytes) -> dict[str, Any]:
    """Return the options that a configuration sets, by dotted path; none if it is wrong."""
    document = parse_document(SourceFile(name, data))
    if document.problems:
        return {}
    try:
        return read_options(document)
    except UnfitOption:
        return {}


def _data(root: Path, path: str) -> bytes | None:
    source = read_file(root, path)
    return source.data if isinstance(source, SourceFile) else None


def _texts(addresses: Iterable[Address]) -> tuple[str, ...]:
    return tuple(str(address) for address in sorted(addresses))
