"""
What ``moved:`` means for a snapshot.

ICE keys its records by address, so a record under a new address must be sent
there; until ICE confirmed that, the state keeps the old entry, and the
plan compares with it. Nothing is ever sent to the old address by a move: what
ICE holds there stays, unless ``removed:`` disables it, which happens after the
move succeeded and not before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from icesync.diagnostics import Diagnostic
from icesync.model.desired import RemovalAction
from icesync.model.transitions import follow
from icesync.planner.select import is_move_selected

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from icesync.model.address import Address
    from icesync.model.desired import DesiredState, Move, Removal
    from icesync.model.plan import Selection
    from icesync.model.snapshot import Entry, Snapshot


def open_moves(desired: DesiredState, snapshot: Snapshot) -> dict[Address, Move]:
    """
    Return the moves that are still to be made, by new address.

    One is open while the state knows the old address, and ICE confirmed nothing at
    the new one. Whether anything was ever confirmed at the old address does not
    matter: a call there may have arrived, and what it brought moves like all else.
    """
    entries = snapshot.entries
    return {
        address: move
        for address, move in desired.moves.items()
        if move.source in entries and not (address in entries and entries[address].settings)
    }


def without_leftovers(snapshot: Snapshot) -> Snapshot:
    """
    Return *snapshot* without old entries of moves that ICE confirmed.

    They are left over where the two addresses are stored apart, and a run ended
    between the two saves, or where two branches were merged. An old entry that
    changed since is none of them.
    """
    entries = snapshot.entries
    left = {
        entry.moved_from.address
        for entry in entries.values()
        if entry.moved_from is not None
        and entry.moved_from.address in entries
        and entries[entry.moved_from.address].digest == entry.moved_from.digest
    }
    if not left:
        return snapshot
    return replace(snapshot, entries={a: e for a, e in entries.items() if a not in left})


def check_clashes(
    desired: DesiredState, snapshot: Snapshot, selection: Selection
) -> Iterator[Diagnostic]:
    """Yield the selected moves whose new address ICE confirmed, though not as that move."""
    entries = snapshot.entries
    for address, move in desired.moves.items():
        if not (move.source in entries and address in entries and entries[address].settings):
            continue
        if move.source in desired.removals or not is_move_selected(move, selection):
            continue
        message = f"the state knows both {move.source} and {address}: two records, not one"
        hint = (
            f"icesync state rm {move.source}   forgets the old one, which ICE keeps; "
            "or remove the entry under `moved:`, and list "
            f"skill {move.source.skill} under `removed:` to disable it"
        )
        yield Diagnostic("ICE114", message, move.position, hint)


def obsolete_entries(desired: DesiredState, snapshot: Snapshot) -> tuple[Move | Removal, ...]:
    """Return the moves and removals of addresses that the state does not know, by place."""
    known = snapshot.entries
    found = [r for address, r in desired.removals.items() if address not in known]
    done = [m for m in desired.moves.values() if m.source not in known]
    return tuple(sorted([*found, *done], key=lambda entry: entry.position))


def keeps_old_entry(move: Move, removals: Mapping[Address, Removal]) -> bool:
    """Return whether the old entry is still needed, since a call of its own will disable it."""
    removal = removals.get(move.source)
    return removal is not None and removal.action is RemovalAction.DISABLE


def with_moves_applied(
    snapshot: Snapshot, moves: Iterable[Move], removals: Mapping[Address, Removal]
) -> Snapshot:
    """Return *snapshot* as a plan compares with it: each old entry under its new address."""
    entries = dict(snapshot.entries)
    for move in moves:
        source, attempt = entries[move.source], entries.get(move.address)
        entries[move.address] = follow(source, move.source, attempt, _prior(source, attempt))
        if not keeps_old_entry(move, removals):
            del entries[move.source]
    return replace(snapshot, entries=entries)


def _prior(source: Entry, attempt: Entry | None) -> str:
    """Return what a saved plan holds a move to: both entries that it started from."""
    if attempt is None or (attempt.announced_over is not None and attempt.prior != attempt.digest):
        # An announced move starts from what it started from when it was announced.
        return source.digest if attempt is None else attempt.prior or ""
    return f"{source.digest} {attempt.digest}"
