"""What the emulator keeps, and for how long."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from icesync.emulator.storage import Call, Storage, canonical
from icesync.errors import UsageError
from icesync.model.desired import Address

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def write(skill: int, document: str = "{}") -> Call:
    """Return a call that writes *document* to 59/*skill*."""
    return Call("2026-01-01T00:00:00.000Z", "POST", "/", 200, "applied", 59, skill, document)


@pytest.fixture
def small() -> Iterator[Storage]:
    """An archive that remembers three calls."""
    archive = Storage(kept_calls=3)
    yield archive
    archive.close()


def test_forgets_the_oldest_calls(small: Storage) -> None:
    """Only the last calls stay, newest first, under their own numbers."""
    for skill in range(1, 6):
        small.record(write(skill))

    assert [(call.id, call.skill) for call in small.calls(10)] == [(5, 5), (4, 4), (3, 3)]
    assert small.stats().calls == 5


def test_pages_back_through_the_calls(small: Storage) -> None:
    """*before* continues where the last page ended."""
    for skill in range(1, 4):
        small.record(write(skill))

    assert [call.id for call in small.calls(2, before=3)] == [2, 1]


def test_returns_a_call_as_it_was(small: Storage) -> None:
    """Every part of a call survives."""
    call = Call("t", "GET", "/x", 405, "wrong verb", None, None, None, ("e",), ("i",), ("c",))
    small.record(call)
    [kept] = small.calls(1)

    assert (kept.errors, kept.ignored, kept.conflicts) == (("e",), ("i",), ("c",))
    assert (kept.org, kept.request, kept.revision) == (None, None, None)


def test_lists_servers_by_number(small: Storage) -> None:
    """Addresses sort by number and page behind *after*."""
    for skill in (10, 9, 100):
        small.record(write(skill), store=True)
    listed = [server.address.skill for server in small.servers(10)]
    rest = [server.address.skill for server in small.servers(1, after=Address(59, 9))]

    assert (listed, rest) == ([9, 10, 100], [10])


def test_counts_revisions(small: Storage) -> None:
    """Each write of one address raises its revision by one."""
    for document in ('{"a":1}', '{"a":2}'):
        small.record(write(1, document), store=True)
    server = small.server(Address(59, 1))

    assert server is not None
    assert (server.revision, server.document) == (2, {"a": 2})
    assert [call.revision for call in small.calls(2)] == [2, 1]


def test_reset_forgets_all_but_the_keys(small: Storage) -> None:
    """After a reset nothing is remembered, and tags are what they were."""
    tag = small.tag("secret")
    small.record(write(1), store=True)
    small.revoke("token")
    small.reset()

    assert (small.servers(1), small.calls(1), small.is_revoked("token")) == ((), (), False)
    assert small.tag("secret") == tag


def test_tags_differ_between_archives(small: Storage, archive: Storage) -> None:
    """A tag says nothing outside of its archive."""
    assert small.tag("secret") != archive.tag("secret")


def test_tags_take_any_text(archive: Storage) -> None:
    """Also half a surrogate pair, which JSON can spell, has a tag."""
    assert archive.tag("\ud800") != archive.tag("?")


def test_a_file_outlives_its_archive(tmp_path: Path) -> None:
    """Records, calls and keys are there again, in a file that only its owner reads."""
    path = tmp_path / "deep" / "emulator.sqlite"
    first = Storage(str(path))
    first.record(write(1), store=True)
    first.close()
    second = Storage(str(path))
    kept = (second.signing_key, second.tag("x"), second.stats().servers)
    second.close()

    assert kept[0] == first.signing_key
    assert kept[1:] == (first.tag("x"), 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_refuses_a_file_of_something_else(tmp_path: Path) -> None:
    """A file that is no database is named, not overwritten."""
    path = tmp_path / "notes.txt"
    path.write_text("not a database, " * 100)

    with pytest.raises(UsageError, match=r"notes\.txt"):
        Storage(str(path))


def test_refuses_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """A folder is no file."""
    with pytest.raises(UsageError, match="cannot store"):
        Storage(str(tmp_path))


def test_a_bare_secret_is_never_encoded() -> None:
    """What is neither a plain value nor a tag raises instead of being kept."""
    with pytest.raises(TypeError, match="not a value"):
        canonical({"a": object()})
