"""
A snapshot in parts, one for each organization: joined to one value, and split again.

What is joined has a lineage that follows from where the parts are kept, so that a
saved plan fits whichever of them it looked at; each part keeps a lineage of its own.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from icesync.codec.fingerprint import HEAD
from icesync.errors import StateCorrupt, StateError, printable
from icesync.model.safety import strictest
from icesync.model.snapshot import Entry, Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.model.desired import Address


def lineage_of(base_url: str, template: str) -> str:
    """Return the lineage of everything that is kept at *template* for *base_url*."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{base_url}\n{template}"))


def join(
    parts: Mapping[int, Snapshot], places: Mapping[int, str], base_url: str, lineage: str
) -> Snapshot:
    """
    Return the *parts* by organization as one snapshot; *places* say where each is kept.

    Its serial is the sum of theirs, and it has no seal over the whole: each part has one.

    Raises:
        StateCorrupt: a part is of another target, or holds another organization's server.
        StateError: two parts have fingerprints of different keys.

    """
    entries: dict[Address, Entry] = {}
    for organization, part in sorted(parts.items()):
        _check_part(organization, part, places[organization], base_url)
        entries |= part.entries
    serial = sum(part.serial for part in parts.values())
    safety = strictest(part.safety for part in parts.values() if part.safety is not None)
    key_id = _common_key(parts, places)
    seals = {name: seal for part in parts.values() for name, seal in _of_entries(part)}
    memory = tuple(sent for _, part in sorted(parts.items()) for sent in part.memory)
    return Snapshot(base_url, serial, lineage, key_id, None, entries, safety, seals, memory)


def _of_entries(part: Snapshot) -> list[tuple[str, str]]:
    return [(name, seal) for name, seal in part.seals.items() if name != HEAD]


def _check_part(organization: int, part: Snapshot, place: str, base_url: str) -> None:
    if part.base_url != base_url:
        raise StateCorrupt(
            f"the state {place} belongs to {printable(part.base_url)}, but "
            f"`api.base_url` is {printable(base_url)}",
            "use a separate state for each target",
        )
    held = {*part.entries, *(sent.address for sent in part.memory)}
    foreign = next((a for a in sorted(held) if a.organization != organization), None)
    if foreign is not None:
        raise StateCorrupt(
            f"{place} is for organization {organization}, but contains {foreign}",
            "restore it from a backup or from the store's history",
        )


def _common_key(parts: Mapping[int, Snapshot], places: Mapping[int, str]) -> str | None:
    keyed = {o: part.key_id for o, part in sorted(parts.items()) if part.key_id is not None}
    if not keyed:
        return None
    first, key_id = next(iter(keyed.items()))
    other = next((o for o, key in keyed.items() if key != key_id), None)
    if other is not None:
        raise StateError(
            f"{places[first]} and {places[other]} use different fingerprint keys",
            f"run `icesync state rekey --organization {other}`",
        )
    return key_id


def split(snapshot: Snapshot, before: Mapping[int, Snapshot]) -> dict[int, Snapshot]:
    """
    Return the parts of *snapshot* that differ from those *before*, each with the next serial.

    A part of a first save has no lineage yet.

    Raises:
        ValueError: an entry is of an organization that *before* does not name.

    """
    entries: dict[int, dict[Address, Entry]] = {organization: {} for organization in before}
    for address, entry in snapshot.entries.items():
        if address.organization not in entries:
            raise ValueError(f"{address} belongs to no organization of this run")
        entries[address.organization][address] = entry
    for sent in snapshot.memory:
        if sent.address.organization not in entries:
            raise ValueError(f"{sent.address} is of no organization of this run")
    changed = {}
    for organization, part in before.items():
        own = entries[organization]
        rekeyed = part.lineage is not None and part.key_id != snapshot.key_id
        held = part.lineage is not None and part.safety != snapshot.safety
        names = map(str, own)
        seals = {name: snapshot.seals[name] for name in names if name in snapshot.seals}
        memory = tuple(s for s in snapshot.memory if s.address.organization == organization)
        remembered = memory != part.memory
        if own != part.entries or rekeyed or held or remembered or seals != dict(_of_entries(part)):
            changed[organization] = replace(
                part,
                serial=part.serial + 1,
                key_id=snapshot.key_id,
                entries=own,
                safety=snapshot.safety,
                seals=seals,
                memory=memory,
            )
    return changed


def write_steps(
    before: Mapping[int, Snapshot], after: Mapping[int, Snapshot]
) -> tuple[dict[int, Snapshot], dict[int, Snapshot]]:
    """
    Return the parts *after* in the two steps in which they are written, by organization.

    Each entry means something on its own, so any order would be sound but for a move
    from one organization to another: what is lost in between must be a copy, not the
    only record. So parts that lose entries come in the second step; one that loses
    entries and takes in others is in both, first with all of them.
    """
    lost = {
        o: {a: e for a, e in before[o].entries.items() if a not in part.entries}
        for o, part in after.items()
    }
    first: dict[int, Snapshot] = {}
    for organization, part in sorted(after.items()):
        if not lost[organization]:
            first[organization] = part
        elif any(_is_moved_in(a, e, before[organization]) for a, e in part.entries.items()):
            first[organization] = replace(part, entries={**part.entries, **lost[organization]})
    last = {
        organization: replace(part, serial=part.serial + (organization in first))
        for organization, part in sorted(after.items())
        if lost[organization]
    }
    return first, last


def _is_moved_in(address: Address, entry: Entry, before: Snapshot) -> bool:
    """Return whether *entry* came by a move that *before* does not know as done."""
    if entry.moved_from is None or entry.moved_from.address in before.entries:
        return False
    known = before.entries.get(address)
    return known is None or known.moved_from != entry.moved_from
