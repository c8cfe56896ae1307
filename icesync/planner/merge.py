"""
Two snapshots that grew apart, as one that claims nothing either of them denies.

An entry stays as it is only where both sides say the same. Every other server
is uncertain: the next plan sends it again, which is always safe.
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


def _merge(ours: Entry | None, theirs: Entry | None) -> Entry:
    if ours is not None and ours == theirs:
        return ours
    return disagree(ours, theirs)
