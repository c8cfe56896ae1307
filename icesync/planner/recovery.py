"""
Fold the journal of a run that never ended into the snapshot it began with.

Pure and repeatable: folding may itself be killed and done again. What ICE
confirmed becomes applied; what was refused stays as it was; a call that was
about to leave, and of which nothing more is known, is uncertain.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from icesync.errors import StateCorrupt
from icesync.frozen import frozen
from icesync.model.journal import Intent, JournalLog
from icesync.model.plan import Action
from icesync.model.snapshot import Entry, MovedFrom, Snapshot
from icesync.model.transitions import confirm, doubt

if TYPE_CHECKING:
    from icesync.model.address import Address
    from icesync.model.report import OutcomeKind


_MAX_NAMED: Final = 5


@frozen
class Recovered:
    """A snapshot with a journal folded in, and how much that was; None: no journal counted."""

    snapshot: Snapshot
    records: int = 0
    uncertain: int = 0
    run: str | None = None


def recover(snapshot: Snapshot, digest: str | None, log: JournalLog | None) -> Recovered:
    """
    Return *snapshot* as it is after all that *log* says happened.

    *digest* is the SHA-256 of the snapshot's bytes, None where nothing is stored.

    Raises:
        StateCorrupt: the journal continues another snapshot.

    """
    if log is None or _is_merged(snapshot, log):
        return Recovered(snapshot)
    _check_belongs(snapshot, digest, log)
    entries = dict(snapshot.entries)
    intents: dict[Address, Intent] = {}
    for record in log.records:
        before = snapshot.entries.get(record.address)
        if isinstance(record, Intent):
            intents[record.address] = record
            entries[record.address] = doubt(before, record.entry)
        else:
            intent = intents.get(record.address)
            if intent is None:
                raise StateCorrupt(f"the journal ends a call of {record.address} that never began")
            settle(entries, intent, before, record.kind, record.at)
    uncertain = sum(entries[a].uncertain for a in intents if a in entries)
    folded = replace(
        snapshot,
        lineage=log.head.lineage,
        key_id=log.head.key_id or snapshot.key_id,
        entries=entries,
    )
    return Recovered(folded, len(log.records), uncertain, log.head.run)


def settle(
    entries: dict[Address, Entry],
    intent: Intent,
    before: Entry | None,
    kind: OutcomeKind,
    at: str,
) -> None:
    """Write into *entries* how the call of *intent* ended; *before* is the entry before the run."""
    address = intent.address
    if kind.was_written is None:
        entries[address] = doubt(before, intent.entry)
    elif not kind.was_written:
        _restore(entries, address, before)
    else:
        source = entries.pop(intent.drops, None) if intent.drops is not None else None
        if intent.action is Action.DISABLE:
            entries.pop(address, None)
        else:
            moved_from = MovedFrom(intent.drops, source.digest) if source and intent.drops else None
            entries[address] = confirm(intent.entry, at, moved_from)


def _restore(entries: dict[Address, Entry], address: Address, before: Entry | None) -> None:
    """Make the entry what it was before its call: ICE surely holds what it held."""
    if before is None:
        entries.pop(address, None)
    else:
        entries[address] = before


def _is_merged(snapshot: Snapshot, log: JournalLog) -> bool:
    """Return whether the run died after the snapshot was replaced, before the journal went."""
    return snapshot.run == log.head.run and snapshot.serial > log.head.serial


def _check_belongs(snapshot: Snapshot, digest: str | None, log: JournalLog) -> None:
    head = log.head
    if head.base_url != snapshot.base_url:
        raise StateCorrupt("the journal is of another target than the state", *_remedies(log))
    if snapshot.lineage is not None and head.lineage != snapshot.lineage:
        raise StateCorrupt("the journal is of another lineage than the state", *_remedies(log))
    if head.serial != snapshot.serial or head.snapshot != digest:
        raise StateCorrupt(
            f"the journal continues serial {head.serial} of the state, "
            f"which is at {snapshot.serial} or was replaced",
            *_remedies(log),
        )


def _remedies(log: JournalLog) -> tuple[str, ...]:
    """Return the ways out, and what the second of them would lose sight of."""
    known = sorted({record.address for record in log.records})
    named = ", ".join(str(address) for address in known[:_MAX_NAMED])
    more = f" and {len(known) - _MAX_NAMED} more" if len(known) > _MAX_NAMED else ""
    drops = f"which forgets what was sent to {named}{more}" if known else "which holds no call"
    ways = [
        "put back the state that the journal belongs to (git, .backup or errored.icesync.json)",
        f"or move the journal away, {drops}",
    ]
    if known:
        targets = " ".join(f"--resend {address}" for address in known[:_MAX_NAMED])
        ways.append(f"icesync apply {'--resend all' if more else targets}   sends that again then")
    return tuple(ways)
