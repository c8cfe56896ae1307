"""
Snapshots that are not the whole truth, made one again without claiming what nobody knows.

The journal of a run that never ended is folded into the snapshot it began with: what ICE
confirmed becomes applied; what was refused stays as it was; a call that was about to
leave, and of which nothing more is known, is uncertain. Folding may itself be killed and
done again. Of two snapshots that grew apart, an entry stays as it is only where both sides
say the same. Every uncertain server is sent again by the next plan, which is always safe.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from icesync.errors import StateCorrupt, listed
from icesync.frozen import frozen
from icesync.model.plan import Action
from icesync.model.safety import strictest
from icesync.model.snapshot import (
    Entry,
    Intent,
    JournalLog,
    MovedFrom,
    Snapshot,
    confirm,
    disagree,
    doubt,
    remember,
)

if TYPE_CHECKING:
    from icesync.model.desired import Address
    from icesync.model.report import OutcomeKind

_MAX_NAMED: Final = 5


@frozen
class Recovered:
    """A snapshot with a journal folded in; *calls* of how many; *run* None: no journal counted."""

    snapshot: Snapshot
    calls: int = 0
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
                raise StateCorrupt(
                    f"the journal ends a call to {record.address} that it never began",
                    *_remedies(log),
                )
            settle(entries, intent, before, record.kind, record.at)
    uncertain = sum(entries[a].uncertain for a in intents if a in entries)
    folded = replace(
        snapshot,
        lineage=log.head.lineage,
        key_id=log.head.key_id or snapshot.key_id,
        entries=entries,
    )
    return Recovered(folded, len(intents), uncertain, log.head.run)


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
        raise StateCorrupt("the journal and the state belong to different targets", *_remedies(log))
    if snapshot.lineage is not None and head.lineage != snapshot.lineage:
        raise StateCorrupt("the journal and the state have different lineages", *_remedies(log))
    if head.serial != snapshot.serial or head.snapshot != digest:
        raise StateCorrupt(
            f"the journal continues serial {head.serial} of the state, "
            f"which is at {snapshot.serial} or was replaced",
            *_remedies(log),
        )


def _remedies(log: JournalLog) -> tuple[str, ...]:
    """Return the ways out, and what the second of them would lose sight of."""
    known = sorted({record.address for record in log.records})
    named = listed([str(address) for address in known], _MAX_NAMED)
    drops = f"which loses what was sent to {named}" if known else "which contains no call"
    ways = [
        "restore the state that the journal belongs to (from git, .backup or errored.icesync.json)",
        f"or move the journal away, {drops}",
    ]
    if known:
        targets = " ".join(f"--resend {address}" for address in known)
        chosen = "--resend all" if len(known) > _MAX_NAMED else targets
        ways.append(f"then run `icesync apply {chosen}` to send it again")
    return tuple(ways)


def merge_snapshots(
    ours: Snapshot, theirs: Snapshot, base: Snapshot | None = None
) -> tuple[Snapshot, tuple[Address, ...]]:
    """
    Return the safe union of two snapshots of one lineage, and the servers that both changed.

    What one side alone changed since *base*, their common ancestor, is taken from it, also
    that an entry is gone. What both changed is uncertain. Without a *base* every difference
    is.

    Raises:
        StateCorrupt: they are of two lineages, targets or fingerprint keys.

    """
    for name, a, b in (
        ("lineages", ours.lineage, theirs.lineage),
        ("targets", ours.base_url, theirs.base_url),
        ("fingerprint keys", ours.key_id, theirs.key_id),
    ):
        if a != b:
            raise StateCorrupt(f"the two sides have different {name} and cannot be merged")
    if base is not None and base.lineage != ours.lineage:
        base = None
    entries: dict[Address, Entry] = {}
    contested: list[Address] = []
    for address in sorted(ours.entries.keys() | theirs.entries.keys()):
        mine, other = ours.entries.get(address), theirs.entries.get(address)
        before = base.entries.get(address) if base is not None else None
        if mine == other or (base is not None and other == before):
            chosen = mine
        elif base is not None and mine == before:
            chosen = other
        else:
            chosen = disagree(mine, other)
            contested.append(address)
        if chosen is not None:
            entries[address] = chosen
    safety = strictest(s.safety for s in (ours, theirs) if s.safety is not None)
    serial = max(ours.serial, theirs.serial)
    memory = remember((ours, theirs), entries)
    merged = replace(ours, serial=serial, run=None, entries=entries, safety=safety, memory=memory)
    return merged, tuple(contested)


def recall(ours: Snapshot, lost: Snapshot, *, believed: bool) -> Snapshot:
    """
    Return *ours*, an older state that was put back, with what *lost*, a newer one, denies.

    ICE holds what the newer one says, or what came after it: where the two differ, the
    server is uncertain. What only the newer one names is in ICE as well. Unless it is
    *believed*, nothing but the doubt comes from it. The serial is the higher one, so that
    the next save settles it.
    """
    entries = dict(ours.entries)
    for address in ours.entries.keys() | lost.entries.keys():
        mine, theirs = ours.entries.get(address), lost.entries.get(address)
        if mine is None and theirs is not None and believed:
            entries[address] = theirs
        elif mine is not None and (theirs is None or mine.digest != theirs.digest):
            later = theirs is not None and (theirs.applied_at or "") >= (mine.applied_at or "")
            entries[address] = disagree(theirs if believed and later else mine, None)
    memory = remember((ours, lost) if believed else (ours,), entries)
    ordered = dict(sorted(entries.items()))
    return replace(ours, serial=lost.serial, entries=ordered, memory=memory)
