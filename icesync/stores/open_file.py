"""Open a file of the store: never a link, a device or a pipe in its place."""

from __future__ import annotations

import os
import shlex
import stat
from typing import TYPE_CHECKING

from icesync.errors import StateError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_regular"]


def open_regular(path: Path, flags: int) -> int:
    """
    Return a descriptor of the regular file *path*, created for its owner only if *flags* say so.

    Raises:
        StateError: something else stands there.
        OSError: it cannot be opened.

    """
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise StateError(f"`{path}` is not a regular file", f"ls -ld {shlex.quote(str(path))}")
