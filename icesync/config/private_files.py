"""
Whether a file of a key or a token may be one: no symbolic link, and not in git.

Who adds a link at its place has the next key written, and committed, elsewhere.
Reading runs no program, so git's index is read here and not by git.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icesync.diagnostics import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.model.project import Project
    from icesync.model.secret import SecretRef

_STAT_BYTES: Final = 40
_MODES: Final = frozenset({0o040000, 0o100644, 0o100755, 0o120000, 0o160000})
_EXTENDED: Final = 0x4000
_LENGTH: Final = 0x0FFF
_HASHES: Final = (20, 32)
"""The bytes of a SHA-1, and of a SHA-256."""


def check_private_files(project: Project) -> tuple[Diagnostic, ...]:
    """Return what is wrong with the files of the token and the fingerprint key in *project*."""
    references = {"api.token": project.api.token, "fingerprints.key": project.fingerprint_key}
    return tuple(
        Diagnostic("ICE013", f"`{option}`: {problem[0]}", project.positions[option], problem[1])
        for option, reference in references.items()
        if reference is not None and reference.scheme == "file"
        if (problem := find_exposure(_place(project.root, reference)))
    )


def _place(root: str, reference: SecretRef) -> Path:
    return Path("/" if reference.absolute else root, *reference.steps)


def find_exposure(path: Path) -> tuple[str, str] | None:
    """Return a sentence and a hint if *path* is a link or tracked by git, else None."""
    shown = ascii(str(path))[1:-1]
    if os.path.islink(path):  # noqa: PTH114 - Path.is_symlink raises for some paths
        return (
            f"{shown} is a symbolic link; links to keys and tokens are not followed",
            "name the file itself, or copy it here",
        )
    if is_tracked(path):
        return (
            f"{shown} is tracked by git, so everyone who can read the repository has it",
            f"git rm --cached {shlex.quote(str(path))}   then commit, and replace the secret",
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
