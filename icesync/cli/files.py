"""Read and write files that people name on the command line."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.errors import FileUnreadable, FileUnwritable, PlanStale, UsageError, printable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from io import FileIO, RawIOBase

    from icesync.model.plan import Plan


Content: TypeAlias = "bytes | Iterable[bytes]"
"""What a file is to hold: the whole, or its parts as they are made."""


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
    if not path.stat().st_mode & 0o222:
        raise PermissionError(errno.EACCES, "it is read-only", str(path))
    _replace(path, after, 0o600, before=before)


def _rewrite(stream: FileIO, data: bytes) -> None:
    stream.seek(0)
    _write_all(stream, data)
    stream.truncate()
    os.fsync(stream.fileno())


def _check_unchanged(found: bytes, expected: bytes) -> None:
    if found != expected:
        from icesync.engine.fmt import FileChangedError

        raise FileChangedError


def _has_attributes(path: Path) -> bool:
    """Return whether a new file would lose what somebody attached to *path*."""
    list_attributes = getattr(os, "listxattr", None)  # Linux only
    try:
        names = list_attributes(path) if list_attributes else []
    except OSError:
        return False
    return any(not name.startswith("security.") for name in names)


def write_private(path: Path, data: Content) -> None:
    """
    Write *data* to *path*; a new file is readable by its owner only.

    Raises:
        FileUnwritable: the file cannot be written.

    """
    _write(path, data, 0o600)


def write_open(path: Path, data: Content) -> None:
    """
    Write *data* to *path*; a new file is readable as the umask lets.

    Raises:
        FileUnwritable: the file cannot be written.

    """
    _write(path, data, 0o666)


def write_secret(path: Path, data: bytes) -> None:
    """
    Write *data* to *path*, readable by its owner only, whatever the mode of an existing file.

    Raises:
        FileUnwritable: the file cannot be written.

    """
    _write(path, data, 0o600, secret=True)


def check_writable(path: Path) -> None:
    """
    Demand that *path* can probably be written, before work is done that ends in it.

    Raises:
        FileUnwritable: its folder is missing or closed, it is a folder, or it is read-only.

    """
    if _descriptor_of(path) is not None:
        return
    place = Path(os.path.realpath(path))
    try:
        mode = place.lstat().st_mode
        _demand_no_loop(mode)
        why = "it is a folder" if stat.S_ISDIR(mode) else _why_closed(place)
    except (FileNotFoundError, NotADirectoryError):
        there = place.parent.is_dir()
        why = _why_closed(place.parent) if there else "its folder does not exist"
    except OSError as error:
        why = error.strerror or ""
    if why:
        raise FileUnwritable(f"cannot write {printable(path)}: {why}", "use another path")


def _why_closed(place: Path) -> str:
    return "" if os.access(place, os.W_OK) else "permission denied"


def _demand_no_loop(mode: int) -> None:
    """Demand that *mode* of a path that was followed to its end is that of no link."""
    if stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _write(path: Path, data: Content, mode: int, *, secret: bool = False) -> None:
    """
    Write *data* to what *path* names.

    A descriptor, a device or a pipe is written to as it is. A file is replaced at
    once; it keeps its owner, its mode and its other names, and a link stays one.
    """
    try:
        descriptor = _descriptor_of(path)
        if descriptor is not None:
            sys.stdout.flush()
            with os.fdopen(os.dup(descriptor), "wb", buffering=0) as stream:
                _write_all(stream, data)
            return
        place = Path(os.path.realpath(path))
        mode_there = place.lstat().st_mode if os.path.lexists(place) else stat.S_IFREG
        _demand_no_loop(mode_there)
        if not stat.S_ISREG(mode_there):
            with os.fdopen(os.open(place, os.O_WRONLY), "wb", buffering=0) as stream:
                _write_all(stream, data)
            return
        _replace(place, data, mode, secret=secret)
    except OSError as error:
        raise FileUnwritable(f"cannot write {printable(path)}: {error.strerror}") from None


def _descriptor_of(path: Path) -> int | None:
    """Return the open descriptor that *path* stands for: ``-``, ``/dev/stdout``, ``/dev/fd/63``."""
    if path == _STDOUT:
        return 1
    text = os.path.abspath(path)  # noqa: PTH100 - a link must stay one
    if text in _STREAMS:
        return _STREAMS[text]
    match = _DESCRIPTOR.fullmatch(text)
    return int(match[1]) if match else None


_STDOUT: Final = Path("-")
_STREAMS: Final = {"/dev/stdout": 1, "/dev/stderr": 2}
_DESCRIPTOR: Final = re.compile(r"(?:/dev|/proc/self)/fd/([0-9]{1,6})", re.ASCII)


def _replace(
    path: Path, data: Content, mode: int, *, secret: bool = False, before: bytes | None = None
) -> None:
    """
    Replace the file *path* at once; where that would lose something, overwrite it.

    With *before*, it must hold that, and holds it again if overwriting fails.
    """
    status = path.stat() if path.exists() else None
    if status is not None and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    if status is not None and (status.st_nlink > 1 or _has_attributes(path)):
        _overwrite(path, data, before, secret=secret)
        return
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb", buffering=0) as stream:
            if status is not None:
                try:
                    os.fchown(descriptor, status.st_uid, status.st_gid)
                except PermissionError:
                    _overwrite(path, data, before, secret=secret)
                    return
                os.fchmod(descriptor, stat.S_IMODE(status.st_mode) & (0o700 if secret else 0o7777))
            _write_all(stream, data)
            os.fsync(descriptor)
        if before is not None:
            _check_unchanged(path.read_bytes(), before)
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _overwrite(path: Path, data: Content, before: bytes | None, *, secret: bool) -> None:
    data = data if isinstance(data, bytes) else b"".join(data)
    with path.open("r+b", buffering=0) as stream:
        if secret:
            os.fchmod(stream.fileno(), 0o600)
        if before is not None:
            _check_unchanged(stream.read(), before)
        try:
            _rewrite(stream, data)
        except OSError:
            if before is not None:
                _rewrite(stream, before)  # its blocks are there still
            raise


def _write_all(stream: RawIOBase, data: Content) -> None:
    for part in (data,) if isinstance(data, bytes) else data:
        rest = memoryview(part)
        while rest:
            rest = rest[stream.write(rest) or 0 :]


def write_new(path: Path, data: bytes, mode: int = 0o644) -> bool:
    """
    Write *data* to *path* unless something is there; return whether it was written.

    Raises:
        FileUnwritable: the file cannot be written.

    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as error:
        taken = isinstance(error, FileExistsError) and os.path.lexists(path)
        if taken and not path.is_dir():
            return False
        why = "it is a folder" if taken else error.strerror
        raise FileUnwritable(f"cannot write {printable(path)}: {why}") from None
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
    except OSError as error:
        # The next run must not take what is half written for what is there already.
        with suppress(OSError):
            path.unlink()
        raise FileUnwritable(f"cannot write {printable(path)}: {error.strerror}") from None
    return True


