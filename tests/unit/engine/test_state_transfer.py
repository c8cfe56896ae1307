from __future__ import annotations

import pytest
from builders import BASE_URL, SALES, SUPPORT, entry, stored_bytes
from fakes import FakeStore

from icesync.codec.state import decode_state, encode_state
from icesync.engine.state_transfer import migrate, pull, push
from icesync.errors import StateConflict, StateCorrupt, StateError

from .conftest import FakeJournals

OLD = stored_bytes({SUPPORT: entry()})


def later(data: bytes, by: int = 1, **changes: object) -> bytes:
    """Return the snapshot in *data* with a higher serial, and *changes*."""
    from dataclasses import replace

    before = decode_state(data)
    return encode_state(replace(before, serial=before.serial + by, **changes), "0.1.0")  # type: ignore[arg-type]


def test_pull_gives_the_stored_bytes() -> None:
    """Byte for byte, so that a digest of it means something."""
    assert pull(FakeStore(OLD)) == OLD


@pytest.mark.parametrize(
    ("data", "told"),
    [(None, "holds no state"), (b"{}", "not an icesync state"), (OLD[:-9], "not valid JSON")],
)
def test_pull_gives_nothing_that_is_not_whole(data: bytes | None, told: str) -> None:
    """A copy of damage helps nobody."""
    with pytest.raises(StateError, match=told):
        pull(FakeStore(data))


def test_push_stores_a_successor() -> None:
    """Younger and of the same lineage; the first one of all; and again what  already exists."""
    store, empty = FakeStore(OLD), FakeStore()
    new = later(OLD)

    assert push(store, new, BASE_URL).serial == decode_state(OLD).serial + 1
    push(store, new, BASE_URL)
    push(empty, OLD, BASE_URL)

    assert store.writes == [new]
    assert empty.writes == [OLD]


@pytest.mark.parametrize(
    ("data", "kind", "told"),
    [
        (
            later(OLD, 0, entries={SALES: entry()}),
            StateConflict,
            "newer confirmations would be lost",
        ),
        (later(OLD, lineage="another"), StateConflict, "lineage of the state"),
        (later(OLD, base_url="https://elsewhere.test"), StateCorrupt, "another target:"),
        (b"{", StateCorrupt, "not valid JSON"),
    ],
    ids=["serial", "lineage", "target", "damage"],
)
def test_push_refuses_what_would_lose_something(
    data: bytes, kind: type[Exception], told: str
) -> None:
    """What is stored stays as it is."""
    store = FakeStore(OLD)

    with pytest.raises(kind, match=told):
        push(store, data, BASE_URL)

    assert store.writes == []


def test_push_by_force_of_another_lineage() -> None:
    """Force overrides the lineage, for who has looked."""
    store, data = FakeStore(OLD), later(OLD, lineage="another")

    push(store, data, BASE_URL, force=True)

    assert store.writes == [data]


@pytest.mark.parametrize("by", [0, -3])
def test_push_by_force_never_lets_a_serial_fall(by: int) -> None:
    """What replaces something younger is its successor: stores keep each serial once."""
    store = FakeStore(OLD)
    pushed = push(store, later(OLD, by=by, entries={}), BASE_URL, force=True)
    kept = decode_state(store.data or b"")

    assert (kept.serial, kept.entries) == (decode_state(OLD).serial + 1, {})
    assert pushed.serial == kept.serial


@pytest.mark.parametrize("data", [b"{}", b"hello", OLD[:-9]])
def test_push_of_what_is_no_state_speaks_of_the_file(data: bytes) -> None:
    """What is stored is sound, and stays."""
    store = FakeStore(OLD)

    with pytest.raises(StateCorrupt, match=r"the file cannot be pushed: (it is|the state is) not"):
        push(store, data, BASE_URL, force=True)
    assert store.data == OLD


def test_push_by_force_over_what_cannot_be_read() -> None:
    """A damaged state can be replaced; nobody knows its serial."""
    store = FakeStore(b"damaged")

    push(store, OLD, BASE_URL, force=True)

    assert store.data == OLD


def test_a_dry_run_stores_nothing() -> None:
    """It checks everything and says what would be."""
    store = FakeStore(OLD)

    push(store, later(OLD), BASE_URL, dry_run=True)

    assert store.writes == []


def test_journal_that_never_began_has_no_say() -> None:
    """Its first line was never whole: no call had left."""
    store = FakeStore(OLD)
    store.journals = FakeJournals(b"left")

    push(store, later(OLD), BASE_URL)

    assert store.journals.read() is None


class Named(FakeStore):
    """A store at another place."""

    def describe(self) -> str:
        """Return that place."""
        return "another store"


def test_migrate_copies_and_leaves() -> None:
    """The source stays as it is, so that a second thought costs nothing."""
    source, target = FakeStore(OLD), Named()

    migrate(source, target, BASE_URL, dry_run=True)
    assert target.writes == []
    migrate(source, target, BASE_URL)

    assert (source.data, target.data) == (OLD, OLD)


def test_migrate_needs_two_places() -> None:
    """The same place twice is a slip in the configurations."""
    with pytest.raises(StateError, match="both configurations keep the state at fake store"):
        migrate(FakeStore(OLD), FakeStore(OLD), BASE_URL)
