from __future__ import annotations

import re
from dataclasses import replace

import pytest
from builders import (
    BASE_URL,
    BILLING,
    KEY,
    LINEAGE,
    SALES,
    SUPPORT,
    desired,
    entry,
    secret_record,
    server,
    snapshot,
    stored_bytes,
)
from fakes import FakeStore

from icesync.codec.fingerprint import fingerprint
from icesync.codec.state import decode_state, seal
from icesync.engine.secret_resolution import Resolution, compare
from icesync.engine.state import Writer, load, move, remove, save
from icesync.engine.state_merge import resolve
from icesync.errors import StateConflict, StateCorrupt, StateMissing, StateNotSaved, UsageError
from icesync.model.secret import SecretValue
from icesync.model.snapshot import EntryStatus, SecretRecord, Snapshot
from icesync.planner.recovery import Recovered

from .conftest import FakeJournals

WRITER = Writer("0.1.0")


def test_nothing_stored_is_an_empty_snapshot() -> None:
    """Before the first apply there is a target and nothing else."""
    stored = load(FakeStore(), BASE_URL)

    assert (stored.snapshot, stored.data) == (Snapshot(BASE_URL), None)


def test_nothing_where_a_state_should_be_is_no_first_use() -> None:
    """A slip in a name reads as if nothing were stored: the store decides."""
    with pytest.raises(StateMissing):
        load(FakeStore(missing=True), BASE_URL)


def test_damage_says_how_this_store_recovers() -> None:
    """A file has a commit and a backup, a bucket has neither."""
    with pytest.raises(StateCorrupt) as caught:
        load(FakeStore(b"{"), BASE_URL)

    assert caught.value.hints == ("fake recovery",)


def test_stored_snapshot_is_loaded_with_its_bytes() -> None:
    """The bytes go along, so that a save finds out whether somebody else wrote."""
    data = stored_bytes({SUPPORT: entry()})

    stored = load(FakeStore(data), BASE_URL)

    assert (stored.snapshot, stored.data) == (snapshot({SUPPORT: entry()}), data)


def test_snapshot_of_another_target_is_refused() -> None:
    """What one ICE acknowledged says nothing about another."""
    with pytest.raises(StateCorrupt, match=r"but `api.base_url` is"):
        load(FakeStore(stored_bytes()), "https://elsewhere.test")


def test_first_save_makes_the_lineage() -> None:
    """The snapshot gets a name for life, and serial 1."""
    store = FakeStore()

    stored = save(store, load(store, BASE_URL), {SUPPORT: entry()}, WRITER)

    assert re.fullmatch(r"[0-9a-f-]{36}", stored.snapshot.lineage or "")
    assert stored.snapshot.serial == 1
    assert load(store, BASE_URL) == stored


def test_first_save_takes_the_lineage_of_the_run() -> None:
    """A journal may have named it already."""
    store = FakeStore()

    writer = Writer("0.1.0", lineage=LINEAGE)
    stored = save(store, load(store, BASE_URL), {SUPPORT: entry()}, writer)

    assert stored.snapshot.lineage == LINEAGE


def test_first_save_of_nothing_stores_nothing() -> None:
    """A first run of which nothing was acknowledged leaves no snapshot behind."""
    store = FakeStore()

    save(store, load(store, BASE_URL), {}, WRITER)

    assert store.data is None


def test_save_raises_the_serial_once_and_keeps_the_lineage() -> None:
    """Each stored change is one step."""
    store = FakeStore(stored_bytes({SUPPORT: entry()}))

    stored = save(store, load(store, BASE_URL), {}, Writer("0.1.0", lineage="another"))

    assert (stored.snapshot.serial, stored.snapshot.lineage) == (5, LINEAGE)


def test_equal_entries_write_nothing() -> None:
    """A save without a change leaves file and serial alone, whatever the order."""
    store = FakeStore(stored_bytes({SUPPORT: entry(), SALES: entry()}))
    stored = load(store, BASE_URL)

    again = save(store, stored, {SALES: entry(), SUPPORT: entry()}, WRITER)

    assert again is stored
    assert store.writes == []


def test_new_key_is_a_change() -> None:
    """The key's id is part of what is stored."""
    store = FakeStore(stored_bytes({SUPPORT: entry()}))

    stored = save(store, load(store, BASE_URL), {SUPPORT: entry()}, Writer("0.1.0", KEY.id))

    assert (stored.snapshot.key_id, stored.snapshot.serial) == (KEY.id, 5)


def test_key_that_is_not_at_hand_is_kept() -> None:
    """A save without the key names it as long as one of its fingerprints is there."""
    made = fingerprint(KEY, SUPPORT, "smtp.password", bytes(16), SecretValue("hunter2"))
    known = entry(secrets={"smtp.password": SecretRecord("ref+env://X", made)})
    both = {SUPPORT: known, SALES: entry()}
    store = FakeStore(stored_bytes(both, key_id=KEY.id))
    first = save(store, load(store, BASE_URL), {SUPPORT: both[SUPPORT]}, WRITER)

    assert first.snapshot.key_id == KEY.id

    bare = entry(secrets={"smtp.password": SecretRecord("ref+env://X")})
    second = save(store, first, {SUPPORT: bare}, WRITER)

    assert second.snapshot.key_id is None
    assert all(sent.secret.fingerprint is None for sent in second.snapshot.memory)


