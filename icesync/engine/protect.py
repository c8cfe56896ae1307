"""The files that icesync lives by: no command may write anything else in their place."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icesync.config.discover import is_found
from icesync.config.private_files import find_exposure
from icesync.errors import UsageError
from icesync.model.project import ORGANIZATION_MARK, Backend

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.engine.session import Session
    from icesync.model.project import Project

KEY: Final = "a key or a token"

_STATE_FILES: Final = {
    "": "the state", ".lock": "the lock of the state", ".journal": "the journal of the state",
    ".backup": "the backup of the state",
}  # fmt: skip
_EMULATOR: Final = ".icesync/emulator.sqlite"
_KEYS: Final = (".icesync/fingerprint.key", ".icesync/token")


def demand_free(session: Session, option: str, path: Path, *, own: str = "") -> None:
    """
    Demand that *path*, which *option* names, is no file that icesync lives by.

    *own* is the one kind of them that the command is there to write.

    Raises:
        UsageError: it is one.

    """
    what = _purpose(session.project, path)
    if what is not None and what != own:
        raise UsageError(f"{option} {ascii(str(path))[1:-1]} is {what}", "give another path")


def demand_private(path: Path) -> None:
    """
    Demand that a key or a token may be written to *path*: no link, and not in git.

    Raises:
        UsageError: it may not.

    """
    problem = find_exposure(path)
    if problem is not None:
        raise UsageError(*problem)


def _purpose(project: Project, path: Path) -> str | None:
    """Return what *path* is to icesync, or None."""
    place, root = Path(os.path.realpath(path)), Path(os.path.realpath(project.root))
    for name, what in _named(project):
        other = root / name
        if place == Path(os.path.realpath(other)) or _is_same(place, other):
            return what
    try:
        inside = place.relative_to(root).as_posix()
    except ValueError:
        return None
    if inside.split("/")[0] == ".git":
        return "a file of git"
    if is_found(inside, project.files):
        return "a server file"
    return _state_of_an_organization(project, inside)


def _named(project: Project) -> Iterator[tuple[str, str]]:
    yield project.config_file, "the configuration"
    state = project.state
    if state.backend is Backend.LOCAL and state.per is None:
        yield from ((f"{state.path}{end}", what) for end, what in _STATE_FILES.items())
    for end in ("", "-journal", "-wal", "-shm"):
        yield f"{_EMULATOR}{end}", "the data of the emulator"
    login = project.api.login
    references = (project.api.token, login.password if login else None, project.fingerprint_key)
    yield from ((r.path, KEY) for r in references if r is not None and r.scheme == "file")
    yield from ((name, KEY) for name in _KEYS)


def _state_of_an_organization(project: Project, inside: str) -> str | None:
    state = project.state
    if state.backend is not Backend.LOCAL or state.per is None:
        return None
    parts = os.path.normpath(state.path).split(ORGANIZATION_MARK)
    pattern = "[0-9]+".join(map(re.escape, parts))
    for end, what in _STATE_FILES.items():
        if re.fullmatch(pattern + re.escape(end), inside):
            return what
    return None


def _is_same(place: Path, other: Path) -> bool:
    """Return whether both are one file, by whatever names."""
    try:
        return place.samefile(other)
    except OSError:
        return False
