"""The flags by which the result of a command is written, and the wrapper that obeys them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import click
from click.core import ParameterSource

from icesync.cli.completing import reports
from icesync.errors import printable
from icesync.model.pipeline import Forge
from icesync.model.report import Command
from icesync.render.formats import FORMATS, SHOWN, kinds_for

if TYPE_CHECKING:
    from pathlib import Path

    from icesync.cli.options import Common
    from icesync.cli.output import Wanted


Function: TypeAlias = Callable[..., int]
Pairs: TypeAlias = tuple[tuple[str, str], ...]

_FILES: Final = ("out", "planfile", "ca_file")
"""Parameters that name a file, which a report must not overwrite."""


def output_options(name: Command) -> Callable[[Function], Function]:
    """
    Add ``--format``, ``--json``, ``--report`` and ``--ci``; the command takes an Output.

    What the command came to is written when it ends, however it ends.
    """

    def decorate(function: Function) -> Function:
        @wraps(function)
        def run(common: Common, **flags: Any) -> int:
            from icesync.cli.output import Output

            output = Output(common, name, _take_wanted(flags))
            return output.conduct(lambda: function(output, **flags))

        decorated: Function = run
        for option in reversed(_flags(name)):
            decorated = option(decorated)
        return decorated

    return decorate


def _flags(name: Command) -> tuple[Callable[[Function], Function], ...]:
    return (
        click.option("--format", "format_name", type=click.Choice(SHOWN), default="text",
                     envvar="ICESYNC_FORMAT", help="Format of the result on stdout."),
        click.option("--json", "as_json", is_flag=True, help="Short for --format json."),
        click.option("--report", "reports", multiple=True, metavar="KIND=PATH",
                     shell_complete=reports(kinds_for(name)),
                     callback=_report_reader(name),
                     help="Also write the result to PATH (- for stdout). "
                          f"KIND: {', '.join(kinds_for(name))}."),
        click.option("--ci", "pipeline", default="auto",
                     type=click.Choice(["auto", *(str(forge) for forge in Forge)]),
                     envvar="ICESYNC_CI",
                     help="Write annotations, a job summary and outputs for this CI system."),
        *([] if name in {Command.VALIDATE, Command.PROBE} else [_SUMMARY]),
    )  # fmt: skip


_SUMMARY: Final = click.option("--summary", is_flag=True, help="Show one line per server.")


def _report_reader(name: Command) -> Callable[[click.Context, click.Parameter, Any], Pairs]:
    """Return what reads the arguments of ``--report`` for the command *name*."""
    possible = kinds_for(name)

    def read(context: click.Context, parameter: click.Parameter, values: Any) -> Pairs:
        pairs = [value.partition("=") for value in values]
        for kind, _, path in pairs:
            if kind not in possible:
                known = kind in FORMATS
                what = (
                    f"{name} does not write {kind}" if known else f"unknown kind {printable(kind)}"
                )
                told = f"{what}; use one of {', '.join(possible)}"
                raise click.BadParameter(told, ctx=context, param=parameter)
            if not path:
                told = f"a path is required; use {kind}=PATH"
                raise click.BadParameter(told, ctx=context, param=parameter)
        return tuple((kind, path) for kind, _, path in pairs)

    return read


def _take_wanted(flags: dict[str, Any]) -> Wanted:
    """Take the flags of :func:`output_options` out of *flags* and return what they want."""
    from icesync.cli.output import STDOUT, Wanted

    format_name, as_json = flags.pop("format_name"), flags.pop("as_json")
    reports: Pairs = flags.pop("reports")
    pipeline = flags.pop("pipeline")
    context = click.get_current_context()
    source = context.get_parameter_source("format_name")
    taken = as_json or source is ParameterSource.COMMANDLINE
    if taken + sum(path == STDOUT for _, path in reports) > 1:
        told = "only one result can go to stdout; use a path instead of -"
        raise click.UsageError(told, context)
    named: tuple[Path, ...] = tuple(flags[name] for name in _FILES if flags.get(name))
    summary = bool(flags.pop("summary", False))
    return Wanted(
        "json" if as_json else format_name, reports, pipeline, named, summary, flags.get("out")
    )
