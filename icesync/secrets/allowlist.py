"""
Which files a reference may open, decided on real paths: links lead nowhere new.

Globs without a leading slash count from the root, the others from ``/``; a
``*`` stays inside one folder, ``**`` stands for any number of them.

Some places are closed whatever the globs say, since they hold credentials of
the job, its person or its machine: the token of a checkout in ``.git/config``,
the identity of a pod below ``/run/secrets``, ``/proc/self/environ``.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from icesync.errors import SecretForbidden, SecretMissing
from icesync.model.glob import matches_path

if TYPE_CHECKING:
    from icesync.model.secret import SecretRef

CLOSED_ROOTS: Final = ("/proc", "/sys", "/dev")
CLOSED_NAMES: Final = frozenset({
    ".git", ".git-credentials", ".netrc", "_netrc", ".ssh", ".gnupg", ".aws", ".azure", ".docker",
    ".kube", ".vault-token", ".npmrc", ".pypirc",
})  # fmt: skip
CLOSED_FOLDERS: Final = (
    ("secrets", "kubernetes.io"),
    ("secrets", "eks.amazonaws.com"),
    ("azure", "tokens"),
    (".config", "gcloud"),
    (".config", "gh"),
    (".config", "op"),
)
"""Folders of service-account tokens, and of the programs of clouds, GitHub and 1Password."""


def find_allowed(reference: SecretRef, root: Path, globs: tuple[str, ...]) -> Path:
    """
    Return the real path that *reference* names, counted from *root*, a path without links.

    Raises:
        SecretMissing: it is no path.
        SecretForbidden: no glob opens what it leads to, or it is closed to all of them.

    """
    if any("/" in step for step in reference.steps):
        raise SecretMissing(f"`{reference}` is not a path: a step holds an escaped slash")
    named = Path("/" if reference.absolute else root, *reference.steps)
    try:
        real = named.resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links
        raise SecretMissing(f"`{reference}` is not a path that leads to a file") from None
    leads_to = "" if real == named else f", which leads to `{real}`,"
    closed = _closed(real)
    if closed:
        raise SecretForbidden(
            f"`{reference}`{leads_to} is never opened: `{closed}` holds credentials of the job",
            "keep the secret in a file or store of its own",
        )
    if is_allowed(real, root, globs):
        return real
    raise SecretForbidden(
        f"`{reference}`{leads_to} is not allowed: files must match {', '.join(globs)}",
        "move the file, or widen `secrets.file_allow` in icesync.yaml",
    )


def is_allowed(real: Path, root: Path, globs: tuple[str, ...]) -> bool:
    """Return whether a glob opens *real*, a path without links below or beside *root*."""
    if _closed(real):
        return False
    return any(_opens(glob, real, root) for glob in globs)


def _closed(real: Path) -> str | None:
    """Return the place that keeps *real* closed, or None."""
    parts = tuple(part.casefold() for part in real.parts)
    places = [place for place in CLOSED_ROOTS if real.is_relative_to(place)]
    places += [part for part in parts if part in CLOSED_NAMES]
    pairs = set(pairwise(parts))
    places += ["/".join(folder) for folder in CLOSED_FOLDERS if folder in pairs]
    return places[0] if places else None


def _opens(glob: str, real: Path, root: Path) -> bool:
    pattern = str(PurePosixPath(glob))
    if pattern.startswith("/"):
        return matches_path(pattern, str(real))
    return real.is_relative_to(root) and matches_path(pattern, str(real.relative_to(root)))
