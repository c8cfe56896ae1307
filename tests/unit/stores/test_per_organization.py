from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from builders import BASE_URL, BILLING, KEY, SALES, SUPPORT, entry, snapshot, stored_bytes
from fakes import FakeClock, FakeStore

from icesync.codec.fingerprint import Broken, broken_seals
from icesync.codec.state import decode_state, encode_state, seal
from icesync.engine.secret_resolution import run_parallel
from icesync.engine.state import Writer, load, save
from icesync.errors import (
    StateConflict,
    StateCorrupt,
    StateError,
    StateLocked,
    StateMissing,
    StateNotSaved,
)
from icesync.model.desired import Address
from icesync.model.snapshot import Entry, EntryStatus, LockInfo, MovedFrom, Record, begin, plan_call
from icesync.stores.local import LocalStore
from icesync.stores.per_organization import Beside, PartitionedStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from icesync.ports import StateStore

TEMPLATE = "state/{organization}.json"
OWNER = LockInfo("4f1c", "apply", "chris@runner-7", 4711, "2026-01-01T00:00:00Z", "https://ci/1")
WRITER = Writer("0.1.0")
BOTH = {SUPPORT: entry(), BILLING: entry()}


def parted(stores: Mapping[int, StateStore], others: Iterable[StateStore] = ()) -> PartitionedStore:
    """Return the store of these parts, beside those of *others*."""
    beside = Beside(FakeStore(), others)
    return PartitionedStore(stores, BASE_URL, TEMPLATE, "0.1.0", FakeClock(), beside)


def put(store: StateStore, entries: Mapping[Address, Entry]) -> None:
    """Save *entries* as an apply does."""
    save(store, load(store, BASE_URL), entries, WRITER)


def serials(stores: Mapping[int, FakeStore]) -> list[int]:
    """Return the serial of each part."""
    return [decode_state(s.data).serial if s.data else 0 for s in stores.values()]


def test_nothing_stored_is_none() -> None:
    """Parts of which none was ever written are no snapshot, not an empty one."""
    store = parted({59: FakeStore(), 70: FakeStore()})

    assert store.read() is None


def test_one_state_shows_that_the_place_is_right() -> None:
    """An organization without a state is new where another has one, in this run or not."""
    empty, full = FakeStore(missing=True), FakeStore(stored_bytes())

    load(parted({59: empty, 70: full}), BASE_URL)
    load(parted({59: empty}, others=[full]), BASE_URL)
    with pytest.raises(StateMissing):
        load(parted({59: empty}, others=[FakeStore()]), BASE_URL)


def test_what_is_joined_is_what_its_bytes_say() -> None:
    """Nobody decodes the bytes again, after a read or a write."""
    parts = {59: FakeStore(stored_bytes({SUPPORT: entry()})), 70: FakeStore()}
    store = parted(parts)
    read = store.read()

    assert read is not None
    assert store.joined == decode_state(read)
    put(store, {SUPPORT: entry(), BILLING: entry()})
    assert set(store.joined.entries) == {SUPPORT, BILLING}
    written = store.read()
    assert written is not None
    assert store.joined == decode_state(written)


def test_parts_are_asked_side_by_side() -> None:
    """Eight far ends wait for each other: read, locked and saved one by one, they never would."""
    together = threading.Barrier(8, timeout=10)

    class Slow(FakeStore):
        def read(self) -> bytes | None:
            together.wait()
            return super().read()

    organizations = [59, *range(101, 108)]
    stores = {organization: Slow() for organization in organizations}
    store = PartitionedStore(
        stores, BASE_URL, TEMPLATE, "0.1.0", FakeClock(), side_by_side=run_parallel
    )
    entries = {Address(organization, 1): entry() for organization in organizations}

    with store.lock(OWNER, 0):
        assert {found.held_by for found in stores.values()} == {OWNER}
        put(store, entries)

    assert serials(stores) == [1] * 8
    assert {found.held_by for found in stores.values()} == {None}


def test_a_lock_that_another_run_holds_frees_the_others() -> None:
    """Whatever was taken before is given back, and the message says whose lock it is."""
    stores = {59: FakeStore(), 70: FakeStore(held_by=OWNER), 80: FakeStore()}

    with pytest.raises(StateLocked, match="organization 70: "):
        parted(stores).lock(replace(OWNER, id="other"), 0).__enter__()

    assert [found.held_by for found in stores.values()] == [None, OWNER, None]


