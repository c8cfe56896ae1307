"""Secrets: a reference, a fingerprint, an answer to "did it change", a value that cannot print."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from icesync.frozen import frozen
from icesync.model.reference import (
    REFERENCE_GRAMMAR,
    SCHEME_GRAMMAR,
    SecretRef,
    parse_secret_ref,
    read_secret_ref,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from icesync.model.address import Address

__all__ = [
    "REFERENCE_GRAMMAR",
    "SCHEME_GRAMMAR",
    "Fingerprint",
    "SecretComparison",
    "SecretFindings",
    "SecretMetadata",
    "SecretRef",
    "SecretStatus",
    "SecretValue",
    "parse_secret_ref",
    "read_secret_ref",
]


class Fingerprint(NamedTuple):
    """A keyed digest of a secret and its salt, in hexadecimal (``codec/fingerprint``)."""

    salt: str
    value: str


class SecretMetadata(NamedTuple):
    """What a provider knows about a secret besides its value: a version, when it was written."""

    version: str | None = None
    changed_at: datetime | None = None


class SecretComparison(StrEnum):
    """What is known about a secret since it was last sent."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    NOT_COMPARED = "not compared"


@frozen
class SecretFindings:
    """
    How the secrets of a fleet compare: *default* for all but those listed in *exceptions*.

    A fleet in which nothing rotated lists nothing, so it costs nothing.
    """

    default: SecretComparison = SecretComparison.UNCHANGED
    exceptions: Mapping[Address, Mapping[str, SecretComparison]] = field(default_factory=dict)

    def of(self, address: Address, key: str) -> SecretComparison:
        """Return how the secret *key* of *address* compares."""
        return self.exceptions.get(address, {}).get(key, self.default)


@frozen
class SecretStatus:
    """
    What a look at one reference came to.

    *problem* is the reason why it leads nowhere, None where it leads to a
    secret; *hints* show the way out. *used_by* names what refers to it: servers
    with their setting, or settings of the configuration.
    """

    reference: SecretRef
    used_by: tuple[str, ...]
    problem: str | None = None
    hints: tuple[str, ...] = ()
    metadata: SecretMetadata = field(default_factory=SecretMetadata)


class SecretValue:
    """
    A secret in memory: it cannot print, compare, hash, copy or pickle itself.

    It opens by :meth:`reveal`, which only the wire encoder, the fingerprint
    codec and an adapter's own login may call; a test walks the tree for it.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret itself."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> NoReturn:
        self._refuse("compared")

    def __hash__(self) -> NoReturn:  # noqa: PLE0309 - it never returns
        self._refuse("hashed")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        self._refuse("pickled or copied")

    @staticmethod
    def _refuse(what: str) -> NoReturn:
        raise TypeError(f"a secret cannot be {what}")
