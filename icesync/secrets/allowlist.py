"""
Which files a reference may open, decided on real paths: links lead nowhere new.

Globs without a leading slash count from the root, the others from ``/``; a
``*`` stays inside one folder, ``**`` stands for any number of them.

Two places are closed whatever the globs say, since both hold the pipeline's own
credentials: ``.git`` (a checkout may keep its token in ``.git/config``) and
``/proc`` (``/proc/self/environ``).
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from icesync.errors import SecretMissing
from icesync.model.glob import matches_path

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
    return any(_opens(glob, real, root) for glob in globs)


def _opens(glob: str, real: Path, root: Path) -> bool:
    pattern = str(PurePosixPath(glob))
    if pattern.startswith("/"):
        return matches_path(pattern, str(real))
    return real.is_relative_to(root) and matches_path(pattern, str(real.relative_to(root)))
