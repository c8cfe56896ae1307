"""
What git knows: commits, files at a commit, and the earlier versions of a file.

git gets no credential of the job, and calls nobody: what a partial clone lacks is missing.
Where there is no git, or no repository, nothing is known.

Two things rest on it: the states that a configuration had before, and the configuration from
which the safeguards are taken where the job names one (``ICESYNC_TRUSTED_CONFIG=origin/main``):
it holds a pull request's files to the safeguards of the branch that they want to go to.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icesync.config.discover import CONFIG_NAMES, is_inside, read_file
from icesync.config.project import read_state_settings
from icesync.config.yaml_document import SourceFile
from icesync.errors import ConfigInvalid, UsageError, printable
from icesync.model.project import ORGANIZATION_MARK, Backend
from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from icesync.model.project import Project, StateSettings

_COMMIT: Final = regex(r"[0-9a-f]{40,64}")
_BLOB: Final = regex(rb"[0-9a-f]{40,64} blob ([0-9]+)")
_VARIABLES: Final = ("PATH", "HOME", "SYSTEMROOT", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM")
_FIXED: Final[Mapping[str, str]] = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_ALLOW_PROTOCOL": "none",
    "LC_ALL": "C",
}
_OPTIONS: Final = ("-c", "safe.bareRepository=explicit")
"""A folder of a pull request that looks like a repository of its own is none."""

_REF: Final = regex(r"[A-Za-z0-9][A-Za-z0-9._/@{}~^-]{0,199}")
_FILE_MODES: Final = frozenset({b"100644", b"100755"})

_TIMEOUT_S: Final = 30.0
_VERSIONS: Final = 500
"""A pull request that puts a state back may hide the newer one behind many commits."""
_DELETIONS: Final = 500
_HISTORY_BYTES: Final = 32 * 2**20
"""How much of a file's history is read, besides the last few versions."""
_ALWAYS: Final = 2


