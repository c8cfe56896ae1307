"""Use case: carry a whole snapshot out of a store, into one, or from one to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.codec.state import decode_state
from icesync.errors import StateConflict, StateCorrupt, StateError, UsageError

if TYPE_CHECKING:
    from icesync.model.snapshot import Snapshot
    from icesync.ports import StateStore

__all__ = ["migrate", "pull", "push"]


def pull(store: StateStore) -> bytes:
    """
    Return the snapshot as it is stored, once it is known to be whole.

    Raises:
        StateError: there is none, it is damaged, or a journal beside it is not folded in yet.

    """
    data = store.read()
    if data is None:
        raise StateError(f"{store.describe()} holds no snapshot", "icesync apply   makes one")
    decode_state(data)
    _demand_no_journal(store)
    return data


def push(
    store: StateStore, data: bytes, base_url: str, *, force: bool = False, dry_run: bool = False
) -> Snapshot:
    """
    Store *data*, under the lock, and return the snapshot that it is.

    It must be whole, of this target, of the same lineage and younger than what
    is stored; *force* takes any that is whole and of this target.

    Raises:
        StateError: it is damaged or of another target, or the store refuses.
        StateConflict: it would replace another lineage, or something as young.

    """
    pushed = decode_state(data)
    if pushed.base_url != base_url:
        told = ascii(pushed.base_url)[1:-1]
        raise StateCorrupt(f"the snapshot is of another target: {told}", "check `api.base_url`")
    _demand_no_journal(store)
    stored = store.read()
    if stored == data:
        return pushed
    if stored is not None and not force:
        _demand_successor(pushed, decode_state(stored))
    if not dry_run:
        store.write(data, stored)
    return pushed


def migrate(
    source: StateStore, target: StateStore, base_url: str, *, dry_run: bool = False
) -> Snapshot:
    """
    Copy the snapshot of *source* to *target*, both locked, and return it; *source* stays as it is.

    Raises:
        StateError: there is nothing to copy, or a store refuses.
        StateConflict: *target* holds something that this is no successor of.

    """
    if source.describe() == target.describe():
        raise StateError(
            f"both configurations keep the snapshot at {source.describe()}",
            "--from-config names the configuration as it was before `state:` was changed",
        )
    return push(target, pull(source), base_url, dry_run=dry_run)


def demand_only(data: bytes, organization: int) -> None:
    """
    Demand that the state in *data* is of *organization* only.

    Raises:
        UsageError: it holds another's server.

    """
    foreign = [a for a in decode_state(data).entries if a.organization != organization]
    if foreign:
        raise UsageError(f"FILE holds {foreign[0]}, which is not of organization {organization}")


def organizations_in(store: StateStore) -> frozenset[int]:
    """Return the organizations of the servers in *store*."""
    return frozenset(address.organization for address in decode_state(pull(store)).entries)


def _demand_no_journal(store: StateStore) -> None:
    if store.journals is not None and store.journals.read() is not None:
        raise StateConflict(
            f"an apply that never ended left a journal beside {store.describe()}",
            "icesync apply   folds it into the snapshot first",
        )


def _demand_successor(pushed: Snapshot, stored: Snapshot) -> None:
    if pushed.lineage != stored.lineage:
        raise StateConflict(
            f"the snapshot is of another lineage ({pushed.lineage}) than the one that is stored "
            f"({stored.lineage})",
            "icesync state pull   keeps what is stored; --force then replaces it",
        )
    if pushed.serial <= stored.serial:
        raise StateConflict(
            f"the snapshot has serial {pushed.serial}, what is stored has {stored.serial}: "
            "acknowledgements would get lost",
            "icesync state pull   keeps what is stored; --force then replaces it",
        )
