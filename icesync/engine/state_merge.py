"""
Unite two versions of a state that were both written: as git's merge driver, or afterwards.

A server that one side changed is taken from that side. One that both changed is sent
again, since nobody can say whose call came last. Where the two cannot be united, both
stay in the file between git's markers, so that no command takes one of them for the state.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from icesync import __version__
from icesync.codec.fingerprint import FingerprintKey, broken_seals, seals_of
from icesync.codec.state import decode_sides, decode_state, encode_state, seal
from icesync.engine.state import sealing_key
from icesync.errors import IcesyncError, StateCorrupt, StateError
from icesync.frozen import frozen
from icesync.model.snapshot import Snapshot
from icesync.planner.recovery import merge_snapshots

if TYPE_CHECKING:
    from collections.abc import Callable

    from icesync.engine.session import Session
    from icesync.model.desired import Address
    from icesync.ports import StateStore

DRIVER: Final = "icesync"
"""What git calls the driver, in `.gitattributes` and in its configuration."""


def merge_attribute(state: str) -> str:
    """Return the line of `.gitattributes` that gives the files of the pattern *state* to it."""
    return f"{state} merge={DRIVER}"


def merge_config(folder: str = "") -> str:
    """Return the command that makes the driver known to a clone; icesync.yaml is in *folder*."""
    where = f" -C {shlex.quote(folder)}" if folder not in {"", "."} else ""
    return f"git config merge.{DRIVER}.driver 'icesync{where} state merge %O %A %B'"


@frozen
class United:
    """
    A state that unites two, and the servers that both changed: the next apply sends them.

    *unsealed*: a side was sealed, and this is not.
    """

    snapshot: Snapshot
    contested: tuple[Address, ...]
    unsealed: bool


def unite(
    ours: Snapshot,
    theirs: Snapshot,
    base: Snapshot | None,
    key: FingerprintKey | None,
    *,
    whole: bool,
) -> United:
    """
    Return the union of *ours* and *theirs*, which both come from *base*, as it is stored.

    It is sealed with *key* if both sides were. *whole*: they are the files themselves, so
    that the seal over all must fit, too.

    Raises:
        StateCorrupt: they are of two lineages, targets or fingerprint keys.

    """
    merged, contested = merge_snapshots(ours, theirs, base)
    sealed = {address: seal(address, entry) for address, entry in merged.entries.items()}
    after = replace(merged, serial=merged.serial + 1, entries=sealed)
    # Both sides must be icesync's own, or the whole is none of it.
    own = key is not None and not any(broken_seals(key, s, whole=whole) for s in (ours, theirs))
    seals = seals_of(key, after, after, trusted=True) if own else {}
    unsealed = not own and bool(ours.seals or theirs.seals)
    return United(replace(after, seals=seals), contested, unsealed)


def resolve(
    store: StateStore, version: str, key: FingerprintKey | None = None, *, dry_run: bool = False
) -> United:
    """
    Unite the two sides of a merge conflict in the stored snapshot; the lock must be held.

    A dry run stores nothing. With *key* the result is sealed, where both sides were.

    Raises:
        StateError: there is no conflict, or the sides cannot be united.

    """
    data = store.read()
    if data is None:
        raise StateCorrupt("there is no state to resolve", "icesync plan")
    try:
        united = unite(*decode_sides(data), None, key, whole=False)
    except StateError as error:
        if not error.hints:
            name = shlex.quote(store.describe())
            error.hints = (
                f"run `git checkout --ours -- {name}` to take one side",
                "then run `icesync apply --resend all` to send every server again",
            )
        raise
    if not dry_run:
        store.write(encode_state(united.snapshot, version), data)
    return united


def merge_states(
    open_session: Callable[[], Session], base: bytes, ours: bytes, theirs: bytes
) -> tuple[bytes, United | StateError]:
    """
    Return what git's merge of the three versions of a state leaves, and how it went.

    The session only lends the key; without a configuration the result is not sealed.
    """
    try:
        sides = decode_state(ours), decode_state(theirs)
        key = _key(open_session, sides[0])
        united = unite(*sides, _base(base), key, whole=True)
    except StateError as error:
        return b"<<<<<<< ours\n%b=======\n%b>>>>>>> theirs\n" % (_line(ours), _line(theirs)), error
    return encode_state(united.snapshot, __version__), united


def _base(data: bytes) -> Snapshot | None:
    """Return what both sides come from; where nobody can read it, all differences count."""
    try:
        return decode_state(data)
    except StateError:
        return None


def _key(open_session: Callable[[], Session], side: Snapshot) -> FingerprintKey | None:
    try:
        return sealing_key(open_session(), Snapshot(side.base_url))
    except IcesyncError:
        return None


def _line(data: bytes) -> bytes:
    return data if not data or data.endswith(b"\n") else data + b"\n"