def is_stdout(path: Path) -> bool:
    """Return whether *path* stands for stdout: ``-``, ``/dev/stdout``, ``/dev/fd/1``."""
    return _descriptor_of(path) == 1


def is_stream(path: Path) -> bool:
    """Return whether *path* is written to as it is: a descriptor, a device or a pipe."""
    if _descriptor_of(path) is not None:
        return True
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def append_to(path: Path, text: str) -> None:
    """
    Write *text* behind what is in *path*.

    Raises:
        FileUnwritable: the file cannot be written.

    """
    try:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise FileUnwritable(f"cannot write {printable(path)}: {error.strerror}") from None


def read_named(path: Path) -> bytes:
    """
    Return the content of the file *path*.

    Raises:
        FileUnreadable: it cannot be read.

    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileUnreadable(f"cannot read {printable(path)}: {error.strerror}") from None


def read_plan(path: Path | None, instead: str) -> Plan | None:
    """
    Return the saved plan in the file *path*, if one is named.

    Raises:
        UsageError: it is an address, for which *instead* says what to type.

    """
    from icesync.engine.plan import read_saved

    if path is None:
        return None
    name = printable(path)
    if re.fullmatch(r"[0-9*]+/[0-9*]+", name) and not path.exists():
        raise UsageError(f"{name} is an address, not a saved plan", instead.format(name))
    try:
        return _by_lines(path) or read_saved(read_named(path))
    except PlanStale as error:
        error.message = f"{name}: {error.message}"
        raise


def _by_lines(path: Path) -> Plan | None:
    """Return the plan in the file *path*, if it can be read a line at a time, and again."""
    from icesync.engine.plan import read_saved_lines

    try:
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            return read_saved_lines(stream)
    except OSError:
        return None  # whoever reads it whole says why
