"""
Two snapshots that grew apart, as one that claims nothing either of them denies.

Two branches of git make such a pair, or a revert that put an older state back. An entry
stays as it is only where both sides say the same. Every other server is uncertain: the
next plan sends it again, which is always safe.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from icesync.errors import StateCorrupt
from icesync.model.host_memory import remember
from icesync.model.safety import strictest
from icesync.model.transitions import disagree

if TYPE_CHECKING:
    from icesync.model.snapshot import Entry, Snapshot


def merge_snapshots(ours: Snapshot, theirs: Snapshot) -> Snapshot:
    """
    Return the safe union of two snapshots of one lineage.

    Raises:
        StateCorrupt: they are of two lineages, targets or fingerprint keys.

    """
    for name, a, b in (
        ("lineages", ours.lineage, theirs.lineage),
        ("targets", ours.base_url, theirs.base_url),
        ("fingerprint keys", ours.key_id, theirs.key_id),
    ):
        if a != b:
            raise StateCorrupt(
                f"the two sides are of two {name}; they cannot be united",
                "take one side: git checkout --ours <state>, then icesync apply --resend all",
            )
    addresses = ours.entries.keys() | theirs.entries.keys()
    entries = {a: _merge(ours.entries.get(a), theirs.entries.get(a)) for a in sorted(addresses)}
    safety = strictest(s.safety for s in (ours, theirs) if s.safety is not None)
    serial = max(ours.serial, theirs.serial)
    memory = remember((ours, theirs), entries)
    return replace(ours, serial=serial, run=None, entries=entries, safety=safety, memory=memory)


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


def _merge(ours: Entry | None, theirs: Entry | None) -> Entry:
    if ours is not None and ours == theirs:
        return ours
    return disagree(ours, theirs)
