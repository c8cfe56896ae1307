"""
The journal beside a local snapshot: appended by many threads, flushed in groups.

A worker waits until its record is on the disk. The first that waits flushes, by
itself: no other thread has to be woken for it. While its flush runs, the records
of the others gather, and the next flush takes them all: that is what makes a
durable record for each call cheap. Nobody is woken twice: one of those who gathered
to flush, the others when that is done. When the disk refuses once, nothing
more is believed of it: every waiter wakes with the error and the gate closes
(a failed flush marks pages clean, so trying again would only seem to work).
For the same reason no flush begins while another runs: the kernel reports a failed
write once for an open file, and the second flush could return as if all were well.

No intent is written ahead of its call's turn, although that would spare the wait. A kill
would then leave servers uncertain for which no call was made, more than were in flight;
and where a call takes longer than a flush, as any over a network does, there is little
to spare.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shlex
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icesync.errors import StateError, StateLocked, StateNotSaved
from icesync.stores import flush_data, flush_file, flush_folder, open_regular

if TYPE_CHECKING:
    from collections.abc import Callable

    from icesync.ports import JournalLine

_ZEROED_AHEAD: Final = 2**20
_CANNOT_RESERVE: Final = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


def _check_nothing() -> None:
    """Check nothing."""


class LocalJournals:
    """
    Keeps the journal in ``<snapshot>.journal``; the snapshot's lock must be held to write.

    *check* raises when that lock is lost: no more is written then. The kernel locks the
    journal itself, too, as long as its run lives: whatever became of the lock file,
    nobody takes it for a dead run's.
    """

    def __init__(self, snapshot: Path, check: Callable[[], None] = _check_nothing) -> None:
        self._check = check
        target = Path(os.path.realpath(snapshot)) if snapshot.is_symlink() else snapshot
        self._path = target.with_name(f"{target.name}.journal")

    def read(self) -> bytes | None:
        """Return the journal that a run left behind, or None."""
        try:
            descriptor = open_regular(self._path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(f"cannot read `{self._path}`: {error.strerror}") from error
        with os.fdopen(descriptor, "rb") as stream:
            return stream.read()

    def begin(self, head: bytes, reserve_bytes: int) -> LocalJournal:
        """Start a journal whose first line is *head*; room for *reserve_bytes* is set aside."""
        descriptor = -1
        try:
            descriptor = open_regular(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            _reserve(descriptor, max(reserve_bytes, len(head)))
            _write_at(descriptor, head, 0)
            flush_file(descriptor)
            flush_folder(self._path.parent)
            with suppress(OSError):  # a second safeguard, where the file system offers it
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if descriptor >= 0:
                os.close(descriptor)
                with suppress(OSError):
                    self._path.unlink()
            raise StateNotSaved(
                f"cannot create the journal `{self._path}`: {error.strerror}; nothing was sent",
                "check the disk space and the permissions of the folder",
            ) from error
        return LocalJournal(descriptor, len(head), reserve_bytes, str(self._path), self._check)

    def demand_dead(self) -> None:
        """
        Demand that no living run writes the journal.

        Raises:
            StateLocked: one does, though the lock that it took is gone.
            StateError: it cannot be found out.

        """
        try:
            descriptor = open_regular(self._path, os.O_RDONLY)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StateError(f"cannot read `{self._path}`: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateLocked(
                f"a running apply still writes `{self._path}`, although its lock file was "
                "removed or replaced",
                f"wait until it ends; to find it: fuser -v {shlex.quote(str(self._path))}",
            ) from None
        except OSError:
            return
        finally:
            os.close(descriptor)

    def drop(self) -> None:
        """Remove the journal for good; nothing happens when there is none."""
        try:
            self._path.unlink(missing_ok=True)
            flush_folder(self._path.parent)
        except OSError as error:
            raise StateNotSaved(
                f"cannot remove the journal `{self._path}`: {error.strerror}"
            ) from error


class _Batch:
    """Records that one flush makes durable, and the locks of those who wait for it."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.waiting: list[threading.Lock] = []
        self.ended = False


