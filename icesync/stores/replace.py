"""
Replace a file at once and for good.

A reader meets the old or the new content, whole, at every instant; so does the
next run after ``kill -9`` or a power cut. The order gives both: write a fresh
file in the same folder, flush it, name the old one ``.backup``, rename, flush
the folder. Where a step fails the old file stays as it was: there is no
fallback that writes in place.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LEFTOVER: Final = re.compile(r"\.tmp-[0-9a-f]{16}")


def replace_file(path: Path, data: bytes, previous: bytes | None) -> None:
    """
    Make *data* the content of *path*, readable by its owner only.

    *previous* is what *path* holds now (None: there is no file); it is kept as
    ``<path>.backup``.

    Raises:
        OSError: not replaced; or, when flushing the folder failed, replaced in
            a way that a power cut may undo.

    """
    with _fresh_file(path, data) as fresh:
        if previous is not None:
            _keep_backup(path, previous)
        fresh.replace(path)
    flush_folder(path.parent)


def remove_leftovers(path: Path) -> None:
    """Remove what killed runs left beside *path*; only while no other run can be writing."""
    with suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            suffix = entry.name.removeprefix(path.name)
            if suffix != entry.name and _LEFTOVER.fullmatch(suffix):
                path.with_name(entry.name).unlink()


def _fresh_name(path: Path) -> Path:
    return path.with_name(f"{path.name}.tmp-{os.urandom(8).hex()}")


@contextmanager
def _fresh_file(path: Path, data: bytes) -> Iterator[Path]:
    """Write *data*, flushed, to a new file beside *path*; remove it unless it was renamed."""
    fresh = _fresh_name(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(fresh, flags, 0o600)
    try:
        try:
            _write_all(descriptor, data)
            flush_file(descriptor)
        finally:
            os.close(descriptor)
        yield fresh
    finally:
        with suppress(OSError):
            fresh.unlink()


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _keep_backup(path: Path, previous: bytes) -> None:
    backup = path.with_name(f"{path.name}.backup")
    link = _fresh_name(path)
    try:
        link.hardlink_to(path)
    except OSError:  # no hard links on this file system, or not to a file of another owner
        with _fresh_file(path, previous) as copy:
            copy.replace(backup)
        return
    try:
        link.replace(backup)
    finally:
        # a rename onto another name of the same file does nothing and leaves both names:
        # so it is when a run died between this line and the replacement
        with suppress(OSError):
            link.unlink()


def flush_file(descriptor: int) -> None:
    """
    Make a file durable, content and size.

    Raises:
        OSError: it could not.

    """
    if hasattr(fcntl, "F_FULLFSYNC"):
        # fsync(2) of macOS only hands the data to the drive, which may still lose it.
        with suppress(OSError):  # not every file system there knows it
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


def flush_data(descriptor: int) -> None:
    """
    Make what was written to a file durable, and no more of its times than needed.

    Raises:
        OSError: it could not.

    """
    if hasattr(os, "fdatasync"):
        os.fdatasync(descriptor)
    else:
        flush_file(descriptor)


def flush_folder(folder: Path) -> None:
    """
    Make the names in *folder* durable, where the file system can.

    Raises:
        OSError: it could not.

    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flush_file(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # this file system cannot flush folders at all
            raise
    finally:
        os.close(descriptor)
