"""
Secrets from files: ``ref+file://PATH`` or ``ref+file://PATH#/key/…``.

Without a key the secret is the whole text but one final line break, which
editors and ``echo`` add; a file that keeps several secrets under names is none. With keys
it is the string that they lead to in a JSON or YAML file; in a key, ``~1`` stands for a
slash and ``~0`` for a tilde.

Which files a reference may open is decided on real paths: links lead nowhere new. Globs
without a leading slash count from the root, the others from ``/``; a ``*`` stays inside
one folder, ``**`` stands for any number of them. Some places are closed whatever the globs
say, since they hold credentials of the job, its person or its machine: the token of a
checkout in ``.git/config``, the identity of a pod below ``/run/secrets``,
``/proc/self/environ``.

No message holds a value or a piece of a file. Errors whose cause carries such
text are raised after it was let go, since ``from None`` only hides a cause.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from icesync.errors import SecretForbidden, SecretIsDocument, SecretMissing
from icesync.model.glob import matches_path
from icesync.model.secret import SecretIdentity
from icesync.regex import regex
from icesync.secrets import (
    file_identity,
    file_metadata,
    make_secret,
    parse_json,
    pick,
    without_final_newline,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from icesync.model.secret import SecretMetadata, SecretRef, SecretValue

CLOSED_ROOTS: Final = ("/proc", "/sys", "/dev")
CLOSED_NAMES: Final = frozenset({
    ".git", ".git-credentials", ".netrc", "_netrc", ".ssh", ".gnupg", ".aws", ".azure", ".docker",
    ".kube", ".vault-token", ".npmrc", ".pypirc", ".pgpass", ".my.cnf", ".s3cfg", ".boto",
    ".terraformrc", ".terraform.d", ".password-store", ".cargo", ".gem", ".m2",
})  # fmt: skip
CLOSED_FOLDERS: Final = (
    ("secrets", "kubernetes.io"),
    ("secrets", "eks.amazonaws.com"),
    ("azure", "tokens"),
    (".config", "gcloud"),
    (".config", "gh"),
    (".config", "op"),
    (".config", "git"),
    (".config", "glab-cli"),
    (".config", "containers"),
    ("sops", "age"),
    ("share", "keyrings"),
)
"""Folders of service-account tokens, and of the programs of clouds, git, sops and others."""


CREDENTIAL_FILES: Final = (
    "VAULT_TOKEN_FILE", "BAO_TOKEN_FILE", "SOPS_AGE_KEY_FILE", "SOPS_AGE_SSH_PRIVATE_KEY_FILE",
    "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_GHA_CREDS_PATH",
    "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE", "CLOUDSDK_CONFIG",
    "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_CONFIG_DIR",
    "KUBECONFIG", "DOCKER_CONFIG", "NETRC", "GNUPGHOME", "TF_CLI_CONFIG_FILE",
    "GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STATE",
)  # fmt: skip
"""Variables that name a file or a folder with credentials of the job."""


_LONGEST_PATH: Final = 4096
"""Linux knows no longer one (PATH_MAX)."""


def credential_places(environ: Mapping[str, str]) -> Mapping[Path, str]:
    """Return the files and folders where the job keeps credentials, with the variable of each."""
    places = {}
    for name in CREDENTIAL_FILES:
        for path in filter(None, environ.get(name, "").split(os.pathsep)):
            with suppress(OSError, RuntimeError, ValueError):
                places[Path(path).resolve()] = name
    return places


def find_allowed(
    reference: SecretRef, root: Path, globs: tuple[str, ...], closed_to: Mapping[Path, str]
) -> Path:
    """
    Return the real path that *reference* names, counted from *root*, a path without links.

    *closed_to* are further places that are never read, with what names each.

    Raises:
        SecretMissing: it is no path.
        SecretForbidden: no glob opens what it leads to, or it is closed to all of them.

    """
    if len(reference.path) > _LONGEST_PATH:
        raise SecretMissing(f"`{reference}` is not the path of a file")
    if any("/" in step for step in reference.steps):
        raise SecretMissing(f"`{reference}` is not a valid path: it contains an escaped slash")
    named = Path("/" if reference.absolute else root, *reference.steps)
    try:
        real = named.resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links
        raise SecretMissing(f"`{reference}` is not the path of a file") from None
    leads_to = "" if real == named else f", a link to `{real}`,"
    named_by = next((name for p, name in closed_to.items() if real.is_relative_to(p)), None)
    closed = _closed(real) or named_by
    if closed:
        raise SecretForbidden(
            f"`{reference}`{leads_to} is never read: `{closed}` contains credentials of the job",
            "store the secret in a separate file or in a secret store",
        )
    if is_allowed(real, root, globs):
        return real
    raise SecretForbidden(
        f"`{reference}`{leads_to} is not allowed: files must match {', '.join(globs)}",
        "move the file, or extend `secrets.file_allow` in icesync.yaml",
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


MAX_FILE_BYTES: Final = 1_048_576

KEYED_SUFFIXES: Final = frozenset({".json", ".yaml", ".yml"})
"""Of files in which a key leads to a secret."""

_DOTENV: Final = regex(r"(?i)\.env(?:\.|\Z)")
_ASSIGNMENT: Final = regex(r"(?m)^[ \t]*(?:export[ \t]+)?[A-Za-z_][\w.-]*[ \t]*=[ \t]*[^=\s]")


def names_no_key(reference: SecretRef) -> SecretIsDocument:
    """Return the error that *reference* needs a key."""
    message = f"`{reference}` names no key, so it means the whole file"
    return SecretIsDocument(message, f"name the key: {reference}#/KEY")


class FileReferences:
    """References to files below *root*, as far as the globs of *allow* go."""

    def __init__(
        self, scheme: str, root: Path, allow: tuple[str, ...], environ: Mapping[str, str]
    ) -> None:
        self.scheme = scheme
        self._root = root.resolve()
        self._allow = allow
        self._closed_to = credential_places(environ)

    def metadata(self, reference: SecretRef) -> SecretMetadata:
        """Return when the file was last written."""
        return file_metadata(self._path(reference))

    def identify(self, reference: SecretRef) -> SecretIdentity:
        """
        Return the file, whichever way leads to it, and the key in it.

        Raises:
            SecretMissing: it is not a path.
            SecretForbidden: the allow-list does not permit it, or the place is closed.

        """
        file = file_identity(self._path(reference))
        return SecretIdentity(f"{self.scheme}:{file}", reference.fragment)

    def _path(self, reference: SecretRef) -> Path:
        if reference.query:
            raise SecretMissing(f"`{reference}` takes a path and a key only")
        return find_allowed(reference, self._root, self._allow, self._closed_to)


class FileProvider(FileReferences):
    """
    Opens ``file`` references below *root*, as far as the globs of *allow* go.

    *parse* reads YAML: it takes the content and the path of a file, and returns
    nested mappings whose scalars are strings, or raises ValueError with a
    message that quotes nothing. Each file is read once in a provider's life.
    """

    remote = False

    def __init__(
        self,
        root: Path,
        allow: tuple[str, ...],
        parse: Callable[[bytes, str], object],
        environ: Mapping[str, str],
    ) -> None:
        super().__init__("file", root, allow, environ)
        self._parse = parse
        self._contents: dict[Path, bytes] = {}
        self._trees: dict[Path, object] = {}

    def fetch(self, reference: SecretRef) -> SecretValue:
        """
        Return the text of the file, or the string at the key.

        Raises:
            SecretMissing: not allowed, not there, not readable as described, or empty.

        """
        path = self._path(reference)
        if reference.fragment:
            return make_secret(pick(reference, self._tree(reference, path)), f"`{reference}`")
        text = _decode(self._content(reference, path))
        if text is None:
            raise SecretMissing(f"`{reference}` is not UTF-8")
        if path.suffix.lower() in KEYED_SUFFIXES and self._holds_keys(reference, path):
            raise names_no_key(reference)
        if _DOTENV.search(path.name) and _ASSIGNMENT.search(text):
            message = f"`{reference}` is a file of variables, not one secret"
            raise SecretIsDocument(message, "store the secret alone in a file")
        return make_secret(without_final_newline(text), f"`{reference}`")

    def _holds_keys(self, reference: SecretRef, path: Path) -> bool:
        """Return whether *path* holds a mapping or a list."""
        try:
            return isinstance(self._tree(reference, path), dict | list)
        except SecretMissing:
            return False  # whatever it is called, the text is the secret

    def _path(self, reference: SecretRef) -> Path:
        path = super()._path(reference)
        if reference.fragment and path.suffix.lower() not in KEYED_SUFFIXES:
            raise SecretMissing(f"`{reference}`: a key needs a file named .json, .yaml or .yml")
        return path

    def _content(self, reference: SecretRef, path: Path) -> bytes:
        if path not in self._contents:
            self._contents[path] = read_file(reference, path)
        return self._contents[path]

    def _tree(self, reference: SecretRef, path: Path) -> object:
        if path not in self._trees:
            content = self._content(reference, path)
            try:
                is_json = path.suffix.lower() == ".json"
                self._trees[path] = (
                    parse_json(content) if is_json else self._parse(content, str(path))
                )
                problem = ""
            except ValueError as error:
                problem = str(error)
            if problem:
                raise SecretMissing(f"`{reference}` cannot be read: {problem}")
        return self._trees[path]


def read_file(reference: SecretRef, path: Path) -> bytes:
    """
    Return the content of *path*, a path without links.

    Raises:
        SecretMissing: it is not there, not a regular file, too large, or cannot be read.

    """
    try:
        return _read(reference, path)
    except FileNotFoundError:
        raise SecretMissing(f"`{reference}`: file `{path}` does not exist") from None
    except OSError as error:
        raise SecretMissing(f"`{reference}` cannot be read: {error.strerror}") from error


def _read(reference: SecretRef, path: Path) -> bytes:
    """Return the content of *path*; never waits for a pipe, never follows a link any more."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise SecretMissing(f"`{reference}` is not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(MAX_FILE_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > MAX_FILE_BYTES:
        raise SecretMissing(f"`{reference}` is larger than {MAX_FILE_BYTES} bytes")
    return content


def _decode(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None
