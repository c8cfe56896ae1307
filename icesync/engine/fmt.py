"""
Use case: the canonical texts of the configuration's files, put in their place one by one.

Each file is read right before it is formatted, and replaced only while it still holds
what was read: an edit that an editor saves meanwhile is never lost.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.config.discover import find_files, read_file
from icesync.config.fmt import Formatted, find_literal_secrets, format_source
from icesync.config.yaml_document import MAX_BYTES, SourceFile, decode, is_sealed
from icesync.diagnostics import Diagnostic, Severity, SourcePosition, sort_diagnostics
from icesync.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from icesync.engine.session import Session
    from icesync.model.project import Project

__all__ = [
    "MAX_BYTES", "FileChangedError", "Formatted", "Formatting", "Replace", "Unwritten", "compare",
    "find_literal_secrets", "format_files", "format_text",
]  # fmt: skip

Replace: TypeAlias = "Callable[[Path, bytes, bytes], None]"
"""Puts the second bytes in the place of the first; raises OSError or FileChangedError."""


class FileChangedError(Exception):
    """Somebody else wrote the file meanwhile."""


@frozen
class Unwritten:
    """A file that was not replaced: it *changed* meanwhile, or it cannot be written."""

    path: str
    reason: str
    changed: bool


@frozen
class Formatting:
    """
    The files that were looked at, in order, and what forbids a new text.

    *spared* are files that are left alone without being wrong, each with the reason;
    *unwritten* those whose new text is not in its place.
    """

    files: tuple[Formatted, ...]
    problems: tuple[Diagnostic, ...] = ()
    spared: tuple[tuple[str, str], ...] = ()
    unwritten: tuple[Unwritten, ...] = ()

    @property
    def changed(self) -> tuple[Formatted, ...]:
        """The files that are not formatted, or were not until now."""
        left = {file.path for file in self.unwritten}
        return tuple(f for f in self.files if f.changed and f.source.path not in left)


def format_files(
    project: Project, chosen: Sequence[str] = (), replace: Replace | None = None
) -> Formatting:
    """
    Return the canonical texts of the files of *project*, or of those that are *chosen*.

    *chosen* are paths relative to the configuration, of files or folders. A file
    that no pattern of the configuration matches is spared: the YAML of other
    programs has other rules. So is one that sops encrypted. Each new text is handed
    to *replace*; without it nothing is written.
    """
    found = _find(project)
    root = Path(project.root)
    if not chosen:
        return _formatting(root, found.values(), [], replace)
    selected: dict[str, SourceFile | Diagnostic] = {}
    spared: list[tuple[str, str]] = []
    for path in chosen:
        below = "" if path == "." else f"{path}/"
        matches = {name: file for name, file in found.items() if f"{name}/".startswith(below)}
        if not matches:
            reason = _why_not(root, path)
            if isinstance(reason, str):
                spared.append((path, reason))
            else:
                matches = {path: reason}
        selected |= matches
    return _formatting(root, selected.values(), spared, replace)


def chosen_files(session: Session, words: Sequence[str]) -> tuple[str, ...]:
    """
    Return *words* with the file of each server in place of its address.

    Raises:
        UsageError: an address means no server.

    """
    if not words:
        return ()
    from icesync.engine.validate import check_files
    from icesync.model.desired import is_address_pattern
    from icesync.planner import check_patterns, choose

    patterns = [word for word in words if is_address_pattern(word)]
    if not patterns:
        return tuple(words)
    desired = check_files(session.project, session.providers, rules=False).desired
    check_patterns("", patterns, desired.servers.keys())
    homes = choose(patterns, (), desired).files
    return (*(word for word in words if not is_address_pattern(word)), *sorted(homes))


def format_text(name: str, data: bytes) -> Formatting:
    """Return the canonical text of *data*, which is called *name*."""
    file = format_source(SourceFile(name, data))
    return Formatting((file,), file.problems)


def compare(file: Formatted) -> tuple[str, str]:
    """Return the texts of *file* before and after, with plain line ends."""
    return decode(file.source.data), decode(file.after)


def _find(project: Project) -> dict[str, SourceFile | Diagnostic]:
    """Return every file of *project* by its path, or why it cannot be read."""
    root = Path(project.root)

    def place() -> SourcePosition:
        return project.positions.get("files", SourcePosition(project.config_file))

    sources, unread = find_files(root, project.files, place)
    found: dict[str, SourceFile | Diagnostic] = {source.path: source for source in sources}
    found |= {d.position.file: d for d in unread if d.severity is Severity.ERROR}
    found[project.config_file] = read_file(root, project.config_file)
    return dict(sorted(found.items()))


def _why_not(root: Path, path: str) -> Diagnostic | str:
    """Return why a path is no file of the configuration: an error, or a reason to spare it."""
    outside = path.startswith("/") or ".." in path.split("/")
    reason = "it is outside the configuration's folder" if outside else _UNMATCHED
    full = root / path
    if outside and os.path.lexists(full):
        return reason
    if os.path.isdir(full):  # noqa: PTH112 - Path.is_dir raises for some names
        return reason
    result = read_file(root, path)
    return result if isinstance(result, Diagnostic) else reason


_UNMATCHED: Final = "no pattern under `files:` matches it"


def _formatting(
    root: Path,
    files: Iterable[SourceFile | Diagnostic],
    spared: list[tuple[str, str]],
    replace: Replace | None,
) -> Formatting:
    formatted: list[Formatted] = []
    problems: list[Diagnostic] = []
    unwritten: list[Unwritten] = []
    for found in files:
        file = found
        if replace is not None and not isinstance(found, Diagnostic):
            file = read_file(root, found.path)  # it may have changed since it was found
        if isinstance(file, Diagnostic):
            problems.append(file)
        elif is_sealed(file):
            spared.append((file.path, "it is encrypted by sops"))
        else:
            formatted.append(format_source(file))
            problems += formatted[-1].problems
            if replace is not None and formatted[-1].changed:
                unwritten += _write(root, formatted[-1], replace)
    return Formatting(tuple(formatted), sort_diagnostics(problems), tuple(spared), tuple(unwritten))


def _write(root: Path, file: Formatted, replace: Replace) -> Iterator[Unwritten]:
    """Put the new text of *file* in its place; yield why that is not possible."""
    path = file.source.path
    try:
        # A link stays one: what it leads to, inside of the root, is replaced.
        replace((root / path).resolve(), file.source.data, file.after)
    except FileChangedError:
        yield Unwritten(path, "it changed while it was being formatted", changed=True)
    except OSError as error:
        yield Unwritten(path, (error.strerror or "it cannot be written").lower(), changed=False)
