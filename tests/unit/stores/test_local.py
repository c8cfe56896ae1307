from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
from fakes import FakeClock

import icesync
from icesync.errors import StateConflict, StateError, StateLocked, StateMissing, StateNotSaved
from icesync.model.snapshot import LockInfo
from icesync.stores.local import LocalStore

OWNER = LockInfo("4f1c", "apply", "chris@runner-7", 4711, "2026-01-01T00:00:00Z")

WRITER = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from icesync.model.snapshot import LockInfo
from icesync.stores.local import LocalStore

class RealClock:
    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)
    def now(self):
        return datetime.now(UTC)

store = LocalStore(Path(sys.argv[1]), RealClock())
stored = store.read()
with store.lock(LockInfo("", "apply", "writer", 1, ""), 0):
    for serial in range(100_000):
        data = b"%06d" % serial * 10_000
        store.write(data, stored)
        stored = data
        print(serial, flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the snapshot lives; nothing is there yet."""
    return tmp_path / "state.json"


@pytest.fixture
def store(path: Path) -> LocalStore:
    """A store at *path*."""
    return LocalStore(path, FakeClock())


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("state.json.backup", "its backup is still there"),
        ("icesync.state.json", "`icesync.state.json` is one of the same target"),
        ("states/mail.json", "`states/mail.json` is one of the same target"),
    ],
)
def test_a_state_that_got_another_name_is_found(
    path: Path, name: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slip in `state.path`, or a lost file, is no first use."""
    monkeypatch.chdir(path.parent)
    (path.parent / name).parent.mkdir(exist_ok=True)
    (path.parent / name).write_bytes(b"a state")
    (path.parent / "plan.json").write_bytes(b"a plan")
    store = LocalStore(path, FakeClock(), root=path.parent)

    with pytest.raises(StateMissing, match=told):
        store.demand_first_use(b"a state".__eq__)

    (path.parent / name).unlink()
    store.demand_first_use(b"a state".__eq__)


def test_empty_file_is_not_nothing(store: LocalStore, path: Path) -> None:
    """A file that was emptied is something, and damaged: it is not read as "never stored"."""
    path.touch()

    assert store.read() == b""


def test_folder_that_does_not_exist_holds_nothing(tmp_path: Path) -> None:
    """Before the first apply not even the folder need be there."""
    store = LocalStore(tmp_path / "none" / "state.json", FakeClock())

    assert store.read() is None


def test_directory_in_its_place_is_an_error(store: LocalStore, path: Path) -> None:
    """A directory is not a snapshot, and not the absence of one."""
    path.mkdir()

    with pytest.raises(StateError, match="not a regular file") as caught:
        store.read()

    assert caught.value.hints == (f"ls -ld {path}",)


def test_pipe_in_its_place_is_an_error(store: LocalStore, path: Path) -> None:
    """A pipe is refused at once: nobody waits for its other end."""
    os.mkfifo(path)

    with pytest.raises(StateError, match="not a regular file"):
        store.read()


def test_unreadable_file_is_an_error(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may not be read is named, with what the system says."""

    def refuse(*_: object) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)

    with pytest.raises(StateError, match=r"cannot read `.*state.json`: Permission denied"):
        store.read()


def test_link_is_written_through(store: LocalStore, path: Path, tmp_path: Path) -> None:
    """A symbolic link survives a write; its target is what changes."""
    target = tmp_path / "elsewhere.json"
    path.symlink_to(target)

    store.write(b"one", None)

    assert path.is_symlink()
    assert target.read_bytes() == b"one"


def test_two_links_share_one_lock(store: LocalStore, path: Path, tmp_path: Path) -> None:
    """One snapshot has one lock, by whatever name it is reached."""
    alias = tmp_path / "alias.json"
    alias.symlink_to(path)

    with store.lock(OWNER, 0):
        owner = LocalStore(alias, FakeClock()).lock_owner()

    assert owner == OWNER


def test_link_into_a_missing_folder_is_an_error(store: LocalStore, path: Path) -> None:
    """A link to where no folder is, such as a disk that is not mounted, is not "never stored"."""
    path.symlink_to("unmounted/state.json")

    with pytest.raises(StateError, match="which does not exist"):
        store.read()


def test_loop_of_links_is_an_error(store: LocalStore, path: Path) -> None:
    """A link to itself is an answer, not a crash."""
    path.symlink_to(path)

    with pytest.raises(StateError, match=r"state.json`"):
        store.read()


def test_failed_write_is_named(
    store: LocalStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is reported with the path and the system's words; the old bytes stay."""
    store.write(b"one", None)

    def refuse(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", refuse)

    with pytest.raises(StateNotSaved, match=r"cannot write `.*state.json`: No space left"):
        store.write(b"two", b"one")

    assert path.read_bytes() == b"one"


def test_missing_folder_is_named_when_writing(tmp_path: Path) -> None:
    """Writing makes no folders: a wrong path should not look right."""
    store = LocalStore(tmp_path / "no ne" / "state.json", FakeClock())

    with pytest.raises(StateNotSaved, match=r"folder `.*no ne` does not exist") as caught:
        store.write(b"one", None)

    assert caught.value.hints == (f"mkdir -p '{tmp_path}/no ne'",)


def test_conflict_keeps_its_hands_off(store: LocalStore, path: Path) -> None:
    """A refused write changes no file, not even the backup."""
    store.write(b"one", None)

    with pytest.raises(StateConflict, match="was changed by another run"):
        store.write(b"three", b"two")

    assert sorted(p.name for p in path.parent.iterdir()) == ["state.json", "state.json.lock"]


def test_vanished_snapshot_points_to_its_backup(store: LocalStore, path: Path) -> None:
    """A snapshot that was removed under a run is missed, and its backup is named if it has one."""
    store.write(b"one", None)
    path.unlink()
    with pytest.raises(StateConflict, match="was removed in the meantime") as caught:
        store.write(b"two", b"one")
    assert not caught.value.hints

    store.write(b"one", None)
    store.write(b"two", b"one")
    path.unlink()
    with pytest.raises(StateConflict, match="was removed in the meantime") as caught:
        store.write(b"three", b"two")
    assert "state.json.backup" in caught.value.hints[0]


def test_write_without_the_lock_respects_its_holder(store: LocalStore, path: Path) -> None:
    """A store that does not hold the lock cannot write while another one does."""
    with (
        LocalStore(path, FakeClock()).lock(OWNER, 0),
        pytest.raises(StateLocked, match="chris@runner-7"),
    ):
        store.write(b"one", None)

    assert store.read() is None


def test_write_removes_what_killed_runs_left(store: LocalStore, path: Path) -> None:
    """The next write tidies up behind a run that was killed while writing."""
    leftover = path.with_name("state.json.tmp-0123456789abcdef")
    leftover.write_bytes(b"half")

    store.write(b"one", None)

    assert not leftover.exists()


def test_description_is_the_shorter_path(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store below the working directory is named from there, one far away from the root."""
    near = LocalStore(path, FakeClock())
    far = LocalStore(Path("/s.json"), FakeClock())
    monkeypatch.chdir(path.parent)

    assert (near.describe(), far.describe()) == ("state.json", "/s.json")


@pytest.mark.parametrize("writes", [1, 4, 9])
def test_killed_writer_loses_nothing(store: LocalStore, path: Path, writes: int) -> None:
    """A writer killed at any moment leaves a whole snapshot, no older than what it was told."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(icesync.__file__).parents[1])},
    ) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(writes)]
        process.kill()
        told += process.stdout.readlines()

    stored = store.read()

    assert stored is not None
    assert stored == stored[:6] * 10_000
    assert int(stored[:6]) >= len(told) - 1


def test_run_after_a_killed_one_goes_on(store: LocalStore, path: Path) -> None:
    """All that a kill can leave (lock file, owner, half a file, linked backup) stops nobody."""
    path.write_bytes(b"one")
    path.with_name("state.json.backup").hardlink_to(path)
    path.with_name("state.json.tmp-0123456789abcdef").write_bytes(b"hal")
    path.with_name("state.json.lock").write_text('{"who": "killed"}', encoding="utf-8")

    with store.lock(OWNER, 0):
        store.write(b"two", b"one")

    assert path.read_bytes() == b"two"
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "state.json",
        "state.json.backup",
        "state.json.lock",
    ]


def test_journal_is_of_the_file_only(path: Path) -> None:
    """What is read instead of the file, from the base branch, has no journal of the checkout."""
    path.with_name("state.json.journal").write_bytes(b"a journal")
    store = LocalStore(path, FakeClock(), trusted=lambda: b"of the base")
    before = store.journals
    with store.lock(OWNER, 0):
        during = store.journals

    assert before is None
    assert during is not None
    assert during.read() == b"a journal"
