"""
The configuration from which the safeguards are taken, where the job names one.

A job that reads a pull request's files can hold them to the safeguards of the
branch that they want to go to: ``ICESYNC_TRUSTED_CONFIG=origin/main``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icesync.bootstrap.git import Git
from icesync.config.discover import CONFIG_NAMES, is_inside, read_file
from icesync.config.yaml.document import SourceFile
from icesync.errors import ConfigInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

TRUSTED_CONFIG: Final = "ICESYNC_TRUSTED_CONFIG"

_REF: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@{}~^-]{0,199}")
_FILE: Final = re.compile(r"(?i).*\.ya?ml")


def is_ref(named: str) -> bool:
    """Return whether *named* is a git ref: a name that ends in ``.yaml`` is a file."""
    return _FILE.fullmatch(named) is None


def read_trusted(config: Path, named: str, environ: Mapping[str, str]) -> SourceFile:
    """
    Return the configuration that *named* means: a file, or a git ref where *config* stands.

    A name that ends in ``.yaml`` is a file, all else a ref: no file that a pull
    request adds can stand in for a branch. A ref without a configuration gives an
    empty one, so the defaults hold.

    Raises:
        ConfigInvalid: it leads nowhere, or into the repository itself.

    """
    if not is_ref(named):
        return _read_file(config, named)
    if not _REF.fullmatch(named) or ".." in named:
        raise ConfigInvalid(
            f"the trusted configuration {named!a} is not a file or git ref",
            f"use {TRUSTED_CONFIG}=origin/main, or a file outside the repository",
        )
    git = Git(str(config.parent), environ)
    commit = git.commit_of(named)
    if commit is None:
        raise ConfigInvalid(
            f"the trusted configuration {named} is not a commit in {config.parent}",
            f"run `git fetch origin {named.removeprefix('origin/')}`, or check out with "
            "fetch-depth: 2",
        )
    for name in CONFIG_NAMES:
        data = git.read(commit, name)
        if data is not None:
            return SourceFile(f"{named}:{name}", data)
    return SourceFile(f"{named}:{CONFIG_NAMES[0]}", b"version: 1\n")


def _read_file(config: Path, named: str) -> SourceFile:
    path = Path(named).absolute()
    if is_inside(str(config.parent), str(path)):
        raise ConfigInvalid(
            f"the trusted configuration {named} is inside the repository that it protects",
            f"use {TRUSTED_CONFIG}=origin/main for the configuration of a branch",
        )
    source = read_file(path.parent, path.name)
    if not isinstance(source, SourceFile):
        raise ConfigInvalid("the trusted configuration cannot be read", diagnostics=(source,))
    return source
