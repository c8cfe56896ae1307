"""
Secrets from 1Password: ``ref+op://VAULT/ITEM/[SECTION/]FIELD``, read by its program ``op``.

That is 1Password's own spelling with ``ref+`` before it; blanks are written ``%20``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from icesync.errors import SecretMissing
from icesync.secrets.base import make_secret
from icesync.secrets.subprocess_ import run_program

if TYPE_CHECKING:
    from pathlib import Path

    from icesync.model.secret import SecretRef, SecretValue


class OnePasswordProvider:
    """Opens ``op`` references; who signs in is for ``op`` itself to know."""

    remote = True

    def __init__(self, root: Path) -> None:
        self.scheme = "op"
        self._root = root

    def fetch(self, reference: SecretRef) -> SecretValue:
        """
        Return the field's value.

        Raises:
            SecretMissing: ``op`` is not installed, or did not give it.

        """
        if reference.fragment or reference.path.count("/") not in {2, 3}:
            raise SecretMissing(
                f"`{reference}` does not name a vault, an item and a field",
                "ref+op://VAULT/ITEM/FIELD, blanks as %20",
            )
        query = f"?{reference.query}" if reference.query else ""
        target = f"op://{unquote(reference.path)}{query}"
        content = run_program(reference, ("op", "read", "--no-newline", target), self._root)
        return make_secret(content.decode("utf-8", "surrogateescape"), f"`{reference}`")