def test_who_has_nothing_to_send_is_not_locked() -> None:
    """Only what a run is narrowed to is locked, and read again; the others keep their owners."""
    stores = {59: FakeStore(stored_bytes({SUPPORT: entry()})), 70: FakeStore(held_by=OWNER)}
    store = parted(stores)
    before = store.read()
    store.narrow(frozenset({59, 81}))
    put(parted({70: stores[70]}), {BILLING: entry()})

    with store.lock(replace(OWNER, id="other"), 0):
        assert store.read() == before
        held = [found.held_by is not None and found.held_by.id for found in stores.values()]

    assert held == ["other", OWNER.id]


def test_what_is_written_beside_takes_its_lock_for_a_moment() -> None:
    """A part that nobody expected to change is not written under somebody else's lock."""
    stores = {59: FakeStore(), 70: FakeStore()}
    store = parted(stores)
    stored = load(store, BASE_URL)
    store.narrow(frozenset({59}))

    with store.lock(replace(OWNER, id="other"), 0):
        stored = save(store, stored, BOTH, WRITER)
        assert stores[70].held_by is None
        stores[70].held_by = OWNER
        with pytest.raises(StateLocked):
            save(store, stored, {SUPPORT: entry()}, WRITER)

    assert serials(stores) == [1, 1]


def test_each_organization_has_its_own() -> None:
    """Each part holds its organization's entries only, under a lineage of its own."""
    stores = {59: FakeStore(), 70: FakeStore()}
    put(parted(stores), BOTH)
    first, second = (decode_state(store.data or b"") for store in stores.values())

    assert (list(first.entries), list(second.entries)) == ([SUPPORT], [BILLING])
    assert first.lineage != second.lineage
    assert load(parted(stores), BASE_URL).snapshot.entries.keys() == BOTH.keys()


def moving(source: Address, target: Address) -> tuple[dict[Address, Entry], dict[Address, Entry]]:
    """Return the entries while a move is open, and after ICE confirmed it."""
    old = seal(source, entry())
    opened = begin(None, plan_call(Record({}, {}), "i", "2026-01-02T00:00:00Z"))
    done = replace(entry(), moved_from=MovedFrom(source, old.digest))
    return {source: old, target: opened}, {target: done}


class StoreThatFails(FakeStore):
    """Takes so many writes and then no more."""

    writes_left = 99

    def write(self, data: bytes, previous: bytes | None) -> None:
        """Take it, or fail."""
        if self.writes_left == 0:
            raise StateNotSaved("the store says 500")
        self.writes_left -= 1
        super().write(data, previous)


SEALED = Writer("0.1.0", KEY.id, key=KEY)
"""A save of a command, which seals what it changes and nothing else."""


def broken(stores: Mapping[int, FakeStore]) -> list[Broken]:
    """Return for each part what does not fit its seals."""
    return [broken_seals(KEY, decode_state(store.data or b"")) for store in stores.values()]


def sealed(*entries: Mapping[Address, Entry]) -> dict[int, FakeStore]:
    """Return two parts, after *entries* were saved in turn with the key."""
    stores = {59: StoreThatFails(), 70: StoreThatFails()}
    for one in entries:
        store = parted(stores)
        save(store, load(store, BASE_URL), one, SEALED)
    return dict(stores)


def cut(store: FakeStore) -> None:
    """Take the last entry out of a part, with digests that fit."""
    found = decode_state(store.data or b"")
    *kept, gone = found.entries.items()
    seals = {name: seal for name, seal in found.seals.items() if name != str(gone[0])}
    store.data = encode_state(replace(found, entries=dict(kept), seals=seals), "0.1.0")


def test_each_part_is_sealed_as_a_whole() -> None:
    """Whatever icesync saves, a move to another organization too, each part fits its seals."""
    pending, done = moving(SUPPORT, BILLING)
    stores = sealed(BOTH, pending, done)

    assert broken(stores) == [Broken(), Broken()]


