from __future__ import annotations

import fcntl
import json
import os
import stat
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from fakes import FakeClock

import icesync
from icesync.errors import StateError, StateLocked, StateNotSaved
from icesync.model.snapshot import LockInfo
from icesync.stores.local import hold_lock, read_owner

if TYPE_CHECKING:
    from collections.abc import Iterator

OWNER = LockInfo("4f1c", "apply", "chris@runner-7", 4711, "2026-01-01T00:00:00Z", "https://ci/1")

OTHER_PROCESS = """
import sys, time
from pathlib import Path
from icesync.model.snapshot import LockInfo
from icesync.stores.local import hold_lock

class RealClock:
    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)

path, mode = Path(sys.argv[1]), sys.argv[2]
owner = LockInfo("77", "apply", "anna@runner-8", 77, "2026-01-02T00:00:00Z")
if mode == "hold":
    with hold_lock(path, owner, 0, RealClock()):
        print("held", flush=True)
        sys.stdin.read()
else:
    inside, count = path.with_name("inside"), path.with_name("count")
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(2):
        with hold_lock(path, owner, 60, RealClock()):
            inside.open("x").close()
            count.write_text(str(int(count.read_text()) + 1))
            time.sleep(0.001)
            inside.unlink()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the lock file goes; it is not there yet."""
    return tmp_path / "state.json.lock"


def _process(path: Path, mode: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS, str(path), mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(icesync.__file__).parents[1])},
    )


