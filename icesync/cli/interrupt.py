"""
Signals, from the beginning of a command to its end.

SIGINT, SIGTERM and SIGHUP end what a person or a pipeline no longer wants:

* as a rule at once, as a KeyboardInterrupt wherever the program is;
* while calls are made, nothing new is sent, calls in flight get a moment, what is
  known is saved. Twice: gone at once; the pending marks already say what is open;
* while a lock is asked for or given back, or a state saved, once that is done, or
  after a moment. Twice: at once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, NoReturn

from icesync.errors import StateLocked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from icesync.ports import StopRequest

_GRACE_S: Final = {signal.SIGINT: 5.0, signal.SIGTERM: 1.5, signal.SIGHUP: 1.5}
"""GitHub's runner sends SIGTERM 7.5 s after SIGINT and kills 2.5 s later."""

_SOON_S: Final = 0.01
_STOPPING: Final = b"\nstopping: calls in flight may end, nothing new is sent; again: leave now\n"
_LEFT: Final = (
    b"left at once; if the state is still locked, run `icesync state unlock` to see by whom\n"
)
_SHOW_CURSOR: Final = b"\x1b[?25h"


class Signalled(KeyboardInterrupt):
    """A signal came; *signal_number* says which."""

    def __init__(self, signal_number: int) -> None:
        super().__init__()
        self.signal_number = signal_number


class ProcessSignals:
    """
    What signals do to this process; *quiet* says nothing about them, *bar_lines* are erased.

    *raised* is the last one that was raised: the interpreter may make another error of it.
    """

    def __init__(self) -> None:
        self.quiet = False
        self.bar_lines = 0
        self.raised: int | None = None
        self._leaving = False
        self._stop: StopRequest | None = None
        self._depth = 0
        self._pending: int | None = None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handle signals while the context is open; what is ignored from outside stays ignored."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in (*_GRACE_S, signal.SIGALRM)}
        for number in _GRACE_S:
            if before[number] is not signal.SIG_IGN:
                signal.signal(number, self._handle)
        signal.signal(signal.SIGALRM, self._expire)
        self._leaving = False
        hook, sys.unraisablehook = sys.unraisablehook, self._raise_later
        try:
            yield
        finally:
            self.raised, sys.unraisablehook = None, hook
            for number, handler in before.items():
                signal.signal(number, handler)

    def leave(self) -> None:
        """Leave at once if another signal comes: what is to be said about the end is being said."""
        self._leaving = True

    @contextmanager
    def stopping(self, stop: StopRequest) -> Iterator[None]:
        """Turn a signal into a request to *stop* while the context is open."""
        self._stop = stop
        try:
            yield
        finally:
            self._stop = None

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """Let what is done in the context end first, for a few seconds; then raise."""
        self._depth += 1
        try:
            yield
        except StateLocked:
            # A run that still waits for the lock gives up instead.
            self._end(leave=True)
            raise
        except BaseException:
            # What failed is the first cause, and ends the program just as well.
            self._end(leave=False)
            raise
        self._end(leave=True)

    def _end(self, *, leave: bool) -> None:
        """End a context; the outermost takes in the signal that came, and raises it."""
        self._depth -= 1
        if self._depth or self._pending is None:
            return
        number, self._pending = self._pending, None
        signal.setitimer(signal.ITIMER_REAL, 0)
        if leave:
            self._raise(number)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._leaving:
            os._exit(128 + number)
        elif self._stop is not None:
            self._request_stop(self._stop, number)
        elif self._depth and self._pending is None:
            self._pending = number
            signal.setitimer(signal.ITIMER_REAL, _GRACE_S[signal.Signals(number)])
        else:
            self._pending = None
            self._raise(number)

    def _raise(self, number: int) -> NoReturn:
        self.raised = number
        raise Signalled(number)

    def _raise_later(self, unraisable: sys.UnraisableHookArgs) -> None:
        """Raise a signal again that came where nothing can be raised: in a callback, in `del`."""
        if isinstance(unraisable.exc_value, Signalled):
            self._pending = unraisable.exc_value.signal_number
            signal.setitimer(signal.ITIMER_REAL, _SOON_S)
        else:
            sys.__unraisablehook__(unraisable)

    def _expire(self, _number: int, _frame: FrameType | None) -> None:
        """Wait no longer for what should have ended."""
        number, self._pending = self._pending, None
        if number is not None:
            self._raise(number)

    def _request_stop(self, stop: StopRequest, number: int) -> None:
        if stop.signal_number is not None:
            _write(_erase(self.bar_lines, _SHOW_CURSOR) + _LEFT)
            os._exit(128 + number)
        stop.request(number, _GRACE_S[signal.Signals(number)])
        if not self.quiet:
            lines = self.bar_lines
            _write(_erase(lines, b"\r") + _STOPPING + b"\n" * (lines - 1))


SIGNALS: Final = ProcessSignals()
"""Those of this process; there is one."""


def _erase(lines: int, after: bytes) -> bytes:
    """Return what takes a bar of so many *lines* off the terminal, then *after*; nothing for 0."""
    return b"\r\x1b[2K" + b"\x1b[1A\x1b[2K" * (lines - 1) + after if lines else b""


def _write(data: bytes) -> None:
    """Write to stderr, not through the stream: the signal may have come in the middle of one."""
    with suppress(OSError):
        os.write(2, data)