@pytest.mark.parametrize("failing", [59, 70])
def test_half_a_save_breaks_no_seal(failing: int) -> None:
    """A part that takes in one server and loses another is written twice, sealed each time."""
    back = seal(BILLING, entry())
    one = begin(None, plan_call(Record({}, {}), "i", "2026-01-02T00:00:00Z"))
    stores = sealed({SUPPORT: seal(SUPPORT, entry()), BILLING: back})
    swapped = {
        SALES: replace(entry(), moved_from=MovedFrom(BILLING, back.digest)),
        Address(70, 9): one,
    }
    stores[failing].writes_left = 1  # type: ignore[attr-defined]
    store = parted(stores)
    with suppress(StateNotSaved):
        save(store, load(store, BASE_URL), swapped, SEALED)

    assert broken(stores) == [Broken(), Broken()]


def test_a_cut_part_is_noticed_until_a_person_trusts_it() -> None:
    """An entry that is gone breaks the head; a save of something else does not mend it."""
    stores = sealed({**BOTH, SALES: entry()})
    cut(stores[59])
    store = parted(stores)
    found = load(store, BASE_URL)
    noticed = broken(stores)
    kept = save(store, found, {**found.snapshot.entries, Address(59, 9): entry()}, SEALED)
    still = broken(stores)
    save(store, kept, kept.snapshot.entries, replace(SEALED, trusted=True))

    assert noticed == still == [Broken(head=True), Broken()]
    assert broken(stores) == [Broken(), Broken()]


@pytest.mark.parametrize("losing", [59, 70])
@pytest.mark.parametrize("failing", [59, 70])
def test_move_between_organizations_survives_half_a_save(losing: int, failing: int) -> None:
    """Whichever part the store refuses at the end, the record is known, and no clash is left."""
    stores: dict[int, FakeStore] = {59: StoreThatFails(), 70: StoreThatFails()}
    source, target = (SUPPORT, BILLING) if losing == 59 else (BILLING, SUPPORT)
    pending, done = moving(source, target)
    put(parted(stores), pending)
    stores[failing].writes_left = 0  # type: ignore[attr-defined]
    with pytest.raises(StateNotSaved, match=f"organization {failing}"):
        put(parted(stores), done)

    left = load(parted(stores), BASE_URL).snapshot.entries

    if failing == losing:
        assert list(left) == [target]
    else:
        assert left.keys() == pending.keys()
        assert left[source].settings
        assert left[target].uncertain


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_two_moves_that_cross_lose_nothing(writes: int) -> None:
    """Two organizations exchange servers: at every instant each record is known somewhere."""
    stores: dict[int, FakeStore] = {59: StoreThatFails(), 70: StoreThatFails()}
    there, back = moving(SUPPORT, Address(70, 9)), moving(BILLING, Address(59, 9))
    put(parted(stores), {**there[0], **back[0]})
    stores[70].writes_left = min(writes, 1)  # type: ignore[attr-defined]
    stores[59].writes_left = writes  # type: ignore[attr-defined]
    with suppress(StateNotSaved):
        put(parted(stores), {**there[1], **back[1]})

    left = load(parted(stores), BASE_URL).snapshot.entries

    for source, target in ((SUPPORT, Address(70, 9)), (BILLING, Address(59, 9))):
        assert source in left or left[target].status is EntryStatus.APPLIED


def test_only_what_changed_is_written() -> None:
    """A save leaves the parts alone in which nothing changed."""
    stores = {59: FakeStore(), 70: FakeStore()}
    put(parted(stores), BOTH)
    put(parted(stores), {**BOTH, SALES: entry()})

    assert serials(stores) == [2, 1]


def test_a_run_saves_several_times() -> None:
    """What a run wrote is what its next write follows."""
    stores = {59: FakeStore(), 70: FakeStore()}
    store = parted(stores)
    stored = save(store, load(store, BASE_URL), {SUPPORT: entry()}, WRITER)
    save(store, stored, BOTH, WRITER)

    assert serials(stores) == [1, 1]


def test_a_foreign_write_is_a_conflict() -> None:
    """A part that another run wrote since it was read is not written over."""
    stores = {59: FakeStore(), 70: FakeStore()}
    store = parted(stores)
    stored = load(store, BASE_URL)
    put(parted(stores), {BILLING: entry(name="theirs")})

    with pytest.raises(StateConflict):
        save(store, stored, BOTH, WRITER)
    assert decode_state(stores[70].data or b"").entries[BILLING].settings["name"] == "theirs"


