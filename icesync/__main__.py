"""``python -m icesync`` and the ``icesync`` program."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def main() -> None:
    """Run the program with this process's arguments and exit with its code."""
    if sys.argv[1:] in (["--version"], ["version"]):
        # Answered before anything is imported: scripts ask for it all the time.
        from icesync import __version__

        if sys.stdout is None:
            sys.exit(1)
        try:
            print(f"icesync {__version__}", flush=True)  # noqa: T201 - needs no console
        except OSError:
            # A full disk, or a reader that has gone: leave without a second complaint.
            os._exit(1)
        return
    _disable_core_dumps()
    _die_silently()
    # Plans hold many small values and hardly any cycle, and a call leaves few: one search
    # among the values of 10,000 servers takes 0.1 s.
    gc.set_threshold(1_000_000, 50, 1000)
    codes: list[int] = []
    if not atexit._ncallbacks():  # noqa: SLF001 - nothing public tells of it
        # What is registered first is called last. Who was earlier, as what measures or
        # instruments a program is, is not cut off: Python ends then in its own time.
        atexit.register(_leave_now, codes)
    from icesync.cli.main import run

    codes.append(run(sys.argv[1:]))
    # What was said, and its exit code, stay true until the process is gone.
    _on_signal(lambda *_: _leave_now(codes))
    if codes[0] > _BY_SIGNAL:
        # Some thread may ask somebody who does not answer: do not wait for it.
        _leave_now(codes)
    sys.exit(codes[0])


_BY_SIGNAL = 128


def _leave_now(codes: Sequence[int]) -> None:
    """
    Leave with the exit code in *codes*, if the program came to one.

    The system takes back all memory at once; Python would do so value by value, which
    takes a twelfth of the time of a first plan.
    """
    if not codes:
        return
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            continue  # closed, gone, or never there
    os._exit(codes[0])


def _die_silently() -> None:
    """Let Ctrl-C end what only reads its own modules yet, without a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _on_signal(handler: Any) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _disable_core_dumps() -> None:
    """Let a crash write no image of the memory, in which passwords stand."""
    import resource
    from contextlib import suppress

    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


if __name__ == "__main__":
    main()
