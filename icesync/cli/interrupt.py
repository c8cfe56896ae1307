"""
Signals during an apply.

Once: nothing new is sent, calls in flight get a moment, what is known is saved.
Twice: gone at once; the pending marks in the snapshot already say what is open.
"""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from icesync.cli.console import Console
    from icesync.engine.executor import StopRequest

__all__ = ["halting"]

_GRACE_S: Final = {signal.SIGINT: 5.0, signal.SIGTERM: 1.5, signal.SIGHUP: 1.5}
"""GitHub's runner sends SIGTERM 7.5 s after SIGINT and kills 2.5 s later."""


_STOPPING: Final = b"\nstopping: calls in flight may end, nothing new is sent; again: leave now\n"
_SHOW_CURSOR: Final = b"\x1b[?25h"


def _erase(lines: int, after: bytes) -> bytes:
    """Return what takes a bar of so many *lines* off the terminal, then *after*; nothing for 0."""
    return b"\r\x1b[2K" + b"\x1b[1A\x1b[2K" * (lines - 1) + after if lines else b""


def _write(data: bytes) -> None:
    """Write to stderr, not through the stream: the signal may have come in the middle of one."""
    with suppress(OSError):
        os.write(2, data)


@contextmanager
def halting(halt: StopRequest, console: Console) -> Iterator[None]:
    """Turn signals into a request to *halt* while the context is open."""

    def handle(number: int, _frame: FrameType | None) -> None:
        if halt.signal_number is not None:
            _write(_erase(console.bar_lines, _SHOW_CURSOR))
            os._exit(128 + number)
        halt.request(number, _GRACE_S[signal.Signals(number)])
        if not console.quiet:
            lines = console.bar_lines
            _write(_erase(lines, b"\r") + _STOPPING + b"\n" * (lines - 1))

    before = {number: signal.signal(number, handle) for number in _GRACE_S}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
