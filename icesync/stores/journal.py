"""
The journal beside a local snapshot: appended by many threads, flushed in groups.

A worker waits until its record is on the disk. While one flush runs, the
records of the others gather, and the next flush takes them all: that is what
makes a durable record for each call cheap. When the disk refuses once, nothing
more is believed of it: every waiter wakes with the error and the gate closes
(a failed flush marks pages clean, so trying again would only seem to work).
"""

from __future__ import annotations

import errno
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from icesync.errors import StateError, StateNotSaved
from icesync.stores.regular import open_regular
from icesync.stores.replace import flush_folder

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LocalJournal", "LocalJournals"]

_CANNOT_RESERVE: Final = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


class LocalJournals:
    """Keeps the journal in ``<snapshot>.journal``; the snapshot's lock must be held to write."""

    def __init__(self, snapshot: Path) -> None:
        target = snapshot.resolve() if snapshot.is_symlink() else snapshot
        self._path = target.with_name(f"{target.name}.journal")

    def read(self) -> bytes | None:
        """
        Return the journal that a run left behind, or None.

        Raises:
            StateError: there is one, and it cannot be read.

        """
        try:
            descriptor = open_regular(self._path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(f"cannot read `{self._path}`: {error.strerror}") from error
        with os.fdopen(descriptor, "rb") as stream:
            return stream.read()

    def begin(self, head: bytes, reserve_bytes: int) -> LocalJournal:
        """
        Start a journal whose first line is *head*; room for *reserve_bytes* is set aside.

        Raises:
            StateNotSaved: it cannot be made; there may not be room enough.

        """
        descriptor = -1
        try:
            descriptor = open_regular(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            _reserve(descriptor, max(reserve_bytes, len(head)))
            _write_at(descriptor, head, 0)
            os.fsync(descriptor)
            flush_folder(self._path.parent)
        except OSError as error:
            if descriptor >= 0:
                os.close(descriptor)
                with suppress(OSError):
                    self._path.unlink()
            raise StateNotSaved(
                f"the journal `{self._path}` cannot be begun: {error.strerror}; nothing was sent",
                "is there room on the disk, and may this user write there?",
            ) from error
        return LocalJournal(descriptor, len(head), str(self._path))

    def drop(self) -> None:
        """
        Remove the journal for good; nothing happens when there is none.

        Raises:
            StateNotSaved: it cannot be removed.

        """
        try:
            self._path.unlink(missing_ok=True)
            flush_folder(self._path.parent)
        except OSError as error:
            raise StateNotSaved(
                f"the journal `{self._path}` cannot be removed: {error.strerror}"
            ) from error


class LocalJournal:
    """One open journal; a thread of its own writes and flushes what gathers."""

    def __init__(self, descriptor: int, offset: int, name: str) -> None:
        self._descriptor = descriptor
        self._offset = offset
        self._name = name
        lock = threading.Lock()
        # Two conditions over one lock: a flush wakes those who wait for it, and
        # a waiter wakes the writer, not its fellows.
        self._changed = threading.Condition(lock)
        self._flushed = threading.Condition(lock)
        self._gathered: list[bytes] = []
        self._taken = 0
        self._durable = 0
        self._wanted = 0
        self._closing = False
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def append(self, record: bytes) -> int:
        """
        Take *record* and return its ticket; it may not be durable yet.

        Raises:
            StateNotSaved: an earlier record could not be kept, or this journal was
                closed; no more are taken.

        """
        with self._changed:
            self._check()
            if self._closing:
                raise StateNotSaved(f"the journal `{self._name}` is closed; nothing more is sent")
            self._gathered.append(record)
            self._taken += 1
            return self._taken

    def wait(self, ticket: int) -> None:
        """
        Return when the record of *ticket*, and all before it, would survive a power cut.

        Raises:
            StateNotSaved: it could not be kept.

        """
        with self._changed:
            if ticket > self._wanted:
                self._wanted = ticket
                self._changed.notify()
            while self._durable < ticket:
                self._check()
                self._flushed.wait()

    def close(self) -> None:
        """
        Make all records durable and take no more.

        Raises:
            StateNotSaved: some could not be kept.

        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        with self._changed:
            self._check()

    def _check(self) -> None:
        if self._failure is not None:
            reason = getattr(self._failure, "strerror", None) or type(self._failure).__name__
            raise StateNotSaved(
                f"the journal `{self._name}` cannot be written: {reason}; nothing more is sent",
                "the calls in flight are uncertain; the next apply sends them again",
            ) from self._failure

    def _run(self) -> None:
        while self._flush_next():
            pass

    def _flush_next(self) -> bool:
        """Write and flush what has gathered once somebody waits; return whether to go on."""
        with self._changed:
            while self._wanted <= self._durable and not self._closing:
                self._changed.wait()
            gathered, self._gathered = self._gathered, []
            ticket, closing = self._taken, self._closing
        try:
            batch = b"".join(gathered)
            if batch:
                _write_at(self._descriptor, batch, self._offset)
                self._offset += len(batch)
            if closing:
                os.ftruncate(self._descriptor, self._offset)
            os.fdatasync(self._descriptor)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            with self._changed:
                self._failure = error
                self._flushed.notify_all()
            return False
        with self._changed:
            self._durable = ticket
            self._flushed.notify_all()
        return not closing


def _reserve(descriptor: int, size: int) -> None:
    """Set room aside, so that a full disk is met before the first call; zeros stay at the end."""
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
