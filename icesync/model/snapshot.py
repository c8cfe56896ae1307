"""
What was last sent and acknowledged: the only memory, since ICE cannot be read.

The snapshot never says what *is*; it says what ICE answered "Success" to, and
keeps apart what people told it to assume.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.model.address import Address
    from icesync.model.fields import Setting
    from icesync.model.secret import Fingerprint

__all__ = ["Entry", "EntryStatus", "SecretRecord", "Snapshot"]


class EntryStatus(StrEnum):
    """What is known about the last call for a server."""

    APPLIED = "applied"
    """acknowledged"""
    ASSUMED = "assumed"
    """taken for what ICE holds, on the word of a person; ICE never acknowledged it here"""
    PENDING = "pending"
    """about to be sent when the run ended; whether it was, nobody knows"""
    UNCERTAIN = "uncertain"
    """sent, without an answer that could be trusted"""


class SecretRecord(NamedTuple):
    """The secret that was last acknowledged: its reference and, with a key, its fingerprint."""

    reference: str
    fingerprint: Fingerprint | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One server's record.

    *settings* and *secrets* are the last acknowledged or assumed ones, also while a
    call is open; they are empty for a server of which nothing is known. *intent*
    is the digest of what an open call was to bring, *attempted_at* its time.
    *bound_to* is the address that the fingerprints were made for, when the
    entry was moved since. Times are UTC, ``YYYY-MM-DDTHH:MM:SSZ``.
    """

    status: EntryStatus
    settings: Mapping[str, Setting] = field(default_factory=dict)
    secrets: Mapping[str, SecretRecord] = field(default_factory=dict)
    applied_at: str | None = None
    revision: str | None = None
    intent: str | None = None
    attempted_at: str | None = None
    bound_to: Address | None = None
    digest: str = ""

    @property
    def uncertain(self) -> bool:
        """Whether the last call has no known outcome, so that it must be sent again."""
        return self.status in {EntryStatus.PENDING, EntryStatus.UNCERTAIN}

    @property
    def assumed(self) -> bool:
        """Whether ICE never acknowledged it: a person said that it is so."""
        return self.status is EntryStatus.ASSUMED


@dataclass(frozen=True, slots=True)
class Snapshot:
    """
    All entries of one target.

    *lineage* is None until the snapshot is first stored; *serial* rises with
    every stored change. *key_id* names the fingerprint key, never holds it.
    *run* names the apply whose journal was merged last.
    """

    base_url: str
    serial: int = 0
    lineage: str | None = None
    key_id: str | None = None
    run: str | None = None
    entries: Mapping[Address, Entry] = field(default_factory=dict)
