"""Write files that the user named."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from icesync.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "append_to",
    "check_writable",
    "read_named",
    "replace_text",
    "write_new",
    "write_open",
    "write_private",
]


def write_private(path: Path, data: bytes) -> None:
    """
    Write *data* to *path*, readable by its owner only, replacing what was there at once.

    Raises:
        UsageError: the file cannot be written.

    """
    _replace(path, data, 0o600)


def replace_text(path: Path, data: bytes) -> None:
    """
    Put *data* in the place of the file *path* at once, with the permissions that it has.

    Raises:
        UsageError: the file cannot be written.

    """
    _replace(path, data, 0o600, keep_mode=True)


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


def _replace(path: Path, data: bytes, mode: int, *, keep_mode: bool = False) -> None:
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as stream:
            if keep_mode:
                os.fchmod(descriptor, stat.S_IMODE(path.stat().st_mode))
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
