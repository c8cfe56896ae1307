"""
Secrets from the keyring of a person's desktop: ``ref+keyring://SERVICE/NAME``.

Needs the extra ``icesync[keyring]``; for laptops, a pipeline has no keyring.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from icesync.errors import SecretMissing, SecretStoreUnreachable
from icesync.model.secret import SecretIdentity
from icesync.secrets import make_secret, need

if TYPE_CHECKING:
    from icesync.model.secret import SecretRef, SecretValue


class KeyringProvider:
    """Opens ``keyring`` references, one at a time: a keyring may ask its person."""

    remote = True

    def __init__(self) -> None:
        self.scheme = "keyring"
        self._lock = Lock()

    def fetch(self, reference: SecretRef) -> SecretValue:
        """
        Return the password of the name.

        Raises:
            SecretMissing: the extra is not installed, the keyring is closed, or has none.

        """
        service, name = _names(reference)
        keyring = need("keyring", "keyring", reference)
        errors = need("keyring.errors", "keyring", reference)
        value, kind = None, SecretMissing
        with self._lock:
            try:
                value = keyring.get_password(service, name)
            except errors.KeyringError as error:
                problem = f"the keyring did not answer: {type(error).__name__}"
                if not isinstance(error, errors.NoKeyringError):
                    kind = SecretStoreUnreachable
            else:
                problem = "no such password in the keyring"
        if value is not None:
            return make_secret(value, f"`{reference}`")
        raise kind(f"`{reference}`: {problem}", f"keyring set {service} {name}")

    def identify(self, reference: SecretRef) -> SecretIdentity:
        """
        Return service and name.

        Raises:
            SecretMissing: it does not name them.

        """
        return SecretIdentity("keyring:" + "\0".join(_names(reference)))


def _names(reference: SecretRef) -> tuple[str, str]:
    *service, name = reference.steps
    if not service or reference.absolute or reference.query or reference.fragment:
        raise SecretMissing(
            f"`{reference}` does not name a service and a name", "ref+keyring://SERVICE/NAME"
        )
    return "/".join(service), name
