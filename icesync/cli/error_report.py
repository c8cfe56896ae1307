"""What an error means to the user: the sentence, the way out, the exit code."""

from __future__ import annotations

import errno
import re
import signal
from typing import Final

import click

from icesync.cli.console import STDOUT_NAME
from icesync.cli.help import options_hint
from icesync.cli.interrupt import SIGNALS
from icesync.errors import (
    EXIT_UNEXPECTED,
    IcesyncError,
    Interrupted,
    UsageError,
    either,
    printable,
)
from icesync.model.report import Failure


def describe(error: BaseException, *, debug: bool = False) -> Failure | None:
    """Return what *error* means, or None where nothing is to be said about it."""
    if isinstance(error, IcesyncError):
        return Failure(error.message, error.hints, error.exit_code)
    if isinstance(error, click.exceptions.Exit | SystemExit | BrokenPipeError):
        return None
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None) or click.Context(click.Command("icesync"))
        if not context.command_path.startswith("icesync"):
            context.info_name = "icesync"
        return Failure(_usage(error), (options_hint(context),), UsageError.exit_code)
    if isinstance(error, KeyboardInterrupt | click.Abort):
        # click turns the interrupt into an Abort of its own.
        cause = error if isinstance(error, KeyboardInterrupt) else error.__cause__
        number = getattr(cause, "signal_number", signal.SIGINT)
        return Failure("interrupted", (), Interrupted("", signal_number=number).exit_code)
    return _unexpected(error, debug=debug)


def exit_code_of(error: BaseException) -> int:
    """Return the exit code of an *error* about which nothing is said."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, SystemExit) and isinstance(error.code, int):
        return error.code
    return EXIT_UNEXPECTED


_QUOTED: Final = re.compile(r"'(.*)' is not |(\S+) is not in the range", re.DOTALL)


def _usage(error: click.ClickException) -> str:
    """Return what click found wrong with an argument, in our words."""
    parameter = getattr(error, "param", None)
    if not isinstance(error, click.BadParameter) or parameter is None:
        return error.format_message()
    option = isinstance(parameter, click.Option)
    name = max(parameter.opts, key=len) if option else parameter.human_readable_name
    if isinstance(error, click.MissingParameter):
        return f"{name} is required" if option else f"missing argument {name}"
    match, kind = _QUOTED.match(error.message), parameter.type
    if match is None:
        return f"invalid {name}: {error.message}"
    message = f"invalid {name} {printable(match[1] or match[2])}"
    if isinstance(kind, click.Choice):
        return f"{message}: use {either([str(choice) for choice in kind.choices])}"
    if isinstance(kind, click.IntRange | click.FloatRange):
        up_to = f" to {kind.max:,}" if kind.max is not None else " or more"
        return f"{message}: use a number, {kind.min}{up_to}"
    return f"invalid {name}: {error.message}"


_SCARCE: Final = {
    errno.ENOMEM: ("there is not enough memory", "run `ulimit -v; free -m` to see what there is"),
    errno.EMFILE: ("too many files are open", "run `ulimit -n` to see the limit of this process"),
    errno.ENFILE: ("too many files are open on this machine", "sysctl fs.file-nr"),
    errno.EAGAIN: (
        "no process or thread can be started",
        "run `ulimit -u; ulimit -v` to see the limits",
    ),
    errno.ENOSPC: ("the disk is full", "run `df -h; df -i` to see space and inodes"),
    errno.EDQUOT: ("the quota of the disk is used up", "quota"),
    errno.EFBIG: (
        "a file is larger than this process may write",
        "run `ulimit -f` to see the limit",
    ),
    errno.EIO: ("the disk or the terminal failed", "run `dmesg` to see why"),
}
"""What a machine may lack, by the number of the error: a sentence, and where to look."""

_ROOM_BYTES: Final = 4 * 2**20


def _scarce(error: BaseException) -> tuple[str, str] | None:
    """Return what the machine lacks, if that is what *error* says."""
    if isinstance(error, MemoryError):
        return _SCARCE[errno.ENOMEM]
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return _SCARCE[errno.EAGAIN]
    if isinstance(error, OSError):
        return _SCARCE.get(error.errno or 0)
    return _SCARCE[errno.ENOMEM] if _is_out_of_memory() else None


def _is_out_of_memory() -> bool:
    """Return whether no more memory can be had: the interpreter then fails in ways of its own."""
    try:
        bytearray(_ROOM_BYTES)
    except MemoryError:
        return True
    return False


def _unexpected(error: BaseException, *, debug: bool) -> Failure:
    if SIGNALS.raised is not None and not isinstance(error, OSError):
        # The interpreter makes other errors of an interrupt, in the middle of an import.
        return Failure("interrupted", (), 128 + SIGNALS.raised)
    if isinstance(error, OSError) and error.filename == STDOUT_NAME:
        done = getattr(error, "done", "")  # of an apply, what it sent until then
        return Failure(f"cannot write to stdout: {error.strerror}{done and '; '}{done}")
    scarce = _scarce(error)
    if scarce is not None:
        return Failure(scarce[0], scarce[1:])
    if is_output_error(error):
        message = getattr(error, "strerror", None) or type(error).__name__
        return Failure(f"cannot write the output: {message}")
    if isinstance(error, OSError) and error.filename is not None:
        return Failure(f"cannot use {printable(error.filename)}: {error.strerror}")
    # The text of an unknown error may quote a value, so only its type is shown.
    message = f"internal error ({type(error).__name__}): this is a bug in icesync"
    hints = () if debug else ("run again with --debug and report the traceback",)
    return Failure(message, hints)


def is_output_error(error: BaseException) -> bool:
    """Return whether *error* comes from a stream, or names no file."""
    return isinstance(error, OSError) and error.filename in {None, STDOUT_NAME}
