"""
Secrets from 1Password: ``ref+op://VAULT/ITEM/[SECTION/]FIELD``, read by its program ``op``.

That is 1Password's own spelling with ``ref+`` before it; blanks are written ``%20``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.errors import SecretMissing, SecretStoreClosed, SecretStoreRefused
from icesync.model.secret import SecretIdentity
from icesync.secrets import make_secret
from icesync.secrets.subprocess_ import program_environment, run_program

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from icesync.model.secret import SecretRef, SecretValue

_SIGNED_IN: Final = ("OP_SERVICE_ACCOUNT_TOKEN", "OP_CONNECT_TOKEN", "OP_SESSION")
_OPTIONS: Final = ("attribute", "ssh-format")
"""What ``op read`` knows (its reference of secret references)."""


class OnePasswordProvider:
    """Opens ``op`` references; who signs in is for ``op`` itself to know."""

    remote = True

    def __init__(self, root: Path, environ: Mapping[str, str]) -> None:
        self.scheme = "op"
        self._root = root
        self._environ = program_environment(environ, ("OP_*",))

    def fetch(self, reference: SecretRef) -> SecretValue:
        """
        Return the field's value.

        Raises:
            SecretMissing: ``op`` is not installed.
            SecretStoreRefused: it did not give it; why it does not say by its exit code.

        """
        _check(reference)
        query = f"?{reference.query}" if reference.query else ""
        target = f"op://{'/'.join(reference.steps)}{query}"
        arguments = ("op", "read", "--no-newline", target)
        signed_in = any(name.startswith(_SIGNED_IN) for name in self._environ)
        failure = SecretStoreRefused if signed_in else SecretStoreClosed
        content = run_program(reference, arguments, self._root, self._environ, failure=failure)
        return make_secret(content.decode("utf-8", "surrogateescape"), f"`{reference}`")

    def identify(self, reference: SecretRef) -> SecretIdentity:
        """
        Return vault, item and field; ``op`` takes their names in any case.

        Raises:
            SecretMissing: it does not name them.

        """
        _check(reference)
        return SecretIdentity(f"op:{'/'.join(reference.steps).casefold()}?{reference.query}")


def _check(reference: SecretRef) -> None:
    steps = reference.steps
    named = len(steps) in {3, 4} and not any("/" in step for step in steps)
    if reference.absolute or not named or reference.fragment:
        raise SecretMissing(
            f"`{reference}` does not name a vault, an item and a field",
            "use ref+op://VAULT/ITEM/FIELD, with spaces as %20",
        )
    if reference.options.keys() - _OPTIONS:
        raise SecretMissing(f"`{reference}`: only {' and '.join(_OPTIONS)} are allowed after `?`")
