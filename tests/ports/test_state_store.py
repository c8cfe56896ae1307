"""What every state store promises, the fake one included."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from fakes import FakeClock
from realservers import ACCOUNT_KEY, aim_at_azure

from icesync.errors import AccessError, IcesyncError, StateConflict, StateError, StateLocked
from icesync.model.snapshot import LockInfo
from icesync.stores.objectstore import ObjectStore, open_bucket

if TYPE_CHECKING:
    from collections.abc import Callable

    from icesync.ports import StateStore

ONE, TWO = b'{"serial": 1}\r\n', b'{"serial": 2}'
OTHER = LockInfo("77aa", "apply", "alex@runner-2", 4712, "2026-01-01T00:01:00Z", "https://ci/2")
OWNER = LockInfo("4f1c", "apply", "chris@runner-7", 4711, "2026-01-01T00:00:00Z", "https://ci/1")


@pytest.fixture(params=["local", "fake", "http", "gitlab", "s3", "gs", "az"])
def store(request: pytest.FixtureRequest, stores: Callable[[str], StateStore]) -> StateStore:
    """An empty store of each kind."""
    return stores(request.param)


def test_nothing_stored_is_none(store: StateStore) -> None:
    """A store that was never written holds None, not an empty snapshot."""
    stored = store.read()

    assert stored is None


def test_write_is_read_back(store: StateStore) -> None:
    """What was written is read back byte for byte."""
    store.write(ONE, None)

    assert store.read() == ONE


def test_write_replaces(store: StateStore) -> None:
    """A write that names what is stored replaces it."""
    store.write(ONE, None)
    store.write(TWO, ONE)

    assert store.read() == TWO


@pytest.mark.parametrize("previous", [None, b"other"])
def test_write_refuses_what_it_did_not_expect(store: StateStore, previous: bytes | None) -> None:
    """A write that expects nothing, or something else, is a conflict and changes nothing."""
    store.write(ONE, None)

    with pytest.raises(StateConflict):
        store.write(TWO, previous)

    assert store.read() == ONE


def test_write_refuses_when_the_snapshot_vanished(store: StateStore) -> None:
    """A write that expects something where nothing is stored is a conflict."""
    with pytest.raises(StateConflict):
        store.write(TWO, ONE)


def test_empty_snapshot_is_a_bug(store: StateStore) -> None:
    """Nobody stores nothing: an empty write is a mistake of the program."""
    with pytest.raises(ValueError, match="never empty"):
        store.write(b"", None)


def test_free_lock_has_no_owner(store: StateStore) -> None:
    """Nobody holds a lock that was never taken."""
    owner = store.lock_owner()

    assert owner is None


def test_lock_shows_its_owner(store: StateStore) -> None:
    """While the lock is held, it can be read who holds it, since when, and under which id."""
    with store.lock(OWNER, 0):
        owner = store.lock_owner()

    assert owner is not None
    assert (owner.id, owner.who, owner.created) == (OWNER.id, OWNER.who, OWNER.created)


def test_lock_ends_with_its_context(store: StateStore) -> None:
    """After the context nobody holds the lock."""
    with store.lock(OWNER, 0):
        pass

    assert store.lock_owner() is None


def test_lock_ends_with_an_exception(store: StateStore) -> None:
    """An exception inside of the context frees the lock and goes on."""
    with pytest.raises(KeyError), store.lock(OWNER, 0):
        raise KeyError

    assert store.lock_owner() is None


@pytest.mark.parametrize("timeout_s", [0, 2.5])
def test_held_lock_refuses_and_says_who(store: StateStore, timeout_s: float) -> None:
    """A second holder is refused, after the timeout, with the name of the first."""
    with (
        store.lock(OWNER, 0),
        pytest.raises(StateLocked, match="chris@runner-7"),
        store.lock(OTHER, timeout_s),
    ):
        pass


def test_lock_can_be_taken_again(store: StateStore) -> None:
    """A lock that was freed is free for the next holder."""
    with store.lock(OWNER, 0):
        pass
    with store.lock(OTHER, 0):
        owner = store.lock_owner()

    assert owner is not None
    assert owner.id == OTHER.id


def test_holder_can_write(store: StateStore) -> None:
    """Who holds the lock can write, more than once."""
    with store.lock(OWNER, 0):
        store.write(ONE, None)
        store.write(TWO, ONE)

    assert store.read() == TWO


def test_description_is_one_short_line(store: StateStore) -> None:
    """A store can be named in a message: one line, not empty."""
    text = store.describe()

    assert text
    assert text.isprintable()


@pytest.mark.parametrize(
    ("key", "container", "kind", "told"),
    [
        (ACCOUNT_KEY, "slip", StateError, "container `slip` of az://slip/x.json does not exist"),
        ("d3Jvbmc=", "icesync-states", AccessError, "refused to read"),
    ],
)
def test_a_slip_at_azure_is_no_empty_state(
    azurite: str, monkeypatch: pytest.MonkeyPatch,
    key: str, container: str, kind: type[IcesyncError], told: str,
) -> None:  # fmt: skip
    """A container that is not there, and a wrong key, each say so."""
    aim_at_azure(azurite, monkeypatch, key)
    url = f"az://{container}/x.json"

    with pytest.raises(kind, match=told):
        ObjectStore(open_bucket(url, os.environ), url, FakeClock()).read()
