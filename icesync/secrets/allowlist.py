"""
Which files a reference may open, decided on real paths: links lead nowhere new.

Globs without a leading slash count from the root, the others from ``/``; a
``*`` stays inside one folder, ``**`` stands for any number of them.

Two places are closed whatever the globs say, since both hold the pipeline's own
credentials: ``.git`` (a checkout may keep its token in ``.git/config``) and
``/proc`` (``/proc/self/environ``).
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from icesync.errors import SecretMissing

if TYPE_CHECKING:
    from icesync.model.secret import SecretRef


def find_allowed(reference: SecretRef, root: Path, globs: tuple[str, ...]) -> Path:
    """
    Return the real path that *reference* names, counted from *root*, a path without links.

    Raises:
        SecretMissing: it is no path, or no glob opens what it leads to.

    """
    try:
        real = (root / reference.path).resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links; a NUL
        raise SecretMissing(f"`{reference}` is not a path that leads to a file") from None
    if is_allowed(real, root, globs):
        return real
    leads_to = "" if real == root / reference.path else f", which leads to `{real}`,"
    raise SecretMissing(
        f"`{reference}`{leads_to} is not allowed: files must match {', '.join(globs)}"
        ", outside of `.git` and `/proc`",
        "move the file, or widen `secrets.file_allow` in icesync.yaml",
    )


def is_allowed(real: Path, root: Path, globs: tuple[str, ...]) -> bool:
    """Return whether a glob opens *real*, a path without links below or beside *root*."""
    if real.is_relative_to("/proc") or ".git" in (part.casefold() for part in real.parts):
        return False
    return any(_matches(real.parts, _pattern(root, glob)) for glob in globs)


def _pattern(root: Path, glob: str) -> tuple[str, ...]:
    """Return *glob* in parts from ``/`` on; the parts of *root* mean themselves."""
    parts = PurePosixPath(glob).parts
    if parts[:1] == ("/",):
        return parts
    return (*(_literal(part) for part in root.parts), *parts)


def _literal(part: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in part)


def _matches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern:
        return not parts
    first, rest = pattern[0], pattern[1:]
    if first == "**":
        return any(_matches(parts[start:], rest) for start in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], first) and _matches(parts[1:], rest)
