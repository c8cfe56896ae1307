"""Use case: the canonical texts of the configuration's files; nothing is written here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from icesync.config.discover import find_files, read_file
from icesync.config.fmt import Formatted, format_source
from icesync.config.sops_files import is_sealed
from icesync.diagnostics import Diagnostic, Severity, SourcePosition, sort_diagnostics

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from icesync.config.yaml.source import SourceFile
    from icesync.model.project import Project

__all__ = ["Formatting", "format_files"]


@dataclass(frozen=True, slots=True)
class Formatting:
    """
    The files that were looked at, in order, and what forbids a new text.

    *spared* are files that are left alone without being wrong, each with the reason.
    """

    files: tuple[Formatted, ...]
    problems: tuple[Diagnostic, ...] = ()
    spared: tuple[tuple[str, str], ...] = ()

    @property
    def changed(self) -> tuple[Formatted, ...]:
        """The files that are not in shape."""
        return tuple(file for file in self.files if file.changed)


def format_files(project: Project, chosen: Sequence[str] = ()) -> Formatting:
    """
    Return the canonical texts of the files of *project*, or of those that are *chosen*.

    *chosen* are paths relative to the configuration, of files or folders. A file
    that no pattern of the configuration matches is spared: the YAML of other
    programs has other rules. So is one that sops encrypted.
    """
    found = _find(project)
    if not chosen:
        return _formatting(found.values(), [])
    selected: dict[str, SourceFile | Diagnostic] = {}
    spared: list[tuple[str, str]] = []
    for path in chosen:
        below = "" if path == "." else f"{path}/"
        matches = {name: file for name, file in found.items() if f"{name}/".startswith(below)}
        if not matches:
            problem = _why_not(Path(project.root), path)
            if problem is None:
                spared.append((path, "no pattern under `files:` matches it"))
            else:
                matches = {path: problem}
        selected |= matches
    return _formatting(selected.values(), spared)


def _find(project: Project) -> dict[str, SourceFile | Diagnostic]:
    """Return every file of *project* by its path, or why it cannot be read."""
    root = Path(project.root)
    position = project.positions.get("files", SourcePosition(project.config_file))
    sources, unread = find_files(root, project.files, position)
    found: dict[str, SourceFile | Diagnostic] = {source.path: source for source in sources}
    found |= {d.position.file: d for d in unread if d.severity is Severity.ERROR}
    found[project.config_file] = read_file(root, project.config_file)
    return dict(sorted(found.items()))


def _why_not(root: Path, path: str) -> Diagnostic | None:
    """Return what is wrong with a path that is no file of the configuration, if anything is."""
    position = SourcePosition(path)
    if path.startswith("/") or ".." in path.split("/"):
        message = "the file is outside of the configuration's folder"
        return Diagnostic("ICE008", message, position, "icesync -C DIR fmt   works on another one")
    if (root / path).is_dir():
        return None
    result = read_file(root, path)
    return result if isinstance(result, Diagnostic) else None


def _formatting(
    files: Iterable[SourceFile | Diagnostic], spared: list[tuple[str, str]]
) -> Formatting:
    formatted = []
    problems = []
    for file in files:
        if isinstance(file, Diagnostic):
            problems.append(file)
        elif is_sealed(file):
            spared.append((file.path, "sops encrypted it"))
        else:
            formatted.append(format_source(file))
            problems += formatted[-1].problems
    return Formatting(tuple(formatted), sort_diagnostics(problems), tuple(spared))
