"""
Lock by the kernel, on a file that also says who holds it.

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
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from functools import partial
from typing import TYPE_CHECKING, Final

from icesync.errors import StateError, StateLocked, StateNotSaved
from icesync.model.snapshot import LockInfo
from icesync.stores.files import open_regular

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
            yield partial(_is_in_place, descriptor, path)
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
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
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
