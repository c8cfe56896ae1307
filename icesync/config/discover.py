"""
Find and read files: the only place of ``config`` that touches the disk.

One unreadable file fails the run: a desired state with a part missing would
read as "these servers left the files".

A file of a key or a token is no symbolic link, and not in git: who adds a link at its
place has the next key written, and committed, elsewhere. Reading runs no program, so
git's index is read here and not by git.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icesync.config.yaml_document import MAX_BYTES, SourceFile
from icesync.diagnostics import Diagnostic, Severity, SourcePosition
from icesync.errors import ConfigMalformed, printable
from icesync.model.glob import matches_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from icesync.model.project import Project
    from icesync.model.secret import SecretRef

CONFIG_NAMES: Final = ("icesync.yaml", "icesync.yml")

_REASONS: Final = {
    errno.ENOENT: "does not exist",
    errno.EACCES: "cannot be read: permission denied",
    errno.ELOOP: "is a symbolic link loop",
    errno.EISDIR: "is a folder",
}

DEFAULTS_NAMES: Final = ("_defaults.yaml", "_defaults.yml")


def is_defaults(path: str) -> bool:
    """Return whether the file *path* holds the defaults of its folder."""
    return path.rpartition("/")[2] in DEFAULTS_NAMES


def find_config(start: Path) -> Path:
    """
    Return the configuration that governs *start*: upward, stopping at a repository's root.

    Raises:
        ConfigMalformed: there is none, or a second one that would take the place of the first.

    """
    start = Path(os.path.realpath(start))
    for folder in (start, *start.parents):
        found = [name for name in CONFIG_NAMES if os.path.lexists(folder / name)]
        if len(found) > 1:
            raise ConfigMalformed(
                f"{' and '.join(found)} are both in {folder}",
                "keep one of them, or name one: icesync --config FILE",
            )
        if found:
            return folder / found[0]
        if (folder / ".git").exists():
            break
    raise ConfigMalformed(
        f"no icesync.yaml found in {start} or its parents",
        "run `icesync init` to create one",
        "run `icesync -C DIR …` to use another folder",
    )


def is_inside(root: str, path: str) -> bool:
    """
    Return whether *path*, relative to *root*, lies in the repository that holds *root*.

    Links are followed: the file that would be opened counts. Of nested
    repositories it is the outermost.
    """
    top = _outermost(root)
    found = os.path.realpath(os.path.join(root, path))  # noqa: PTH118
    return os.path.commonpath([top, found]) == top


def leaves_by_link(root: str, path: str) -> bool:
    """
    Return whether *path* is in the repository that holds *root* by its name only.

    Whoever may put a link there, as a pull request may, must not choose what a run
    overwrites elsewhere.
    """
    top, folder = _outermost(root), os.path.abspath(path)  # noqa: PTH100 - links count
    while (parent := os.path.dirname(folder)) != folder:  # noqa: PTH120 - paths are text here
        folder = parent
        if os.path.realpath(folder) == top:
            found = os.path.realpath(path)
            return os.path.commonpath([top, found]) != top
    return False


def _outermost(root: str) -> str:
    """Return the folder of the repository that holds *root*, of nested ones the outermost."""
    folder = os.path.realpath(root)
    outermost = folder
    while (parent := os.path.dirname(folder)) != folder:  # noqa: PTH120 - paths are text here
        if os.path.lexists(os.path.join(folder, ".git")):  # noqa: PTH118
            outermost = folder
        folder = parent
    return outermost


def find_files(
    root: Path, patterns: Sequence[str], place: Callable[[], SourcePosition]
) -> tuple[tuple[SourceFile, ...], tuple[Diagnostic, ...]]:
    """
    Return the files below *root* that match *patterns*, sorted, and what cannot be read.

    The ``_defaults.yaml`` of every folder above a match comes along. *place* is
    asked where the patterns stand when there is a finding about them.
    """
    paths, problems = list_files(root, patterns, place)
    files: list[SourceFile] = []
    for path in paths:
        result = read_file(root, path)
        if isinstance(result, SourceFile):
            files.append(result)
        else:
            problems.append(result)
    return tuple(files), tuple(problems)


def list_files(
    root: Path, patterns: Sequence[str], place: Callable[[], SourcePosition]
) -> tuple[list[str], list[Diagnostic]]:
    """Return the paths that :func:`find_files` reads, sorted, and what is wrong with patterns."""
    problems: list[Diagnostic] = []
    paths: set[str] = set()
    missed: set[str] = set()
    for pattern in patterns:
        if pattern.startswith("/") or ".." in pattern.split("/"):
            message = f"the pattern `{pattern}` points outside the configuration's folder"
            problems.append(Diagnostic("ICE008", message, place()))
            continue
        beside: set[str] = set()
        found = set(_match(root, pattern, problems, beside))
        if not found and not beside:
            problems.append(_matches_nothing(pattern, place()))
        missed |= beside
        paths |= found
    problems += [_matched_by_nothing(path) for path in sorted(missed - paths)]
    paths |= _defaults_above(root, paths)
    return sorted(paths), problems


def is_found(path: str, patterns: Sequence[str]) -> bool:
    """Return whether one of *patterns* would find a file at *path*, relative to the root."""
    hidden = any(part.startswith(".") for part in path.split("/")[:-1])
    return not hidden and any(matches_path(pattern, path) for pattern in patterns)


def belongs(path: str, patterns: Sequence[str]) -> bool:
    """Return whether a file at *path* is one of the configuration's, or may hold its defaults."""
    return is_defaults(path) or is_found(path, patterns)


