"""Write files that the user named."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from icesync.engine.fmt import FileChangedError
from icesync.errors import UsageError

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path


def write_private(path: Path, data: bytes) -> None:
    """
    Write *data* to *path*, readable by its owner only, replacing what was there at once.

    Raises:
        UsageError: the file cannot be written.

    """
    _replace(path, data, 0o600)


def replace_text(path: Path, before: bytes, after: bytes) -> None:
    """
    Put *after* in the place of *before* in the file *path*, which keeps its owner and mode.

    It is replaced at once, so that a full disk leaves it whole. Where that would lose
    something (its owner, another name of it, its access list) it is overwritten, and
    *before* is put back if that fails.

    Raises:
        FileChangedError: the file does not hold *before* any more.
        OSError: the file is read-only, or cannot be written.

    """
    status = path.stat()
    if not status.st_mode & 0o222:
        raise PermissionError(errno.EACCES, "it is read-only", str(path))
    if status.st_nlink > 1 or _has_attributes(path):
        _overwrite(path, before, after)
        return
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            try:
                os.fchown(descriptor, status.st_uid, status.st_gid)
            except PermissionError:
                _overwrite(path, before, after)
                return
            os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
            stream.write(after)
            stream.flush()
            os.fsync(descriptor)
        _check_unchanged(path.read_bytes(), before)
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _overwrite(path: Path, before: bytes, after: bytes) -> None:
    with path.open("r+b", buffering=0) as stream:
        _check_unchanged(stream.read(), before)
        try:
            _rewrite(stream, after)
        except OSError:
            _rewrite(stream, before)  # its blocks are there still
            raise


def _rewrite(stream: FileIO, data: bytes) -> None:
    stream.seek(0)
    rest = memoryview(data)
    while rest:
        rest = rest[stream.write(rest) :]
    stream.truncate()
    os.fsync(stream.fileno())


def _check_unchanged(found: bytes, expected: bytes) -> None:
    if found != expected:
        raise FileChangedError


def _has_attributes(path: Path) -> bool:
    """Return whether a new file would lose what somebody attached to *path*."""
    list_attributes = getattr(os, "listxattr", None)  # Linux only
    try:
        names = list_attributes(path) if list_attributes else []
    except OSError:
        return False
    return any(not name.startswith("security.") for name in names)


def write_open(path: Path, data: bytes) -> None:
    """
    Write *data* to *path*, readable as the umask lets, replacing what was there at once.

    A pipe or a device is written to as it is.

    Raises:
        UsageError: the file cannot be written.

    """
    if not path.exists() or path.is_file():
        _replace(path, data, 0o666)
        return
    try:
        path.write_bytes(data)
    except OSError as error:
        raise UsageError(f"{_shown(path)} cannot be written: {error.strerror}") from None


def check_writable(path: Path) -> None:
    """
    Demand that *path* can probably be written, before work is done that ends in it.

    Raises:
        UsageError: its folder is missing or closed, or it is a folder.

    """
    if not path.parent.is_dir():
        why = "its folder does not exist"
    elif path.is_dir():
        why = "it is a folder"
    elif not os.access(path.parent if not path.exists() or path.is_file() else path, os.W_OK):
        why = "permission denied"
    else:
        return
    raise UsageError(f"{_shown(path)} cannot be written: {why}", "correct the path of the report")


def _replace(path: Path, data: bytes, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise UsageError(f"{_shown(path)} cannot be written: {error.strerror}") from None


def write_new(path: Path, data: bytes, mode: int = 0o644) -> bool:
    """
    Write *data* to *path* unless something is there; return whether it was written.

    Raises:
        UsageError: the file cannot be written.

    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as error:
        if isinstance(error, FileExistsError) and os.path.lexists(path):
            return False
        raise UsageError(f"{_shown(path)} cannot be written: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
    return True


def append_to(path: Path, text: str) -> None:
    """
    Write *text* behind what is in *path*.

    Raises:
        UsageError: the file cannot be written.

    """
    try:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise UsageError(f"{_shown(path)} cannot be written: {error.strerror}") from None


def read_named(path: Path) -> bytes:
    """
    Return the content of the file *path*.

    Raises:
        UsageError: it cannot be read.

    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{_shown(path)} cannot be read: {error.strerror}") from None


def _shown(path: Path) -> str:
    return ascii(str(path))[1:-1]
