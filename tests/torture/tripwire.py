"""
Counts what the program does to its state files, and trips at a chosen step.

Unlike an injection by strace the count is one for all threads, a call can be
cut in the middle, and the step after a call can be hit as well as the one
before it.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["stretch"]

_BY_PATH: Final = ("open", "unlink", "rename", "replace", "link")
_BY_DESCRIPTOR: Final = ("write", "pwrite", "fsync", "fdatasync", "ftruncate", "posix_fallocate")


class _Wire:
    def __init__(self, folder: str, when: int, how: str, log: str) -> None:
        self._folder = os.path.realpath(folder)
        self._when = when
        self._how = how
        self._log = log
        self._count = 0
        self._lock = threading.Lock()

    def wrap(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **named: Any) -> Any:
            place = self._place(name, arguments)
            if place is None:
                return call(*arguments, **named)
            with self._lock:
                self._count += 1
                number = self._count
            self._note(number, name, place)
            if number == self._when:
                return self._trip(name, call, arguments, named)
            return call(*arguments, **named)

        return guarded

    def _place(self, name: str, arguments: tuple[Any, ...]) -> str | None:
        if name in _BY_DESCRIPTOR:
            place = os.readlink(f"/proc/self/fd/{arguments[0]}")  # noqa: PTH115 - the same
        else:
            place = os.path.abspath(os.fspath(arguments[0]))  # noqa: PTH100 - Path may be patched
        return place if place.startswith(self._folder) else None

    def _trip(
        self, name: str, call: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]
    ) -> Any:
        self._note(0, "struck", name)
        if self._how in {"ENOSPC", "EIO", "EDQUOT", "EROFS"}:
            code = getattr(errno, self._how)
            raise OSError(code, os.strerror(code))
        if self._how == "MemoryError":
            raise MemoryError
        if self._how == "short" and name in {"write", "pwrite"}:
            descriptor, data, *rest = arguments
            return call(descriptor, bytes(data)[: max(1, len(data) // 2)], *rest)
        if self._how == "kill-half" and name in {"write", "pwrite"}:
            descriptor, data, *rest = arguments
            call(descriptor, bytes(data)[: len(data) // 2], *rest)
        elif self._how == "kill-after":
            with suppress(OSError):
                call(*arguments, **named)
        if self._how.startswith("kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments, **named)

    def _note(self, number: int, name: str, place: str) -> None:
        with Path(self._log).open("a") as log:
            log.write(json.dumps([number, name, place]) + "\n")


def stretch(folder: str, when: int, how: str, log: str, only: Sequence[str] = ()) -> None:
    """
    Let the *when*-th call on something below *folder* go wrong.

    *how* is ``kill-before``, ``kill-after``, ``kill-half`` (of a write), ``short``
    (a write that takes half), ``MemoryError``, or the name of an errno. The file *log* takes a line
    a call, and one more where it was struck. *only* names the calls that count.
    """
    wire = _Wire(folder, when, how, log)
    for name in only or (*_BY_PATH, *_BY_DESCRIPTOR):
        setattr(os, name, wire.wrap(name, getattr(os, name)))