def read_file(root: Path, path: str) -> SourceFile | Diagnostic:
    """Return the regular file *path* below *root*, or why it cannot be read."""
    position = SourcePosition(path, 1, 1)
    full = os.path.join(root, path)  # noqa: PTH118 - 10,000 Path objects cost a tenth of a plan
    try:
        descriptor = os.open(full, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno != errno.ELOOP:
            return _unreadable(position, error)
        return _read_link(root, path, position)
    return _read_descriptor(descriptor, path, position)


def has_file(root: Path, path: str) -> bool:
    """Return whether there is a file at *path* below *root*; False where it may not be known."""
    return os.path.isfile(root / path)  # noqa: PTH113 - Path.is_file raises below Python 3.14


def _read_link(root: Path, path: str, position: SourcePosition) -> SourceFile | Diagnostic:
    try:
        target = (root / path).resolve(strict=True)
    except (OSError, RuntimeError):
        return Diagnostic("ICE001", "the file is a broken symbolic link", position)
    if not target.is_relative_to(root.resolve()):
        message = "the file is a symbolic link to a file outside the configuration's folder"
        return Diagnostic(
            "ICE008", message, position, "copy the file here, or move the configuration"
        )
    try:
        descriptor = os.open(target, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        return _unreadable(position, error)
    return _read_descriptor(descriptor, path, position)


_READ_BYTES: Final = 65536
"""The size of further reads, of a file that is larger than the system says."""


def _read_descriptor(
    descriptor: int, path: str, position: SourcePosition
) -> SourceFile | Diagnostic:
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            what = "is a folder" if stat.S_ISDIR(found.st_mode) else "is not a regular file"
            return Diagnostic("ICE001", f"the file {what}", position, "rename or remove it")
        # A buffer for the largest file would take longer to allocate than a small one to read.
        data, room = b"", min(found.st_size, MAX_BYTES) + 1
        while room and (more := os.read(descriptor, room)):
            data += more
            room = min(MAX_BYTES + 1 - len(data), _READ_BYTES)
        return SourceFile(path, data)
    except OSError as error:
        return _unreadable(position, error)
    finally:
        os.close(descriptor)


def _unreadable(position: SourcePosition, error: OSError, what: str = "file") -> Diagnostic:
    reason = _REASONS.get(error.errno or 0, f"cannot be read: {error.strerror}")
    return Diagnostic("ICE001", f"the {what} {reason}", position)


def _matches_nothing(pattern: str, position: SourcePosition) -> Diagnostic:
    message = f"the pattern `{pattern}` matches no file"
    hint = "correct the pattern under `files:`, or add a file that it matches"
    return Diagnostic("ICE012", message, position, hint, Severity.WARNING)


def _matched_by_nothing(path: str) -> Diagnostic:
    message = "the file is not read: its ending is in no pattern of `files:`"
    hint = "rename it, or add a pattern that matches it"
    return Diagnostic("ICE012", message, SourcePosition(path, 1, 1), hint, Severity.WARNING)


def _match(root: Path, pattern: str, problems: list[Diagnostic], missed: set[str]) -> Iterator[str]:
    """
    Yield what matches *pattern* below *root*; links to folders on the way are problems.

    A folder named like a file is a match, so that reading it fails. *missed* takes in
    what would match with the other ending of YAML.
    """
    fixed = _fixed_folder(pattern)
    top = os.path.join(root, fixed) if fixed else str(root)  # noqa: PTH118
    named = bool(pattern.rpartition("/")[2].strip("*"))
    link = _link_on_the_way(root, fixed)
    if link:
        problems.append(_linked_folder(link))
        return

    def unreadable(error: OSError) -> None:
        if error.errno not in {errno.ENOENT, errno.ENOTDIR}:
            where = os.path.relpath(error.filename, root).replace(os.sep, "/")
            problems.append(_unreadable(SourcePosition(where), error, "folder"))

    for folder, subfolders, names in os.walk(top, onerror=unreadable):
        relative = os.path.relpath(folder, root).replace(os.sep, "/")
        prefix = "" if relative == "." else f"{relative}/"
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        deeper = "**" in pattern or prefix.count("/") < pattern.count("/")
        for name in subfolders:
            path = prefix + name
            if named and matches_path(pattern, path):
                yield path
            elif deeper and os.path.islink(os.path.join(folder, name)):  # noqa: PTH114, PTH118
                problems.append(_linked_folder(path))
        subfolders[:] = subfolders if deeper else []
        yield from _matching(pattern, prefix, names, missed)


def _matching(pattern: str, prefix: str, names: list[str], missed: set[str]) -> Iterator[str]:
    for name in names:
        path = prefix + name
        if name in DEFAULTS_NAMES:
            continue
        if matches_path(pattern, path):
            yield path
        elif any(matches_path(pattern, other) for other in _with_other_endings(path)):
            missed.add(path)


def _with_other_endings(path: str) -> tuple[str, ...]:
    stem, _, ending = path.rpartition(".") if path not in CONFIG_NAMES else ("", "", "")
    return (f"{stem}.yaml", f"{stem}.yml") if ending.lower() in {"yaml", "yml"} else ()


def _link_on_the_way(root: Path, folder: str) -> str | None:
    """Return the first folder on the way from *root* to *folder* that is a symbolic link."""
    parts = folder.split("/")
    ways = ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
    return next((way for way in ways if os.path.islink(os.path.join(root, way))), None)  # noqa: PTH114, PTH118


def _linked_folder(path: str) -> Diagnostic:
    message = "symbolic links to folders are not followed"
    hint = "move the files into the repository"
    return Diagnostic("ICE008", message, SourcePosition(path), hint)


def _fixed_folder(pattern: str) -> str:
    """Return the folders at the start of *pattern* that hold no wildcard."""
    folders = pattern.split("/")[:-1]
    fixed = []
    for folder in folders:
        if any(mark in folder for mark in "*?["):
            break
        fixed.append(folder)
    return "/".join(fixed)


def _defaults_above(root: Path, paths: set[str]) -> set[str]:
    """Return the defaults files of every folder on the way from *root* to a match."""
    folders = {""}
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    candidates = (f"{f}/{name}" if f else name for f in folders for name in DEFAULTS_NAMES)
    return {path for path in candidates if os.path.lexists(os.path.join(root, path))}  # noqa: PTH118


_STAT_BYTES: Final = 40
_MODES: Final = frozenset({0o040000, 0o100644, 0o100755, 0o120000, 0o160000})
_EXTENDED: Final = 0x4000
_LENGTH: Final = 0x0FFF
_HASHES: Final = (20, 32)
"""The bytes of a SHA-1, and of a SHA-256."""


def check_private_files(project: Project) -> tuple[Diagnostic, ...]:
    """Return what is wrong with the files of the key and of what logs in to ICE in *project*."""
    login = project.api.login
    references = {
        "api.token": project.api.token,
        "api.login.password": login.password if login is not None else None,
        "fingerprints.key": project.fingerprint_key,
    }
    return tuple(
        Diagnostic("ICE013", f"`{option}`: {problem[0]}", project.positions[option], problem[1])
        for option, reference in references.items()
        if reference is not None and reference.scheme == "file"
        if (problem := find_exposure(place_of(project.root, reference)))
    )


def place_of(root: str, reference: SecretRef) -> Path:
    """Return which file *reference* names."""
    return Path("/" if reference.absolute else root, *reference.steps)


def find_exposure(path: Path) -> tuple[str, str] | None:
    """Return a sentence and a hint if *path* is a link or tracked by git, else None."""
    shown = printable(path)
    if os.path.islink(path):  # noqa: PTH114 - Path.is_symlink raises for some paths
        return (
            f"{shown} is a symbolic link; links to keys and tokens are not followed",
            "name the file itself, or copy it here",
        )
    if is_tracked(path):
        return (
            f"{shown} is tracked by git, so everyone who can read the repository has it",
            f"run `git rm --cached {shlex.quote(str(path))}`, commit, and replace the secret",
        )
    return None


def is_tracked(path: Path) -> bool:
    """Return whether the index of the repository around *path* names it."""
    real = Path(os.path.realpath(path.parent), path.name)
    top = next((place for place in real.parents if os.path.lexists(place / ".git")), None)
    if top is None:
        return False
    try:
        data = (_git_folder(top) / "index").read_bytes()
    except (OSError, ValueError):
        return False
    return names_path(data, os.fsencode(real.relative_to(top).as_posix()))


def names_path(index: bytes, name: bytes) -> bool:
    """Return whether *index*, the content of git's index file, has an entry *name*."""
    if index[:4] != b"DIRC":
        return False
    version = int.from_bytes(index[4:8], "big")
    if version < 4 and name + b"\0" not in index:
        return False
    for size in _HASHES:
        try:
            return name in list(_entries(index, version, size))
        except (IndexError, ValueError):
            continue
    return False


def _entries(index: bytes, version: int, hash_bytes: int) -> Iterator[bytes]:
    """
    Yield the name of each entry.

    Raises:
        ValueError, IndexError: the entries do not have hashes of this size.

    """
    position, name = 12, b""
    for _ in range(int.from_bytes(index[8:12], "big")):
        start = position
        if int.from_bytes(index[start + 24 : start + 28], "big") not in _MODES:
            raise ValueError("not an entry")
        position += _STAT_BYTES + hash_bytes
        flags = int.from_bytes(index[position : position + 2], "big")
        position += 4 if flags & _EXTENDED else 2
        kept = b""
        if version >= 4:
            dropped, position = _read_number(index, position)
            kept = name[: len(name) - dropped]
        end = index.index(b"\0", position)
        name = kept + index[position:end]
        if flags & _LENGTH != min(len(name), _LENGTH):
            raise ValueError("not an entry")
        yield name
        # up to version 3, NULs fill an entry up to a multiple of eight bytes
        position = end + 1 if version >= 4 else start + (end - start) // 8 * 8 + 8


def _read_number(index: bytes, position: int) -> tuple[int, int]:
    """Return a number of variable length and where it ends, as git's packs have them."""
    byte = index[position]
    value = byte & 0x7F
    while byte & 0x80:
        position += 1
        byte = index[position]
        value = ((value + 1) << 7) | (byte & 0x7F)
    return value, position + 1


def _git_folder(top: Path) -> Path:
    """Return where git keeps the index of *top*, which a worktree says in a file."""
    git = top / ".git"
    if git.is_dir():
        return git
    return top / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