class LocalJournal:
    """One open journal; whoever waits first writes and flushes for all that has gathered."""

    def __init__(
        self,
        descriptor: int,
        offset: int,
        room: int,
        name: str,
        check: Callable[[], None] = _check_nothing,
    ) -> None:
        self._lock_check = check
        self._descriptor = descriptor
        self._offset = offset
        self._room = room
        self._name = name
        self._zeroed = offset
        self._lock = threading.Lock()
        self._batch = _Batch()
        self._taken = 0
        self._durable = 0
        self._flushing = False
        self._closing = False
        self._failure: BaseException | None = None

    def append(self, line: JournalLine) -> None:
        """Take the record of *line*; it may not be durable yet."""
        with self._lock:
            self._take(line)

    def commit(self, line: JournalLine) -> None:
        """Return when the record of *line*, and all before it, would survive a power cut."""
        # Before the lock: what asks the kernel lets the other threads run.
        self._lock_check()
        with self._lock:
            self._take(line)
            number = self._taken
            batch, turn = self._join()
        self._settle(batch, turn)
        if self._durable < number:
            self._check()

    def close(self) -> None:
        """Make all records durable and take no more."""
        if self._descriptor >= 0:
            with self._lock:
                self._closing = True
                batch, turn = self._join()
            self._settle(batch, turn)
            self._cut()
            os.close(self._descriptor)
            self._descriptor = -1
        self._check()

    def _take(self, line: JournalLine) -> None:
        """Let the record of *line* wait for the next flush; the lock is held."""
        self._check()
        if self._closing:
            raise StateNotSaved(f"the journal `{self._name}` is closed; nothing more is sent")
        self._batch.records.append(line(self._taken + 1, self._durable))
        self._taken += 1

    def _join(self) -> tuple[_Batch, threading.Lock]:
        """Return what gathers now, and the lock to wait for; the journal's own is held."""
        turn = threading.Lock()
        if self._flushing:
            turn.acquire()
            self._batch.waiting.append(turn)
        self._flushing = True
        return self._batch, turn

    def _settle(self, batch: _Batch, turn: threading.Lock) -> None:
        """Return when *batch* is flushed, or never will be; whose turn it is before flushes it."""
        turn.acquire()
        if not batch.ended:
            self._flush()

    def _check(self) -> None:
        if self._failure is not None:
            reason = getattr(self._failure, "strerror", None) or type(self._failure).__name__
            raise StateNotSaved(
                f"cannot write the journal `{self._name}`: {reason}; nothing more is sent",
                "the calls in flight are uncertain; the next apply sends them again",
            ) from self._failure

    def _flush(self) -> None:
        """Write and flush what has gathered, and wake those who wait; one thread at a time."""
        with self._lock:
            batch, self._batch, taken = self._batch, _Batch(), self._taken
        failure = self._failure
        try:
            if failure is None:
                self._write(b"".join(batch.records))
                flush_data(self._descriptor)
        except BaseException as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            failure = error
        with self._lock:
            batch.ended = True
            self._failure = failure
            self._durable = self._durable if failure else taken
            self._wake(batch)

    def _wake(self, batch: _Batch) -> None:
        """Wake who waits for *batch*, and one of those who gathered meanwhile, to flush."""
        gathered = self._batch.waiting
        self._flushing = bool(gathered)
        for turn in (*batch.waiting, *gathered[:1]):
            turn.release()
        del gathered[:1]

    def _cut(self) -> None:
        """Cut off the room that was not needed, for good."""
        try:
            if self._failure is None:
                os.ftruncate(self._descriptor, self._offset)
                flush_data(self._descriptor)
        except OSError as error:
            self._failure = error

    def _write(self, batch: bytes) -> None:
        """Write *batch* behind what was written, into room that was zeroed before."""
        end = self._offset + len(batch)
        if batch and end > self._zeroed:
            # Bytes that are there already need no commit of the file system's own
            # journal at each flush: only their data is flushed.
            self._zeroed = max(end, min(self._room, end + _ZEROED_AHEAD))
            _write_at(self._descriptor, bytes(self._zeroed - end), end)
        _write_at(self._descriptor, batch, self._offset)
        self._offset = end


def _reserve(descriptor: int, size: int) -> None:
    """
    Set room aside, so that a full disk is met before the first call; zeros stay at the end.

    macOS offers no such call: there a full disk is met when it is full.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in _CANNOT_RESERVE:
            raise


def _write_at(descriptor: int, data: bytes, offset: int) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written
