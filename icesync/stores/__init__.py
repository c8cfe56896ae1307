"""
Carriers of the state's bytes: read, replace if unchanged, lock.

Files on the disk are opened only as plain files, replaced at once and for good.

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
import shlex
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icesync.errors import StateError
from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator


def open_regular(path: Path, flags: int) -> int:
    """
    Return a descriptor of the regular file *path*, created private if *flags* say so.

    Raises:
        StateError: something else stands there.
        OSError: it cannot be opened.

    """
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        if flags & os.O_CREAT:
            _share(descriptor, path)
        return descriptor
    os.close(descriptor)
    raise StateError(f"`{path}` is not a regular file", f"ls -ld {shlex.quote(str(path))}")


def _share(descriptor: int, path: Path) -> None:
    """Let the group use a file in a folder that is shared with it, as `git init --shared` does."""
    with suppress(OSError):
        folder = path.parent.stat().st_mode
        if folder & stat.S_ISGID and folder & stat.S_IWGRP:
            os.fchmod(descriptor, 0o660)


_MOUNTS: Final = Path("/proc/self/mountinfo")

_SHARED: Final = frozenset(
    {"9p", "afs", "ceph", "cifs", "glusterfs", "nfs", "nfs4", "smb3", "smbfs"}
    | {f"fuse.{kind}" for kind in ("gcsfuse", "glusterfs", "rclone", "s3fs", "sshfs")}
)
"""Kinds where flock is emulated, or kept on one machine only (flock(2), nfs(5): local_lock)."""


def is_shared(kind: str) -> bool:
    """Return whether other machines may see a file system of *kind*, but not its locks."""
    return kind in _SHARED


def file_system_of(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """Return the kind of the file system that *path* is on, such as ``ext4``, or None."""
    try:
        lines = mounts.read_bytes().splitlines()
    except OSError:
        return None
    absolute = Path(os.path.realpath(path))
    best, kind = -1, None
    for line in lines:
        before, _, after = line.partition(b" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        point = _unescape(fields[4])
        if absolute.is_relative_to(point) and len(point) >= best:
            best, kind = len(point), after.split()[0].decode("ascii", "replace")
    return kind


def _unescape(text: bytes) -> str:
    r"""Return a path of mountinfo, where a blank is written ``\040``."""
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8) % 256]), text))


_LEFTOVER: Final = regex(r"\.tmp-[0-9a-f]{16}")


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
            _share(descriptor, path)
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
