"""Use case: read, write and operate on the snapshot."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from icesync.codec.state import decode_state, encode_state, seal
from icesync.errors import StateCorrupt, UsageError
from icesync.model.snapshot import Snapshot
from icesync.planner.select import check_patterns, matches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icesync.model.address import Address
    from icesync.model.snapshot import Entry
    from icesync.ports import StateStore

__all__ = ["Stored", "load", "move", "remove", "save"]


@dataclass(frozen=True, slots=True)
class Stored:
    """A snapshot and the very bytes it was read from, for compare-and-swap."""

    snapshot: Snapshot
    data: bytes | None


def load(store: StateStore, base_url: str) -> Stored:
    """
    Return the snapshot that *store* holds; an empty one when nothing was ever stored.

    Raises:
        StateError: it cannot be read, is damaged, or is of another target.

    """
    data = store.read()
    if data is None:
        return Stored(Snapshot(base_url), None)
    snapshot = decode_state(data)
    if snapshot.base_url != base_url:
        raise StateCorrupt(
            f"the snapshot is of another target: it says {_shown(snapshot.base_url)}, "
            f"`api.base_url` says {_shown(base_url)}",
            "use one snapshot for each target: set `state.path`",
        )
    return Stored(snapshot, data)


def save(
    store: StateStore,
    stored: Stored,
    entries: Mapping[Address, Entry],
    version: str,
    key_id: str | None = None,
) -> Stored:
    """
    Store *entries* as the successor of *stored* and return what is stored now.

    Equal entries write nothing. The serial rises by one, the lineage is made at
    the first save, and the store refuses if somebody else wrote meanwhile.

    Raises:
        StateConflict: somebody did.
        StateNotSaved: the store cannot write.

    """
    before = stored.snapshot
    sealed = {address: seal(address, entry) for address, entry in entries.items()}
    key_id = key_id or before.key_id
    if stored.data is not None and sealed == before.entries and key_id == before.key_id:
        return stored
    after = replace(
        before,
        serial=before.serial + 1,
        lineage=before.lineage or str(uuid.uuid4()),
        key_id=key_id,
        entries=sealed,
    )
    data = encode_state(after, version)
    store.write(data, stored.data)
    return Stored(after, data)


def move(snapshot: Snapshot, source: Address, target: Address) -> dict[Address, Entry]:
    """
    Return the entries with *source* under the name *target*.

    Fingerprints stay bound to the address that they were made for, so no secret
    is needed.

    Raises:
        UsageError: there is no *source*, or there is a *target* already.

    """
    check_patterns("SOURCE", (str(source),), snapshot.entries.keys())
    if target in snapshot.entries:
        raise UsageError(f"{target} is in the snapshot already", f"icesync state rm {target}")
    entries = dict(snapshot.entries)
    entry = entries.pop(source)
    entries[target] = replace(entry, bound_to=entry.bound_to or source)
    return entries


def remove(snapshot: Snapshot, patterns: Sequence[str]) -> dict[Address, Entry]:
    """
    Return the entries but for those that *patterns* mean.

    Raises:
        UsageError: a pattern means none.

    """
    check_patterns("ADDR", patterns, snapshot.entries.keys())
    return {a: entry for a, entry in snapshot.entries.items() if not matches(a, patterns)}


def _shown(text: str) -> str:
    return ascii(text)[1:-1]
