"""What runs icesync: Python, libraries, git, and where icesync and a repository came from."""

from __future__ import annotations

import json
import os
import platform
import re
import ssl
import sys
from importlib.metadata import Distribution, PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from icesync import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RELEASED: Final = False
"""Whether an index has this version. The one place to change at a release."""

_SCP: Final = re.compile(r"(?:[\w.-]+@)?([\w.-]+):(?!/)([^\s?#]+)", re.ASCII)
_COMMIT: Final = re.compile(r"[0-9a-f]{40,64}")
_WHEEL: Final = re.compile(r"https://[\w.~/%+:-]+", re.ASCII)
"""An address without a user, and without anything that means something in a workflow."""


def web_address(remote: str) -> str | None:
    """
    Return the https address of the repository that git calls *remote*, or None for another kind.

    No user and no password is in it.
    """
    scp = _SCP.fullmatch(remote)
    host, path = (scp[1], scp[2]) if scp else _split(remote)
    name = path.strip("/").removesuffix(".git")
    fits = re.fullmatch(r"[\w.-]+(:\d+)?", host, re.ASCII) and re.fullmatch(
        r"[\w.~-]+(/[\w.~-]+)+", name, re.ASCII
    )
    return f"https://{host}/{name}" if fits else None


def _split(remote: str) -> tuple[str, str]:
    try:
        parts = urlsplit(remote)
        if parts.scheme not in {"https", "http", "ssh"} or not parts.hostname:
            return "", ""
        port = f":{parts.port}" if parts.port and parts.scheme == "https" else ""
    except ValueError:
        return "", ""
    return f"{parts.hostname}{port}", parts.path


def remote_of(folder: Path, environ: Mapping[str, str]) -> str:
    """Return the address that the repository around *folder* was cloned from, or an empty text."""
    from icesync.bootstrap.git import Git

    place = folder.resolve()
    return Git(str(next(p for p in (place, *place.parents) if p.is_dir())), environ).remote()


def installable(environ: Mapping[str, str]) -> str | None:
    """
    Return what `pip install` takes to get this very icesync on another machine.

    That is the git address and the commit that it was installed from (PEP 610), the
    address of its wheel, or its version where an index has it; None if it is not known.
    """
    try:
        text = Distribution.from_name("icesync").read_text("direct_url.json")
    except PackageNotFoundError:
        text = None
    if text is None:
        return f"icesync=={__version__}" if RELEASED else None
    return address_of_source(text, environ)


def address_of_source(text: str, environ: Mapping[str, str]) -> str | None:
    """Return what *text*, a ``direct_url.json`` of PEP 610, says a package came from, or None."""
    try:
        source: dict[str, Any] = json.loads(text)
        url, commit = str(source["url"]), source.get("vcs_info", {}).get("commit_id")
        parts = urlsplit(url)
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
    if commit is not None:
        return _pinned(url, str(commit))
    if "archive_info" in source and _WHEEL.fullmatch(url):
        return url
    if "dir_info" in source and parts.scheme == "file":
        from icesync.bootstrap.git import Git

        # A clone on this disk stands for its remote, once what is checked out is there.
        folder = unquote(parts.path)
        pushed = Git(folder, environ).pushed() if Path(folder, ".git").exists() else None
        return _pinned(*pushed) if pushed else None
    return None


def _pinned(remote: str, commit: str) -> str | None:
    address = web_address(remote)
    fits = address is not None and _COMMIT.fullmatch(commit)
    return f"git+{address}@{commit}" if fits else None


LIBRARIES: Final = ("pyyaml", "jsonschema", "httpx", "deepdiff", "click")


def library_versions() -> dict[str, str | None]:
    """Return the version of each library that is needed; None for one that is missing."""
    return {name: _version(name) for name in LIBRARIES}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


class LocalMachine:
    """This machine."""

    def python(self) -> str:
        """Return the Python, the system, and where both are."""
        system = f"{platform.system()} {platform.machine()}"
        return f"Python {platform.python_version()}, {system}; {sys.prefix}"

    def libraries(self) -> Mapping[str, str | None]:
        """Return the version of each library, of libyaml inside of PyYAML, and of OpenSSL."""
        openssl = ssl.OPENSSL_VERSION.split()[1]
        return {"libyaml": _libyaml(), "OpenSSL": openssl, **library_versions()}

    def ignored(self, root: str, names: Sequence[str]) -> frozenset[str] | None:
        """Return which of *names* git ignores in *root*; None where there is no repository."""
        from icesync.bootstrap.git import Git

        return Git(root, os.environ).ignored(names)

    def tracked(self, root: str, patterns: Sequence[str]) -> tuple[str, ...]:
        """Return which files in *root* and below fit one of git's *patterns* and are tracked."""
        from icesync.bootstrap.git import Git

        return Git(root, os.environ).tracked(patterns)


def _libyaml() -> str | None:
    try:
        from yaml._yaml import get_version_string
    except ImportError:
        return None
    return str(get_version_string())