def test_an_unexpected_previous_is_a_conflict() -> None:
    """A write that follows something else than what was read changes nothing."""
    stores = {59: FakeStore(stored_bytes({SUPPORT: entry()}))}

    with pytest.raises(StateConflict):
        parted(stores).write(stored_bytes({}), b"other")
    assert not stores[59].writes


def test_an_entry_without_a_part_is_never_dropped() -> None:
    """An entry of an organization that the run is not about is refused, and nothing is written."""
    stores = {59: FakeStore()}

    with pytest.raises(ValueError, match="70/1"):
        put(parted(stores), BOTH)
    assert not stores[59].writes


def test_a_move_is_gained_before_it_is_lost() -> None:
    """When an entry goes to another organization and the save breaks off, no record is lost."""
    stores = {59: FakeStore(), 70: FakeStore()}
    put(parted(stores), {SUPPORT: entry()})
    stores[59].fail_writes_after = 1
    moved = {Address(70, 663): entry()}

    with pytest.raises(StateNotSaved, match="organization 59"):
        put(parted(stores), moved)
    assert load(parted(stores), BASE_URL).snapshot.entries.keys() == {SUPPORT, *moved}


def test_a_foreign_entry_is_refused() -> None:
    """A part that holds another organization's server is refused by name."""
    with pytest.raises(StateCorrupt, match="but contains 70/1"):
        parted({59: FakeStore(stored_bytes(BOTH))}).read()


def test_another_target_is_refused() -> None:
    """A part of another target is refused, as a whole snapshot is."""
    store = PartitionedStore(
        {59: FakeStore(stored_bytes({SUPPORT: entry()}))}, "emulator", TEMPLATE, "0", FakeClock()
    )
    with pytest.raises(StateCorrupt, match="belongs to"):
        store.read()


def test_two_keys_are_refused() -> None:
    """Parts with fingerprints of different keys cannot be compared in one run."""
    one = encode_state(snapshot({SUPPORT: entry()}, key_id="one"), "0")
    two = encode_state(snapshot({BILLING: entry()}, key_id="two"), "0")

    with pytest.raises(StateError, match="different fingerprint keys"):
        parted({59: FakeStore(one), 70: FakeStore(two)}).read()


def test_a_leftover_journal_is_refused(tmp_path: Path) -> None:
    """The journal of an apply from before the split is not passed over."""
    local = LocalStore(tmp_path / "59.json", FakeClock())
    local.journals.begin(b"head", 100).close()

    with pytest.raises(StateConflict, match="journal"):
        parted({59: local}).read()


def test_runs_exclude_each_other_per_organization(tmp_path: Path) -> None:
    """Two runs on one organization exclude each other while another organization's run goes on."""

    def run(*organizations: int) -> PartitionedStore:
        folder = tmp_path / "state"
        clock = FakeClock()
        return parted(
            {o: LocalStore(folder / f"{o}.json", clock, own_folder=True) for o in organizations}
        )

    with run(59, 70).lock(OWNER, 0), run(81).lock(OWNER, 0):
        with pytest.raises(StateLocked, match="organization 70"), run(70, 90).lock(OWNER, 0):
            pass
        with run(90).lock(OWNER, 0):
            assert run(59, 90).lock_owner() is not None


def test_a_refused_lock_frees_the_others() -> None:
    """A run that gets only some of its locks keeps none."""
    free = FakeStore()
    with (
        pytest.raises(StateLocked),
        parted({59: free, 70: FakeStore(held_by=OWNER)}).lock(OWNER, 0),
    ):
        pass

    assert free.lock_owner() is None


def test_the_locks_of_a_dead_run_are_broken_together() -> None:
    """One id frees every lock that a run left; those of others stay."""
    other = LockInfo("77aa", "apply", "alex@runner-2", 4712, "2026-01-01T00:01:00Z", "")
    stores = {
        59: FakeStore(held_by=OWNER),
        70: FakeStore(held_by=other),
        81: FakeStore(held_by=OWNER),
    }
    parted(stores).break_lock(OWNER.id)

    assert [store.lock_owner() for store in stores.values()] == [None, other, None]
    with pytest.raises(StateError, match="no organization"):
        parted(stores).break_lock("unheard of")
