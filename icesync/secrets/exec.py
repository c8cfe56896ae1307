"""
Secrets from any program: ``ref+exec://PROGRAM/ARGUMENT/…``.

A reference is text in a repository, so this one runs what a pull request says.
It is closed until the job opens it by ``ICESYNC_ALLOW_EXEC=1``; no file of the
repository can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from icesync.errors import SecretMissing
from icesync.secrets.base import make_secret, without_final_newline
from icesync.secrets.subprocess_ import run_program

if TYPE_CHECKING:
    from pathlib import Path

    from icesync.model.secret import SecretRef, SecretValue

ALLOW_EXEC = "ICESYNC_ALLOW_EXEC"


class ExecProvider:
    """Opens ``exec`` references, when *allowed*: a slash in an argument is written ``%2F``."""

    remote = True

    def __init__(self, root: Path, *, allowed: bool) -> None:
        self.scheme = "exec"
        self._root = root
        self._allowed = allowed

    def fetch(self, reference: SecretRef) -> SecretValue:
        """
        Return what the program prints, without one final line break.

        Raises:
            SecretMissing: not allowed, not there, or it failed.

        """
        if not self._allowed:
            raise SecretMissing(
                f"`{reference}` is not allowed: it runs a program",
                f"{ALLOW_EXEC}=1   in the job's environment allows it, for every reference",
            )
        if reference.query or reference.fragment:
            raise SecretMissing(f"`{reference}` takes a program and its arguments only")
        arguments = tuple(unquote(part) for part in reference.path.split("/"))
        text = run_program(reference, arguments, self._root).decode("utf-8", "surrogateescape")
        return make_secret(without_final_newline(text), f"`{reference}`")