@contextmanager
def _held_elsewhere(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold the lock; it ends with the context at the latest."""
    with _process(path, "hold") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def _refusal(path: Path, timeout_s: float = 0, clock: FakeClock | None = None) -> StateLocked:
    with (
        pytest.raises(StateLocked) as caught,
        hold_lock(path, OWNER, timeout_s, clock or FakeClock()),
    ):
        pass
    return caught.value


def test_another_process_is_kept_out_and_told_who(path: Path) -> None:
    """While one process holds the lock, another is refused, and learns all about the first."""
    with _held_elsewhere(path):
        refusal = _refusal(path)

    assert refusal.message == (
        "the state is locked by anna@runner-8 (pid 77) since 2026-01-02T00:00:00Z for `apply`"
    )
    assert refusal.hints == (
        "pass `--lock-timeout 5m` to wait for it",
        "the lock is released when process 77 exits",
    )


def test_killed_holder_frees_the_lock_at_once(path: Path) -> None:
    """A holder that is killed leaves no stale lock, although its name still stands there."""
    with _held_elsewhere(path) as process:
        process.kill()
        process.wait()
        written = path.read_text(encoding="utf-8")
        found = read_owner(path)
        with hold_lock(path, OWNER, 0, FakeClock()):
            pass

    assert "anna@runner-8" in written
    assert found is None


def test_twenty_processes_take_turns(path: Path) -> None:
    """Of many processes that want the lock, exactly one at a time has it, and each gets it."""
    (path.parent / "count").write_text("0", encoding="utf-8")
    processes = [_process(path, "race") for _ in range(20)]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)

    assert [process.returncode for process in processes] == [0] * 20
    assert (path.parent / "count").read_text(encoding="utf-8") == "40"


def test_lock_file_is_never_removed(path: Path) -> None:
    """The file that is locked stays the same one, or two runs could lock two of them."""
    with hold_lock(path, OWNER, 0, FakeClock()):
        before = path.stat().st_ino
    with hold_lock(path, OWNER, 0, FakeClock()):
        after = path.stat().st_ino

    assert before == after == path.stat().st_ino


def test_lock_file_is_private_and_holds_the_owner(path: Path) -> None:
    """While held, the file says who holds it, to its owner only."""
    with hold_lock(path, OWNER, 0, FakeClock()):
        mode, text = stat.S_IMODE(path.stat().st_mode), path.read_text(encoding="utf-8")

    assert mode == 0o600
    assert json.loads(text) == asdict(OWNER)


def test_released_lock_names_nobody(path: Path) -> None:
    """On release the file is emptied."""
    with hold_lock(path, OWNER, 0, FakeClock()):
        pass

    assert path.read_bytes() == b""


def test_shorter_owner_leaves_nothing_of_a_longer_one(path: Path) -> None:
    """The name of a holder that was killed does not shine through."""
    path.write_text(json.dumps(asdict(replace(OWNER, info="x" * 999))), encoding="utf-8")

    with hold_lock(path, OWNER, 0, FakeClock()):
        owner = read_owner(path)

    assert owner == OWNER


def test_contender_leaves_the_holders_name_alone(path: Path) -> None:
    """Being refused changes nothing in the file."""
    with hold_lock(path, OWNER, 0, FakeClock()):
        _refusal(path)
        owner = read_owner(path)

    assert owner == OWNER


def test_link_to_the_run_is_shown(path: Path) -> None:
    """What helps to find the other run ends the message."""
    with hold_lock(path, OWNER, 0, FakeClock()):
        refusal = _refusal(path)

    assert refusal.message.endswith("for `apply`: https://ci/1")


def test_waiting_ends_with_the_timeout(path: Path) -> None:
    """A contender asks again and again in short steps, and gives up in time."""
    clock = FakeClock()

    with hold_lock(path, OWNER, 0, FakeClock()):
        _refusal(path, 0.25, clock)

    assert clock.sleeps == pytest.approx([0.1, 0.1, 0.05])


def test_waiting_ends_with_the_lock(path: Path) -> None:
    """A contender gets the lock as soon as it is free."""
    holder = hold_lock(path, OWNER, 0, FakeClock())
    holder.__enter__()

    class Release(FakeClock):
        """The holder lets go during the third wait."""

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(self.sleeps) == 3:
                holder.__exit__(None, None, None)

    clock = Release()
    with hold_lock(path, OWNER, 60, clock):
        pass

    assert len(clock.sleeps) == 3


def test_asking_who_holds_it_disturbs_nobody(path: Path) -> None:
    """Who takes the lock while another asks about it gets it, even without a timeout."""
    path.touch()
    asking = os.open(path, os.O_RDONLY)
    fcntl.flock(asking, fcntl.LOCK_SH)

    class Release(FakeClock):
        """The question is over after an instant."""

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            os.close(asking)

    clock = Release()
    with hold_lock(path, OWNER, 0, clock):
        pass

    assert clock.sleeps == [0.03]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "\x00\xff",
        "[" * 60_000,
        json.dumps({"id": "x"}),
        json.dumps({**asdict(OWNER), "pid": True}),
        json.dumps({**asdict(OWNER), "pid": "4711"}),
        json.dumps({**asdict(OWNER), "who": None}),
        json.dumps({**asdict(OWNER), "info": "\n::error::\x1b[31m"}),
    ],
)
def test_unreadable_owner_is_unknown(path: Path, text: str) -> None:
    """What cannot be an owner, or could not be printed, is not believed; the lock still holds."""
    with hold_lock(path, OWNER, 0, FakeClock()):
        path.write_text(text, encoding="utf-8")
        refusal = _refusal(path)
        owner = read_owner(path)

    assert refusal.message == "the state is locked by another run; holder unknown"
    assert refusal.hints[-1] == f"to see who holds it: fuser -v {path}"
    assert owner is not None
    assert owner.who == "unknown"


def test_owner_of_a_newer_version_is_read(path: Path) -> None:
    """A key that this version does not know is no obstacle."""
    with hold_lock(path, OWNER, 0, FakeClock()):
        path.write_text(json.dumps({**asdict(OWNER), "boot": "x"}), encoding="utf-8")
        owner = read_owner(path)

    assert owner == OWNER


def test_name_of_a_killed_holder_is_not_believed(path: Path) -> None:
    """A name in the file means nothing while the kernel holds no lock."""
    path.write_text(json.dumps(asdict(OWNER)), encoding="utf-8")

    assert read_owner(path) is None


def test_missing_folder_is_named(path: Path) -> None:
    """Locking makes no folders, and says so."""
    inside = path.parent / "none" / "state.json.lock"

    with (
        pytest.raises(StateNotSaved, match="none` does not exist"),
        hold_lock(inside, OWNER, 0, FakeClock()),
    ):
        pass


def test_link_in_place_of_the_lock_file_is_refused(path: Path) -> None:
    """A link that somebody left there is not followed: another file would be emptied."""
    path.symlink_to(path.with_name("precious"))
    path.with_name("precious").write_bytes(b"data")

    with (
        pytest.raises(StateNotSaved, match="cannot open the lock file"),
        hold_lock(path, OWNER, 0, FakeClock()),
    ):
        pass

    assert path.with_name("precious").read_bytes() == b"data"


def test_link_in_place_of_the_lock_file_has_no_owner(path: Path) -> None:
    """Who holds a lock that cannot be opened cannot be found out, and is not "nobody"."""
    path.symlink_to(path)

    with pytest.raises(StateError, match="cannot open the lock file"):
        read_owner(path)


def test_pipe_in_place_of_the_lock_file_is_refused(path: Path) -> None:
    """Only a regular file is locked."""
    os.mkfifo(path)

    with (
        pytest.raises(StateError, match="not a regular file"),
        hold_lock(path, OWNER, 0, FakeClock()),
    ):
        pass


def test_file_system_without_locks_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel cannot lock, nothing weaker takes its place."""

    def refuse(*_: object) -> NoReturn:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)

    with (
        pytest.raises(StateNotSaved, match=r"cannot lock `.*`: No locks available"),
        hold_lock(path, OWNER, 0, FakeClock()),
    ):
        pass


def test_full_disk_shows_before_the_work(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk with no room for the owner's name has none for a snapshot; the lock is let go."""

    def refuse(*_: object) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", refuse)

    with (
        pytest.raises(StateNotSaved, match=r"cannot write `.*`: No space left"),
        hold_lock(path, OWNER, 0, FakeClock()),
    ):
        pass

    assert read_owner(path) is None
