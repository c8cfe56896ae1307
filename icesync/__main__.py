"""``python -m icesync`` and the ``icesync`` program."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the program with this process's arguments and exit with its code."""
    if sys.argv[1:] in (["--version"], ["version"]):
        # Answered before anything is imported: scripts ask for it all the time.
        from icesync import __version__

        try:
            print(f"icesync {__version__}", flush=True)  # noqa: T201 - needs no console
        except OSError:
            # A full disk, or a reader that has gone: leave without a second complaint.
            os._exit(1)
        return
    _disable_core_dumps()
    from icesync.cli.main import run

    code = run(sys.argv[1:])
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


def _disable_core_dumps() -> None:
    """Let a crash write no image of the memory, in which passwords stand."""
    import resource
    from contextlib import suppress

    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


if __name__ == "__main__":
    main()