def test_save_over_another_writer_is_refused() -> None:
    """Compare and swap: what is stored must be what was read."""
    store = FakeStore(stored_bytes())
    stored = load(store, BASE_URL)
    store.data = stored_bytes(serial=9)

    with pytest.raises(StateConflict):
        save(store, stored, {SUPPORT: entry()}, WRITER)

    assert store.data == stored_bytes(serial=9)


def test_refused_save_hands_the_bytes_back() -> None:
    """What could not be stored can still be rescued."""
    store = FakeStore(fail_writes_after=0)

    with pytest.raises(StateNotSaved) as caught:
        save(store, load(store, BASE_URL), {SUPPORT: entry()}, WRITER)

    assert caught.value.document is not None
    assert list(decode_state(caught.value.document).entries) == [SUPPORT]


def test_moved_entry_keeps_everything() -> None:
    """The record is the same under another name; that ICE holds it there is only assumed."""
    before = snapshot({SUPPORT: entry(), BILLING: entry()})

    entries = move(before, SUPPORT, SALES)

    assert entries == {
        BILLING: before.entries[BILLING],
        SALES: replace(
            before.entries[SUPPORT],
            status=EntryStatus.ASSUMED,
            bound_to=SUPPORT,
            applied_at=None,
            digest="",
        ),
    }


def test_moved_entry_stays_uncertain() -> None:
    """A new name does not close an open call."""
    entries = move(snapshot({SUPPORT: entry(EntryStatus.UNCERTAIN)}), SUPPORT, SALES)

    assert entries[SALES].status is EntryStatus.UNCERTAIN


def test_entry_moved_twice_remembers_where_its_fingerprints_were_made() -> None:
    """Only the first name counts for fingerprints."""
    once = move(snapshot({SUPPORT: entry()}), SUPPORT, SALES)

    twice = move(snapshot(once), SALES, BILLING)

    assert twice[BILLING].bound_to == SUPPORT


def test_fingerprints_of_a_moved_entry_still_compare() -> None:
    """A move needs no secret, and makes none look rotated."""
    record = secret_record("smtp", "canary-4711")
    moved = move(snapshot({SUPPORT: entry(secrets={"smtp.password": record})}), SUPPORT, SALES)
    wanted = desired(server(SALES, {"smtp.password": "smtp"}))
    values = Resolution({"ref+fake://smtp": SecretValue("canary-4711")})

    assert compare(wanted, snapshot(moved), values, KEY).exceptions == {}


@pytest.mark.parametrize(
    ("source", "target", "told"),
    [
        (BILLING, BILLING, "SOURCE 70/1"),
        (SUPPORT, SALES, f"{SALES} is already in the state"),
        (SUPPORT, SUPPORT, "the same server"),
    ],
    ids=["no source", "a target", "itself"],
)
def test_move_must_not_lose_a_record(source: object, target: object, told: str) -> None:
    """There must be something to move, and room for it."""
    with pytest.raises(UsageError, match=told):
        move(snapshot({SUPPORT: entry(), SALES: entry()}), source, target)  # type: ignore[arg-type]


def test_removed_entries_are_those_that_are_meant() -> None:
    """Addresses and globs; the rest stays."""
    before = snapshot({SUPPORT: entry(), SALES: entry(), BILLING: entry()})

    assert list(remove(before, ["59/*"])) == [BILLING]


def test_removing_what_is_not_there_is_refused() -> None:
    """A slip would otherwise do nothing in silence."""
    with pytest.raises(UsageError, match="ADDR 70/1"):
        remove(snapshot({SUPPORT: entry()}), ["59/663", "70/1"])


def conflict(ours: bytes, theirs: bytes) -> bytes:
    """Return two snapshots as git leaves them after a failed merge."""
    return b"<<<<<<< HEAD\n" + ours + b"=======\n" + theirs + b">>>>>>> theirs\n"


def test_resolved_conflict_claims_nothing_that_a_side_denies() -> None:
    """What both say stays; everything else is uncertain, and sent again."""
    ours = stored_bytes({SUPPORT: entry(), SALES: entry()}, serial=7)
    theirs = stored_bytes({SUPPORT: entry(), SALES: entry(smtp__port=465)}, serial=5)
    store = FakeStore(conflict(ours, theirs))

    after = resolve(store, "0.1.0").snapshot

    assert store.data is not None
    assert decode_state(store.data) == after
    assert after.serial == 8
    assert after.entries[SUPPORT] == seal(SUPPORT, entry())
    assert after.entries[SALES].status is EntryStatus.UNCERTAIN


def test_nothing_stored_cannot_be_resolved() -> None:
    """There is no conflict where there is no snapshot."""
    with pytest.raises(StateCorrupt, match="no state to resolve"):
        resolve(FakeStore(), "0.1.0")


def test_recovered_journal_that_changes_nothing_is_dropped() -> None:
    """A run that was killed before its first call left a head, and nothing to save."""
    store = FakeStore(stored_bytes({SUPPORT: entry()}))
    journals = FakeJournals(b"whatever")
    stored = replace(load(store, BASE_URL), recovered=Recovered(snapshot()))
    store.journals = journals

    assert save(store, stored, {SUPPORT: entry()}, WRITER) is stored
    assert (journals.data, store.writes) == (None, [])
