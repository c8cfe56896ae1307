"""What runs icesync: Python, the libraries and git, for whoever asks how it is installed."""

from __future__ import annotations

import os
import platform
import ssl
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from icesync.bootstrap.git import Git

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
        return Git(root, os.environ).ignored(names)


def _libyaml() -> str | None:
    try:
        from yaml._yaml import get_version_string
    except ImportError:
        return None
    return str(get_version_string())
