"""What one apply wrote down as it went: intents before calls, outcomes after them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from icesync.frozen import frozen

if TYPE_CHECKING:
    from icesync.model.address import Address
    from icesync.model.plan import Action
    from icesync.model.report import OutcomeKind
    from icesync.model.snapshot import Entry

__all__ = ["CallEnded", "Intent", "JournalHead", "JournalLog", "JournalRecord"]


@frozen
class JournalHead:
    """
    Which snapshot a journal continues.

    *serial* and *snapshot* (the SHA-256 of its bytes, None where nothing was
    stored yet) are those it began with; *run* is random and names the apply.
    """

    run: str
    lineage: str
    serial: int
    snapshot: str | None
    base_url: str
    key_id: str | None = None
    began_at: str = ""


@frozen
class Intent:
    """
    A call is about to leave; *entry* is what the snapshot will say if ICE acknowledges it.

    *drops* is the old address of a move, whose entry leaves the snapshot then.
    """

    address: Address
    action: Action
    entry: Entry
    drops: Address | None = None


@frozen
class CallEnded:
    """A call ended; *at* is UTC."""

    address: Address
    kind: OutcomeKind
    at: str


JournalRecord: TypeAlias = Intent | CallEnded


@frozen
class JournalLog:
    """
    A journal as it was found.

    *torn* says that its end was cut off in the middle of a record, as a crash
    leaves it: that record was never relied upon.
    """

    head: JournalHead
    records: tuple[JournalRecord, ...] = ()
    torn: bool = False
