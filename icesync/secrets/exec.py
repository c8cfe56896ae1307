"""
Secrets from any program: ``ref+exec://PROGRAM/ARGUMENT/…``.

A reference is text in a repository, so this one runs what a pull request says.
It is closed until the job opens it by ``ICESYNC_ALLOW_EXEC=1``; no file of the
repository can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.errors import SecretForbidden, SecretMissing, SecretStoreUnreachable
from icesync.model.secret import SecretIdentity
from icesync.secrets import make_secret, without_final_newline
from icesync.secrets.subprocess_ import program_environment, run_program

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from icesync.model.secret import SecretRef, SecretValue

ALLOW_EXEC = "ICESYNC_ALLOW_EXEC"
EXEC_VARIABLES = "ICESYNC_EXEC_ENV"


class ExecProvider:
    """
    Opens ``exec`` references, when *environ* allows it.

    A slash inside of an argument is written ``%2F``; ``ref+exec:///bin/x`` is a
    program by its whole path, without arguments.
    """

    remote = True

    def __init__(self, root: Path, environ: Mapping[str, str]) -> None:
        self.scheme = "exec"
        self._root = root
        self._allowed = environ.get(ALLOW_EXEC) == "1"
        # The job says by name what its own program needs.
        more = environ.get(EXEC_VARIABLES, "").replace(",", " ").split()
        self._environ = program_environment(environ, more)

    def fetch(self, reference: SecretRef) -> SecretValue:
        """
        Return what the program prints, without one final line break.

        Raises:
            SecretMissing: not allowed, or not there.
            SecretStoreUnreachable: it failed; the job allows it, so it is asked.

        """
        arguments = self._arguments(reference)
        content = run_program(
            reference, arguments, self._root, self._environ, failure=SecretStoreUnreachable
        )
        text = content.decode("utf-8", "surrogateescape")
        return make_secret(without_final_newline(text), f"`{reference}`")

    def identify(self, reference: SecretRef) -> SecretIdentity:
        """
        Return the program and its arguments.

        Raises:
            SecretMissing: it has options or a key.
            SecretForbidden: the job does not allow programs.

        """
        return SecretIdentity(f"exec:{self._arguments(reference)!a}")

    def _arguments(self, reference: SecretRef) -> tuple[str, ...]:
        if not self._allowed:
            raise SecretForbidden(
                f"`{reference}` is not allowed: it runs a program",
                f"{ALLOW_EXEC}=1 in the job's environment allows it, for all references",
            )
        if reference.query or reference.fragment:
            raise SecretMissing(f"`{reference}` takes a program and its arguments only")
        return (f"/{'/'.join(reference.steps)}",) if reference.absolute else reference.steps
