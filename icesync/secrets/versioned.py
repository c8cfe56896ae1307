"""What the clouds' stores have in common: a value with a version, read once a run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from icesync.secrets.once import Once
from icesync.secrets.tree import secret_in

if TYPE_CHECKING:
    from icesync.model.secret import SecretFacts, SecretRef, SecretValue

__all__ = ["VersionedProvider"]


class VersionedProvider(ABC):
    """Opens the references of *scheme*; what one cloud does is in :meth:`read_now`."""

    remote = True

    def __init__(self, scheme: str) -> None:
        self.scheme = scheme
        self._reads: Once[tuple[bytes, SecretFacts]] = Once()

    def fetch(self, reference: SecretRef) -> SecretValue:
        """
        Return the value, or the string at the key of a value in JSON.

        Raises:
            SecretMissing: the extra is not installed, or the cloud did not give it.

        """
        content, _ = self._read(reference)
        return secret_in(reference, content)

    def facts(self, reference: SecretRef) -> SecretFacts:
        """Return the version that was read, and when it was made where the cloud says so."""
        return self._read(reference)[1]

    @abstractmethod
    def read_now(self, reference: SecretRef) -> tuple[bytes, SecretFacts]:
        """
        Ask for the value behind *reference*, and for what is known of it.

        Raises:
            SecretMissing: it was not given.

        """

    def _read(self, reference: SecretRef) -> tuple[bytes, SecretFacts]:
        where = (reference.path, reference.query)
        return self._reads.get(where, lambda: self.read_now(reference))
