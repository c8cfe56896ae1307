"""``python -m icesync`` and the ``icesync`` program."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the program with this process's arguments and exit with its code."""
    if sys.argv[1:] in (["--version"], ["version"]):
        # Answered before anything is imported: scripts ask for it all the time.
        from icesync import __version__

        print(f"icesync {__version__}")  # noqa: T201 - the one line that needs no console
        return
    from icesync.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