class Git:
    """
    The repository around *folder*.

    The one that a hook names by ``GIT_DIR`` may be another.
    """

    def __init__(self, folder: str, environ: Mapping[str, str]) -> None:
        self._folder = folder
        known = {name: environ[name] for name in _VARIABLES if name in environ}
        self._environ = {**known, **_FIXED}

    def commit_of(self, ref: str) -> str | None:
        """Return the commit that *ref* means, or None; *ref* is no option."""
        found = self._ask("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        text = (found or b"").decode("ascii", "replace").strip()
        return text if _COMMIT.fullmatch(text) else None

    def is_shallow(self) -> bool:
        """Return whether the clone lacks history."""
        return (self._ask("rev-parse", "--is-shallow-repository") or b"").strip() == b"true"

    def pushed(self) -> tuple[str, str] | None:
        """Return the address of the remote and the commit that is checked out, if it has that."""
        commit = self.commit_of("HEAD")
        if commit is None or not self._ask("branch", "--remotes", "--contains", commit):
            return None
        return self.remote(), commit

    def remote(self) -> str:
        """Return the address that the repository was cloned from, or an empty text."""
        return (self._ask("remote", "get-url", "origin") or b"").decode("utf-8", "replace").strip()

    def ignored(self, names: Sequence[str]) -> frozenset[str] | None:
        """Return which of *names* in the folder it ignores; None where there is no repository."""
        if self._ask("rev-parse", "--git-dir") is None:
            return None
        given = "\0".join(names).encode("utf-8", "surrogateescape")
        # Without an ignored one git fails, and says nothing.
        said = self._ask("check-ignore", "--no-index", "-z", "--stdin", given=given)
        return frozenset((said or b"").decode("utf-8", "surrogateescape").split("\0")) - {""}

    def read(self, commit: str, name: str) -> bytes | None:
        """Return the file *name*, relative to the folder, as it is in *commit*, or None."""
        return self._ask("cat-file", "blob", f"{commit}:./{name}")

    def takes(self, path: str) -> bool:
        """Return whether a commit would take up a file at *path*, which need not be there yet."""
        top = (self._ask("rev-parse", "--show-toplevel") or b"").decode("utf-8", "replace").strip()
        place = os.path.realpath(Path(self._folder, path))
        if not top or os.path.commonpath([top, place]) != top:
            return False
        return self._ask("check-ignore", "--quiet", "--", path) is None

    def tracks(self, path: str) -> bool:
        """Return whether the file at *path* is in the index."""
        return self._ask("ls-files", "--error-unmatch", "--", f":(literal){path}") is not None

    def tracked(self, patterns: Sequence[str]) -> tuple[str, ...]:
        """Return the files of the index in the folder and below that fit one of *patterns*."""
        found = self._ask("ls-files", "-z", "--", *patterns) or b""
        return tuple(filter(None, found.decode("utf-8", "surrogateescape").split("\0")))

    def files_at(self, ref: str, wanted: Callable[[str], bool]) -> dict[str, bytes]:
        """
        Return the files at *ref* whose path, relative to the folder, is *wanted*.

        Raises:
            UsageError: git is not there, or does not have them.

        """
        commit = self.commit_of(ref) if _REF.fullmatch(ref) and ".." not in ref else None
        if commit is None:
            raise UsageError(*self._why_no_commit(ref))
        listed = self._ask("ls-tree", "-r", "-z", commit)
        objects = {path: name for path, name in _listed(listed or b"") if wanted(path)}
        names = "".join(f"{name}\n" for name in objects.values()).encode()
        contents = list(_blobs(self._ask("cat-file", "--batch", given=names) if names else b""))
        if listed is None or len(contents) != len(objects):
            raise UsageError(
                f"git does not have the files of {ref} here: the clone is partial",
                f"run `git fetch --refetch --no-filter origin {ref}` to get them",
            )
        return dict(zip(objects, contents, strict=True))

    def _why_no_commit(self, ref: str) -> tuple[str, str]:
        """Return why *ref* leads to no commit, and the way out."""
        shown = printable(ref)
        if not _REF.fullmatch(ref) or ".." in ref:
            return f"{shown} is not a git ref", "--since main, --since HEAD~1, --since v1.2"
        if self._ask("--version") is None:
            return "git is not installed, and --since needs it", "use `icesync plan FILE` instead"
        shallow = self._ask("rev-parse", "--is-shallow-repository")
        if shallow is None:
            return f"{printable(self._folder)} is not in a git repository", "git init"
        if shallow.strip() == b"true":
            message = f"this clone is shallow and does not have {shown}"
            return (
                message,
                "run `git fetch --unshallow`, or set `fetch-depth: 0` for the checkout in CI",
            )
        return (
            f"git knows no commit {shown}",
            "run `git fetch origin; git branch --all` to see what there is",
        )

    def versions(self, name: str, commit: str = "HEAD") -> Iterator[bytes]:
        """
        Yield the versions of the file *name* in the folder that led to *commit*, newest first.

        Of those but the last few the smaller ones, where all would be too
        much to read: whoever puts a state back could pad it.
        """
        log = self._ask(
            "log", f"--max-count={_VERSIONS}", "-m", "--raw", "--no-abbrev", "--no-renames",
            "--no-show-signature", "--format=", commit, "--", f":(literal){name}",
        )  # fmt: skip
        fields = (line.split() for line in (log or b"").decode("ascii", "replace").splitlines())
        blobs = [found[3] for found in fields if len(found) > 3 and found[3].strip("0")]
        newest = list(dict.fromkeys(blobs))[:_VERSIONS]
        chosen = self._within_bounds(newest) if len(newest) > _ALWAYS else newest
        wanted = "\n".join(chosen).encode()
        yield from _blobs(self._ask("cat-file", "--batch", given=wanted) if wanted else None)

    def _within_bounds(self, blobs: Sequence[str]) -> list[str]:
        asked = "\n".join(blobs).encode()
        said = self._ask("cat-file", "--batch-check=%(objectname) %(objectsize)", given=asked)
        pairs = (line.split() for line in (said or b"").decode("ascii", "replace").splitlines())
        sizes = {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}
        left, kept = _HISTORY_BYTES, set(blobs[:_ALWAYS])
        for name in sorted(sizes, key=lambda name: sizes[name]):
            left -= sizes[name]
            if left < 0:
                break
            kept.add(name)
        return [name for name in blobs if name in kept]

    def deleted(self, pattern: str) -> tuple[str, ...]:
        """Return the files of the folder that fit the glob *pattern* and were deleted once."""
        said = self._ask(
            "log", f"--max-count={_DELETIONS}", "-m", "--diff-filter=D", "--no-renames", "-z",
            "--relative", "--name-only", "--format=", "--", f":(glob){pattern}",
        )  # fmt: skip
        return tuple(
            dict.fromkeys(os.fsdecode(name) for name in (said or b"").split(b"\0") if name)
        )

    def _ask(self, *arguments: str, given: bytes = b"") -> bytes | None:
        """Return what git says, or None where it fails."""
        try:
            done = subprocess.run(  # noqa: S603 - a fixed program, a checked ref
                ["git", "-C", self._folder, *_OPTIONS, *arguments],  # noqa: S607 - the user's git
                env=self._environ,
                input=given,
                capture_output=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == os.EX_OK else None


def _listed(output: bytes) -> Iterator[tuple[str, str]]:
    """Yield path and object of each regular file that ``git ls-tree -z`` lists."""
    for entry in filter(None, output.split(b"\0")):
        facts, _, path = entry.partition(b"\t")
        mode, _, name = facts.split()
        if mode in _FILE_MODES:
            yield os.fsdecode(path), name.decode("ascii")


def _blobs(output: bytes | None) -> Iterator[bytes]:
    """Yield the content of each blob that ``git cat-file --batch`` wrote."""
    rest = output or b""
    while rest:
        head, _, rest = rest.partition(b"\n")
        match = _BLOB.fullmatch(head)
        if match is None:  # a partial clone does not have it
            continue
        length = int(match[1])
        yield rest[:length]
        rest = rest[length + 1 :]


_KIND: Final = b'"icesync-state"'
_HEAD_BYTES: Final = 2048


def find_other_states(
    project: Project, names: Iterable[str], environ: Mapping[str, str]
) -> Iterator[tuple[str, Iterator[bytes] | None]]:
    """
    Yield place and versions of each state that the configuration had before, by its history.

    *names* are those that its file may have had. Whoever moves `state:` to an empty place, or
    deletes a state, loses all memory of what ICE confirmed and what guards stand on. Of a
    place far away the history of the configuration says no more than that it was one: its
    versions are None.
    """
    git, seen = Git(project.root, environ), set[str]()
    own = (project.state.backend, project.state.template)
    yield from _deleted_parts(git, project)
    for state in (project.state, *_former(git, names)):
        place = (state.backend, state.template)
        if state.backend is Backend.LOCAL:
            if state.path not in seen and ORGANIZATION_MARK not in state.path:
                yield state.path, _states(git, state.path)
        elif place != own and place[1] not in seen:
            yield f"{state.backend} {state.template}", None
        seen.add(state.template)


def _deleted_parts(git: Git, project: Project) -> Iterator[tuple[str, Iterator[bytes] | None]]:
    """Yield the states of organizations that are not there any more."""
    if project.state.backend is not Backend.LOCAL or project.state.per is None:
        return
    pattern = os.path.normpath(project.state.path).replace(ORGANIZATION_MARK, "*")
    for name in git.deleted(pattern):
        yield name, _states(git, name)


def _states(git: Git, name: str) -> Iterator[bytes]:
    """Yield the versions of the file *name* that may be states, newest first."""
    return (data for data in git.versions(name) if _KIND in data[:_HEAD_BYTES])


def _former(git: Git, names: Iterable[str]) -> Iterator[StateSettings]:
    for name in names:
        for data in git.versions(name):
            state = read_state_settings(SourceFile(name, data))
            if state is not None:
                yield replace(state, path=os.path.normpath(state.path))


TRUSTED_CONFIG: Final = "ICESYNC_TRUSTED_CONFIG"

_FILE: Final = regex(r"(?i).*\.ya?ml")


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
