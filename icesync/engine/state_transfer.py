"""Use case: carry a whole state out of a store, into one, or from one to another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from icesync import __version__
from icesync.codec.fingerprint import FingerprintKey, KeySealing, broken_seals, seals_of
from icesync.codec.journal import decode_journal
from icesync.codec.state import decode_state, encode_state
from icesync.errors import StateConflict, StateCorrupt, StateError, UsageError, printable
from icesync.ports import Joined, StateStore

if TYPE_CHECKING:
    from icesync.model.snapshot import Snapshot


def pull(store: StateStore) -> bytes:
    """
    Return the state as it is stored, once it is known to be whole.

    Raises:
        StateError: there is none, or it is damaged.

    """
    data = store.read()
    if data is None:
        store.demand_first_use(lambda _: False)
        raise StateError(f"{store.describe()} holds no state", "run `icesync apply` to create one")
    decode_state(data, store.recovery)
    return data


def push(
    store: StateStore,
    data: bytes,
    base_url: str,
    key: FingerprintKey | None = None,
    *,
    force: bool = False,
    dry_run: bool = False,
) -> Snapshot:
    """
    Store *data*, under the lock, and return the snapshot that it is.

    It must be whole, of this target, of the same lineage and younger than what
    is stored; *force* takes any that is whole and of this target. A serial never falls:
    what replaces something younger gets the next one.

    Raises:
        StateError: it is damaged or of another target, or the store refuses.
        StateConflict: it would replace another lineage, or something as young, or
            what a dead run left.

    """
    try:
        pushed = decode_state(data)
    except StateCorrupt as error:
        raise StateCorrupt(
            f"the file cannot be pushed: {error.message.replace('what is stored', 'it')}",
            "run `icesync state pull -o FILE` to write what can be pushed",
        ) from None
    if pushed.base_url != base_url:
        target = printable(pushed.base_url)
        raise StateCorrupt(
            f"this state belongs to another target: {target}", "check `api.base_url`"
        )
    _demand_journal_is_in(store, pushed)
    stored = store.read()
    if stored == data:
        _drop_journal(store, dry_run=dry_run)
        return pushed
    if stored is not None and not force:
        _demand_successor(pushed, decode_state(stored))
    latest = _serial_of(stored)
    if latest is not None and pushed.serial <= latest:
        after = replace(pushed, serial=latest + 1)
        pushed = replace(after, seals=seals_of(key, after, pushed, trusted=False))
        data = encode_state(pushed, __version__)
    if not dry_run:
        store.write(data, stored)
        _drop_journal(store, dry_run=False)
    return pushed


def _serial_of(stored: bytes | None) -> int | None:
    """Return the serial of what is stored; None where nobody can say."""
    try:
        return None if stored is None else decode_state(stored).serial
    except StateError:
        return None


def migrate(
    source: StateStore,
    target: StateStore,
    base_url: str,
    key: FingerprintKey | None = None,
    *,
    dry_run: bool = False,
) -> Snapshot:
    """
    Copy the snapshot of *source* to *target*, both locked, and return it; *source* stays as it is.

    What is joined or split is sealed anew by *key*, if each seal of *source* fits.

    Raises:
        StateError: there is nothing to copy, or a store refuses.
        StateConflict: *target* holds something that this is no successor of.

    """
    if source.describe() == target.describe():
        refuse_same_place(source)
    data = pull(source)
    found = decode_state(data)
    parts = source.parts.values() if isinstance(source, Joined) else [found]
    if key is not None and not any(broken_seals(key, part) for part in parts):
        sealed = replace(found, seals=seals_of(key, found, found, trusted=True))
        data = encode_state(sealed, __version__)
        if isinstance(target, Joined):
            target.seal_by(KeySealing(key, trusted=True))
    return push(target, data, base_url, dry_run=dry_run)


def refuse_same_place(store: StateStore) -> NoReturn:
    """
    Say that nothing can be copied onto itself.

    Raises:
        StateError: always.

    """
    raise StateError(
        f"both configurations keep the state at {store.describe()}",
        "pass the configuration from before `state:` was changed to --from-config",
    )


def demand_only(data: bytes, organization: int) -> None:
    """
    Demand that the state in *data* is of *organization* only.

    Raises:
        UsageError: it holds another's server.

    """
    found = decode_state(data)
    held = (*found.entries, *(sent.address for sent in found.memory))
    foreign = [a for a in held if a.organization != organization]
    if foreign:
        raise UsageError(
            f"FILE contains {foreign[0]}, which does not belong to organization {organization}"
        )


def organizations_in(store: StateStore) -> frozenset[int]:
    """Return the organizations of the servers in *store*, those that were forgotten too."""
    found = decode_state(pull(store))
    held = (*found.entries, *(sent.address for sent in found.memory))
    return frozenset(address.organization for address in held)


def _demand_journal_is_in(store: StateStore, pushed: Snapshot) -> None:
    """Demand that *pushed* knows what a dead run wrote down, if one left a journal."""
    left = store.journals.read() if store.journals is not None else None
    log = decode_journal(left) if left is not None else None
    if log is None or (pushed.run == log.head.run and pushed.serial > log.head.serial):
        return
    raise StateConflict(
        f"an apply that never ended left {len(log.records)} records beside {store.describe()}, "
        "which this state does not know",
        "run `icesync state pull -o now.json` to save them in the state first",
    )


def _drop_journal(store: StateStore, *, dry_run: bool) -> None:
    if store.journals is not None and not dry_run:
        store.journals.drop()


def _demand_successor(pushed: Snapshot, stored: Snapshot) -> None:
    if pushed.lineage != stored.lineage:
        raise StateConflict(
            f"the lineage of the state ({pushed.lineage}) differs from the stored one "
            f"({stored.lineage})",
            "save the stored state with `icesync state pull`, then use --force",
        )
    if pushed.serial <= stored.serial:
        raise StateConflict(
            f"the state has serial {pushed.serial}, the stored one {stored.serial}: newer "
            "confirmations would be lost",
            "save the stored state with `icesync state pull`, then use --force",
        )
