"""
Secrets from environment variables: ``ref+env://NAME``.

Only names of the allow-list are opened: a pull request that edits a server
file must not send the pipeline's own credentials to a mail host of its choice.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from icesync.errors import SecretForbidden, SecretMissing
from icesync.model.glob import matches_name
from icesync.model.secret import SecretIdentity, ask_for
from icesync.secrets import make_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.model.secret import SecretRef, SecretValue


class EnvProvider:
    """Opens ``env`` references from *environ*, as far as the globs of *allow* go."""

    remote = False

    def __init__(self, environ: Mapping[str, str], allow: tuple[str, ...]) -> None:
        self.scheme = "env"
        self._environ = environ
        self._allow = allow

    def fetch(self, reference: SecretRef) -> SecretValue:
        """
        Return the variable's value, unaltered: not even a final line break goes.

        Raises:
            SecretMissing: not allowed, not set, empty, or not UTF-8.

        """
        name = self._name(reference)
        value = self._environ.get(os.fsdecode(name.encode()))
        if value is None:
            raise SecretMissing(f"variable {name} is not set", *self._hints(name))
        # Its bytes are the secret: Python read them as the locale says.
        text = os.fsencode(value).decode("utf-8", "surrogateescape")
        return make_secret(text, f"variable {name}")

    def identify(self, reference: SecretRef) -> SecretIdentity:
        """
        Return the name of the variable.

        Raises:
            SecretMissing: it is not a name.
            SecretForbidden: the allow-list does not permit it.

        """
        return SecretIdentity(f"env:{self._name(reference)}")

    def _name(self, reference: SecretRef) -> str:
        name = reference.steps[-1]
        if reference.path != name or reference.query or reference.fragment:
            raise SecretMissing(f"`{reference}` takes a name only", "ref+env://NAME")
        if not self._allows(name):
            raise SecretForbidden(
                f"`{reference}` is not allowed: variables must match {', '.join(self._allow)}",
                "rename the variable, or extend `secrets.env_allow` in icesync.yaml",
            )
        return name

    def _allows(self, name: str) -> bool:
        return any(matches_name(glob, name) for glob in self._allow)

    def _hints(self, name: str) -> tuple[str, ...]:
        """Return the way out; names of variables that are not allowed stay unsaid."""
        names = sorted(filter(self._allows, self._environ))
        near = [other for other in names if _is_slip(name, other)][:1]
        return (*(f"did you mean `{other}`?" for other in near), ask_for([name]))


_PROTOCOLS: Final = frozenset({"SMTP", "IMAP", "POP3"})


def _is_slip(name: str, other: str) -> bool:
    """
    Return whether *name* is *other* but for a slip of the pen.

    Another number or protocol names another password, however near it looks.
    """
    from difflib import SequenceMatcher

    ours, others = name.upper().split("_"), other.upper().split("_")
    if "".join(ours) == "".join(others):
        return True
    differing = [pair for pair in zip(ours, others, strict=False) if pair[0] != pair[1]]
    if len(ours) != len(others) or len(differing) > 1:
        return False
    return all(
        not (one.isdecimal() or two.isdecimal() or {one, two} <= _PROTOCOLS)
        and SequenceMatcher(None, one, two).ratio() >= 0.7
        for one, two in differing
    )
