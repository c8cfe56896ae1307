"""
Signals during an apply.

Once: nothing new is sent, calls in flight get a moment, what is known is saved.
Twice: gone at once; the pending marks in the snapshot already say what is open.
"""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from icesync.cli.console import Console
    from icesync.engine.conductor import Halt

__all__ = ["halting"]

_GRACE_S: Final = {signal.SIGINT: 5.0, signal.SIGTERM: 1.5, signal.SIGHUP: 1.5}
"""GitHub's runner sends SIGTERM 7.5 s after SIGINT and kills 2.5 s later."""


_STOPPING: Final = b"\nstopping: calls in flight may end, nothing new is sent; again: leave now\n"


@contextmanager
def halting(halt: Halt, console: Console) -> Iterator[None]:
    """Turn signals into a request to *halt* while the context is open."""

    def handle(number: int, _frame: FrameType | None) -> None:
        if halt.signal_number is not None:
            os._exit(128 + number)
        halt.request(number, _GRACE_S[signal.Signals(number)])
        if not console.quiet:
            # Not through the stream: the signal may have come in the middle of a write to it.
            os.write(2, _STOPPING)

    before = {number: signal.signal(number, handle) for number in _GRACE_S}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
