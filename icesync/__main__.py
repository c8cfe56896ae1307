"""``python -m icesync`` and the ``icesync`` program."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from typing import Any


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
    from icesync.cli.main import run

    code = run(sys.argv[1:])
    # What was said, and its exit code, stay true while the interpreter takes itself down.
    _on_signal(lambda *_: _leave_now(code))
    atexit.register(_on_signal, signal.SIG_IGN)
    if code > _BY_SIGNAL:
        _leave_now(code)
    sys.exit(code)


_BY_SIGNAL = 128


def _leave_now(code: int) -> None:
    """Leave without waiting for threads that ask somebody who does not answer."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
    os._exit(code)


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
