"""``--watch``: a command that looks at the files is run again whenever one of them changes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from time import sleep
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

import click

from icesync.errors import IcesyncError, UsageError

if TYPE_CHECKING:
    from icesync.cli.options import Common

Function: TypeAlias = Callable[..., int]

_POLL_S: Final = 0.5
_CLEAR: Final = "\x1b[2J\x1b[3J\x1b[H"


def watchable(function: Function) -> Function:
    """Add ``--watch`` to a command that takes the flags of :class:`Common` and writes nothing."""

    @wraps(function)
    def run(common: Common, watch: bool, **flags: Any) -> int:
        if not watch:
            return function(common, **flags)
        if flags["reports"] or flags["as_json"] or flags["format_name"] != "text":
            raise UsageError("--watch works only on a terminal", "omit --report and --json")
        _watch(common, lambda: function(common, **flags))

    return click.option(
        "--watch", is_flag=True, help="Repeat whenever a file changes, until Ctrl-C."
    )(run)


def _watch(common: Common, command: Callable[[], int]) -> NoReturn:
    from icesync.cli.main import explain_error

    while True:
        seen = _stamps(common)
        _clear()
        try:
            command()
        except IcesyncError as error:
            explain_error(error, common)
        common.console.flush()
        common.console.talk("watching for changes; Ctrl-C ends")
        while _stamps(common) == seen:
            sleep(_POLL_S)


def _stamps(common: Common) -> object:
    """Return what differs once a file of the configuration is written, added or removed."""
    from icesync.engine.choice import stamps_of

    try:
        config = common.locate()
    except (IcesyncError, OSError):
        return None
    return stamps_of(config.parent, config.name)


def _clear() -> None:
    """Begin on an empty screen, where there is one."""
    if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        sys.stdout.write(_CLEAR)
