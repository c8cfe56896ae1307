"""What an error means to the user: the sentence, the way out, the exit code."""

from __future__ import annotations

import signal

import click

from icesync.errors import EXIT_UNEXPECTED, IcesyncError, Interrupted, UsageError
from icesync.model.report import Failure


def describe(error: BaseException, *, debug: bool = False) -> Failure | None:
    """Return what *error* means, or None where nothing is to be said about it."""
    if isinstance(error, IcesyncError):
        return Failure(error.message, error.hints, error.exit_code)
    if isinstance(error, click.exceptions.Exit | SystemExit | BrokenPipeError):
        return None
    if isinstance(error, click.ClickException):
        return Failure(error.format_message(), (_usage_hint(error),), UsageError.exit_code)
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


def _usage_hint(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path if context else 'icesync'} --help"


def _unexpected(error: BaseException, *, debug: bool) -> Failure:
    if is_output_error(error):
        told = getattr(error, "strerror", None) or type(error).__name__
        return Failure(f"cannot write the output: {told}")
    # The text of an unknown error may quote a value, so only its kind is told.
    told = f"internal error ({type(error).__name__}): this is a bug in icesync"
    hints = () if debug else ("run again with --debug and report the traceback",)
    return Failure(told, hints)


def is_output_error(error: BaseException) -> bool:
    """Return whether *error* comes from a stream: it names no file."""
    return isinstance(error, OSError) and error.filename is None
