"""
The snapshot as a file of this machine: read, replaced atomically, locked by the kernel.

The kernel lock (``flock``) is the truth: it ends with the process that holds
it, however that ends, so it is never stale and nothing ever breaks it by age.
The file is never renamed nor removed, or two runs could lock two files of one
name. What stands in it is information for people: written by the holder,
emptied on release, left behind by a killed holder, and believed only while the
lock is held.

Why not the filelock library: up to 3.29 (seen: 3.12.0, 3.29.7) it emptied the
lock file when opening it, before it held the lock, so that a contender wiped
out the holder's information. Later it does not (seen: 3.30.0, 3.32.7, 4.2.11),
but turns by default to a lock by a file's existence where the kernel offers
none, and a killed run leaves that behind. Here it is an error.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict, fields
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

from icesync.errors import StateConflict, StateError, StateLocked, StateMissing, StateNotSaved
from icesync.model.snapshot import UNSAVED_STATE, LockInfo
from icesync.stores import (
    file_system_of,
    is_shared,
    open_regular,
    remove_leftovers,
    replace_file,
)
from icesync.stores.journal import LocalJournals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from icesync.ports import Clock

_UNKNOWN: Final = LockInfo(id="", operation="", who="unknown", pid=0, created="")
_OWNER_BYTES: Final = 65_536
_POLL_S: Final = 0.1
_GRACE_S: Final = 0.03
"""Waited even by those who do not wait: asking who holds the lock takes it for an instant."""


@contextmanager
def hold_lock(
    path: Path, owner: LockInfo, timeout_s: float, clock: Clock
) -> Iterator[Callable[[], bool]]:
    """
    Hold the lock at *path* in the name of *owner* while the context is open.

    What it gives says whether the lock still holds: its file may be removed or replaced.

    Raises:
        StateLocked: somebody else held it for *timeout_s*.
        StateNotSaved: no lock can be had here.

    """
    deadline = clock.monotonic() + max(timeout_s, _GRACE_S)
    descriptor = _open(path)
    try:
        _wait(descriptor, path, deadline, clock)
        while not _is_in_place(descriptor, path):
            # Whoever removed or replaced it meanwhile: a lock on a file that nobody
            # else can find keeps nobody else out.
            os.close(descriptor)
            descriptor = -1
            descriptor = _open(path)
            _wait(descriptor, path, deadline, clock)
        _sign(descriptor, path, owner)
        try:
            yield partial(_names, path, os.fstat(descriptor))
        finally:
            with suppress(OSError):  # information only; the lock itself ends below
                os.ftruncate(descriptor, 0)
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _open(path: Path) -> int:
    try:
        return open_regular(path, os.O_RDWR | os.O_CREAT)
    except FileNotFoundError:
        raise StateNotSaved(
            f"folder `{path.parent}` does not exist", f"mkdir -p {shlex.quote(str(path.parent))}"
        ) from None
    except OSError as error:
        raise StateNotSaved(
            f"cannot open the lock file `{path}`: {error.strerror}",
            f"check its permissions: ls -l {shlex.quote(str(path))}",
        ) from error


def _is_in_place(descriptor: int, path: Path) -> bool:
    """Return whether *path* still names the file of *descriptor*."""
    try:
        return _names(path, os.fstat(descriptor))
    except OSError:
        return False


def _names(path: Path, file: os.stat_result) -> bool:
    """Return whether *path* still names *file*, which is open: no other can look like it."""
    try:
        return os.path.samestat(file, os.lstat(path))
    except OSError:
        return False


def read_owner(path: Path) -> LockInfo | None:
    """
    Return who holds the lock at *path*, or None when it is free.

    Raises:
        StateError: it cannot be found out.

    """
    try:
        descriptor = open_regular(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"cannot open the lock file `{path}`: {error.strerror}") from error
    try:
        if _try_lock(descriptor, path, shared=True):
            return None
        return _parse_owner(os.pread(descriptor, _OWNER_BYTES, 0))
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int, path: Path, *, shared: bool = False) -> bool:
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise StateNotSaved(
            f"cannot lock `{path}`: {error.strerror}",
            "keep the state on a file system that supports `flock`",
        ) from error
    return True


def _wait(descriptor: int, path: Path, deadline: float, clock: Clock) -> None:
    while not _try_lock(descriptor, path):
        rest_s = deadline - clock.monotonic()
        if rest_s <= 0:
            raise _locked(path, _parse_owner(os.pread(descriptor, _OWNER_BYTES, 0)))
        clock.sleep(min(_POLL_S, rest_s))


def _sign(descriptor: int, path: Path, owner: LockInfo) -> None:
    text = json.dumps(asdict(owner), indent=2) + "\n"
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)
    except OSError as error:  # no space for a line, so none for a snapshot
        raise StateNotSaved(f"cannot write `{path}`: {error.strerror}") from error


def _parse_owner(data: bytes) -> LockInfo:
    """Return the owner that *data* names, or an unknown one: others can write there too."""
    try:
        found = json.loads(data)
        values = {name: found[name] for name in (field.name for field in fields(LockInfo))}
    except (ValueError, LookupError, TypeError, RecursionError):
        return _UNKNOWN
    texts = [value for name, value in values.items() if name != "pid"]
    if type(values["pid"]) is int and all(isinstance(t, str) and t.isprintable() for t in texts):
        return LockInfo(**values)
    return _UNKNOWN


def _locked(path: Path, owner: LockInfo) -> StateLocked:
    wait = "pass `--lock-timeout 5m` to wait for it"
    if owner == _UNKNOWN:
        return StateLocked(
            "the state is locked by another run; holder unknown",
            wait,
            f"to see who holds it: fuser -v {shlex.quote(str(path))}",
        )
    link = f": {owner.info}" if owner.info else ""
    return StateLocked(
        f"the state is locked by {owner.who} (pid {owner.pid}) since {owner.created}"
        f" for `{owner.operation}`{link}",
        wait,
        f"the lock is released when process {owner.pid} exits",
    )


_MAX_FILES: Final = 1000


class LocalStore:
    """
    Keeps the snapshot in one file, with ``.backup`` and ``.lock`` beside it.

    A symbolic link is written through to its target, and locked there. The lock
    stands on a file of its own, since a lock on the snapshot would end up on
    the file that the next write replaces. Needs a POSIX system. A missing folder is
    made with *own_folder* only: it may be a disk that is not there. A state that has got
    another name is looked for in *root* and its folders. Until the lock is held, *trusted*
    gives what is read instead of the file.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        own_folder: bool = False,
        root: Path | None = None,
        trusted: Callable[[], bytes | None] | None = None,
    ) -> None:
        self._path = path
        self._trusted = trusted
        self._root = root
        self._own_folder = own_folder
        self._clock = clock
        self._holds: Callable[[], bool] | None = None
        self._journals = LocalJournals(path, self._demand_lock)

    @property
    def journals(self) -> LocalJournals | None:
        """The journal beside the file, which has no say about what is read instead of it."""
        return None if self._instead is not None else self._journals

    @property
    def _instead(self) -> Callable[[], bytes | None] | None:
        return self._trusted if self._holds is None else None

    def read(self) -> bytes | None:
        """Return the stored bytes, or None when there is no file."""
        if self._instead is not None:
            return self._instead()
        target = self._target()
        try:
            return _read_file(target)
        except FileNotFoundError:
            if target.parent.is_dir() or not self._path.is_symlink():
                return None
            raise StateError(
                f"`{self.describe()}` is a link into `{target}`, which does not exist",
                "check that the disk is mounted",
            ) from None
        except OSError as error:
            raise StateError(
                f"cannot read `{self.describe()}`: {error.strerror}",
                f"ls -ld {shlex.quote(self.describe())}",
            ) from error

    def write(self, data: bytes, previous: bytes | None) -> None:
        """
        Replace the stored bytes at once, and keep the old ones as ``.backup``.

        Takes the lock for the moment if this store does not hold it, so that
        nothing can come between the comparison and the replacement.

        Raises:
            StateConflict: what is stored is not *previous* any more.
            StateNotSaved: the file system refused.
            StateLocked: this store does not hold the lock, and another does.

        """
        if not data:
            raise ValueError("a state is never empty")
        with self._exclusive():
            self._demand_lock()
            self._compare(previous)
            target = self._target()
            remove_leftovers(target)
            try:
                replace_file(target, data, previous)
            except OSError as error:
                folder, backup = shlex.quote(str(target.parent)), self._backup()
                what, way = self.describe(), f"df -h {folder}; ls -ld {folder}"
                if str(backup) in {str(error.filename), str(error.filename2)}:
                    what = _shortest(backup)
                    way = f"ls -ld {shlex.quote(what)}"
                raise StateNotSaved(f"cannot write `{what}`: {error.strerror}", way) from error

    @contextmanager
    def lock(self, owner: LockInfo, timeout_s: float) -> Iterator[None]:
        """
        Hold the lock while the context is open; a killed holder frees it at once.

        Raises:
            StateLocked: somebody else held it for *timeout_s*; the message says who.
            StateNotSaved: no lock can be had here.

        """
        self._make_folder()
        with hold_lock(self._lock_file(), owner, timeout_s, self._clock) as holds:
            self._journals.demand_dead()
            self._holds = holds
            try:
                yield
            finally:
                self._holds = None

    def lock_owner(self) -> LockInfo | None:
        """Return who holds the lock now, or None when it is free."""
        return read_owner(self._lock_file())

    def break_lock(self, lock_id: str) -> None:  # noqa: ARG002 - the port's signature
        """
        Break nothing: the kernel frees the lock when its process ends.

        Raises:
            StateError: always.

        """
        raise StateError(
            "local locks end with their process; there is nothing to remove",
            "run `icesync state unlock` to see which process holds it",
        )

    def demand_first_use(self, is_state: Callable[[bytes], bool]) -> None:
        """
        Demand that no backup is left, and that no other file holds a state of the same target.

        Raises:
            StateMissing: there is one, and its name.

        """
        if self._instead is not None:
            return
        if self._journals.read() is not None:
            return  # a run that died began the state here
        new = "run `icesync state init` to start a new state anyway"
        backup = self._backup()
        if backup.exists():
            names = shlex.quote(str(backup)), shlex.quote(self.describe())
            raise StateMissing(
                f"`{self.describe()}` is gone, and its backup is still there",
                f"run `git checkout -- {names[1]}` to restore the committed state, if any",
                f"run `cp {names[0]} {names[1]}` to restore the state before the last save",
                new,
            )
        other = next(filter(partial(_holds, is_state), _json_files(self._root)), None)
        if other is not None:
            raise StateMissing(
                f"there is no state at `{self.describe()}`, but `{_shortest(other)}` is one of "
                "the same target",
                "correct `state.path` in icesync.yaml, or move the file",
                new,
            )

    @property
    def recovery(self) -> tuple[str, ...]:
        """The commit, and the backup, which the first save does not make."""
        name = shlex.quote(self.describe())
        commit = f"run `git checkout -- {name}` to restore the committed state, if any"
        if not self._backup().exists():
            return (commit,)
        backup = f"run `cp {name}.backup {name}` to restore the state before the last save"
        return (commit, backup)

    def lock_warning(self) -> str | None:
        """Return why the lock cannot be trusted on this file system, or None."""
        kind = file_system_of(self._target())
        if kind is None or not is_shared(kind):
            return None
        return (
            f"the state is on a {kind} file system, where locks may not work across "
            "machines; apply from one machine at a time"
        )

    def describe(self) -> str:
        """Return the path, from the working directory where that is shorter."""
        return _shortest(self._path)

    def _target(self) -> Path:
        try:
            return self._path.resolve()
        except (OSError, RuntimeError):  # RuntimeError is how Python before 3.13 reports a loop
            raise StateError(f"`{self.describe()}` is a broken symbolic link") from None

    def _backup(self) -> Path:
        target = self._target()
        return target.with_name(f"{target.name}.backup")

    def _lock_file(self) -> Path:
        target = self._target()
        return target.with_name(f"{target.name}.lock")

    def _make_folder(self) -> None:
        if not self._own_folder:
            return
        folder = self._target().parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateNotSaved(f"cannot create the folder `{folder}`: {error.strerror}") from error

    def _demand_lock(self) -> None:
        """Demand that the lock of this run still keeps others out."""
        if self._holds is None or self._holds():
            return
        raise StateNotSaved(
            f"the lock file `{self._lock_file()}` was removed or replaced during this run; "
            "another run may have started, so nothing more is sent or saved",
            "do not run `git clean` or check out in a folder while icesync applies there",
        )

    def _exclusive(self) -> AbstractContextManager[object]:
        if self._holds is not None:
            return nullcontext()
        self._make_folder()
        created = self._clock.now().isoformat(timespec="seconds")
        owner = LockInfo("", "write", "icesync", os.getpid(), created)
        return hold_lock(self._lock_file(), owner, 0, self._clock)

    def _compare(self, previous: bytes | None) -> None:
        stored = self.read()
        if stored == previous:
            return
        if stored is None:
            backup = self._backup()
            hints = (f"its last copy may be `{backup}`",) if backup.exists() else ()
            raise StateConflict(f"`{self.describe()}` was removed in the meantime", *hints)
        raise StateConflict(
            f"`{self.describe()}` was changed by another run in the meantime", "icesync plan"
        )


def _shortest(path: Path) -> str:
    """Return *path*, from the working directory where that is shorter."""
    return min(str(path), os.path.relpath(path), key=len)


def _holds(is_state: Callable[[bytes], bool], path: Path) -> bool:
    try:
        return is_state(_read_file(path))
    except OSError:
        return False


def _json_files(root: Path | None) -> Iterator[Path]:
    """Give the JSON files of *root* and its folders, in order, but what no store took."""
    if root is None:
        return iter(())
    found = (path for pattern in ("*.json", "*/*.json") for path in sorted(root.glob(pattern)))
    others = (path for path in found if path.name != UNSAVED_STATE and path.is_file())
    return islice(others, _MAX_FILES)


def _read_file(path: Path) -> bytes:
    with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
        return file.read()
