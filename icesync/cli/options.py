"""Flags that several commands share, and what every command is given."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import click

from icesync.cli.console import Console

if TYPE_CHECKING:
    from icesync.bootstrap import Context
    from icesync.cli.scoping import Scope

__all__ = [
    "Common",
    "ca_file_option",
    "common_options",
    "format_options",
    "lock_option",
    "organization_option",
    "probe_options",
    "read_duration",
    "read_scope",
    "scope_options",
    "selection_options",
    "strict_option",
]

Command: TypeAlias = Callable[..., Any]


@dataclass(slots=True)
class Common:
    """The flags that every command takes, before or after its name."""

    folder: Path = field(default_factory=Path)
    config: Path | None = None
    colour: str = "auto"
    quiet: bool = False
    verbose: int = 0
    no_input: bool = False
    debug: bool = False

    @property
    def console(self) -> Console:
        """The streams as these flags want them."""
        return Console(self.colour, quiet=self.quiet, verbose=self.verbose)

    def locate(self) -> Path:
        """Return the configuration file that these flags name or find."""
        from icesync.config.discover import find_config
        from icesync.errors import UsageError

        if not self.folder.is_dir():
            # Looking upward from a slip would find another configuration.
            raise UsageError(
                f"there is no folder {ascii(str(self.folder))[1:-1]}", "correct `-C DIR`"
            )
        return find_config(self.folder) if self.config is None else self.folder / self.config

    def open(self) -> Context:
        """Return the context of the configuration that these flags name."""
        from icesync.bootstrap import open_context

        return open_context(self.folder, self.locate())

    def relative(self, name: str, root: str) -> str:
        """Return the file *name*, as given on the command line, relative to *root*."""
        path = self.folder / name
        # The folder is resolved as the root was; a link at the end is the reader's business.
        full = path.resolve() if path.name in {"", ".."} else path.parent.resolve() / path.name
        return os.path.relpath(full, root).replace(os.sep, "/")


def _remember(context: click.Context, parameter: click.Parameter, value: object) -> None:
    """Keep a flag's value, if it was given here: the group's own word counts otherwise."""
    common = context.find_root().ensure_object(Common)
    if value not in {None, False}:
        setattr(common, str(parameter.name), value)


def common_options(command: Command) -> Command:
    """Add the flags of :class:`Common`; a command then takes ``@click.pass_obj``."""
    options = (
        click.option("-C", "--chdir", "folder", type=click.Path(path_type=Path), metavar="DIR",
                     help="Look for icesync.yaml in DIR instead of here."),
        click.option("--config", type=click.Path(path_type=Path), metavar="FILE",
                     envvar="ICESYNC_CONFIG", help="Use FILE as the configuration."),
        click.option("--color", "colour", type=click.Choice(["auto", "always", "never"]),
                     envvar="ICESYNC_COLOR", help="When to paint; NO_COLOR is obeyed."),
        click.option("--no-input", is_flag=True, envvar="ICESYNC_NO_INPUT", help="Never ask."),
        click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors on stderr."),
        click.option("-v", "--verbose", count=True, help="Say more on stderr."),
        click.option("--debug", is_flag=True, help="Show the traceback of a bug."),
    )  # fmt: skip
    for option in reversed(options):
        option_with_callback = _with_callback(option)
        command = option_with_callback(command)
    return command


def _with_callback(option: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        decorated = option(command)
        parameters = getattr(decorated, "__click_params__", None) or decorated.params  # type: ignore[attr-defined]
        parameter = parameters[-1]
        parameter.callback = _remember
        parameter.expose_value = False
        return decorated

    return decorate


def strict_option(command: Command) -> Command:
    """Add ``--strict``."""
    return click.option(
        "--strict", is_flag=True, envvar="ICESYNC_STRICT", help="Warnings in the files are errors.",
    )(command)  # fmt: skip


def format_options(command: Command) -> Command:
    """Add ``--format text|json`` and its short form ``--json``."""
    command = click.option("--json", "as_json", is_flag=True, help="The same as --format json.")(
        command
    )
    return click.option(
        "--format", "format_name", type=click.Choice(["text", "json"]), default="text",
        show_default=True, help="How to write the result to stdout.",
    )(command)  # fmt: skip


def selection_options(command: Command) -> Command:
    """Add ``--target``, ``--exclude``, ``--resend`` and ``--allow``, each repeatable."""
    options = (
        click.option("--target", "targets", multiple=True, metavar="ADDR",
                     help="Only these servers: 59/663, or a glob such as '59/*'."),
        click.option("--exclude", "excludes", multiple=True, metavar="ADDR",
                     help="Not these servers."),
        click.option("--resend", multiple=True, metavar="ADDR|all|assumed|older-than=30d",
                     help="Send these again although nothing differs."),
        click.option("--allow", "allowed", multiple=True, metavar="RULE[:ADDR]",
                     help="Let a limit or a guard through: adds, host-change:59/663."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def scope_options(command: Command) -> Command:
    """Add ``--organization``, repeatable, and ``--shard``."""
    command = click.option(
        "--shard", metavar="K/N", envvar="ICESYNC_SHARD",
        help="Only the K-th of N parts of the fleet; with `state: {per: organization}`.",
    )(command)  # fmt: skip
    return click.option(
        "--organization", "organizations", multiple=True, type=click.IntRange(1, 2**31 - 1),
        metavar="ORG", help="Only this organization; repeatable.",
    )(command)  # fmt: skip


def organization_option(command: Command) -> Command:
    """Add ``--organization`` for commands about one snapshot."""
    return click.option(
        "--organization", type=click.IntRange(1, 2**31 - 1), metavar="ORG",
        help="Whose snapshot, with `state: {per: organization}`.",
    )(command)  # fmt: skip


def read_scope(shard: str | None, organizations: tuple[int, ...]) -> Scope:
    """
    Return what the flags of :func:`scope_options` say.

    Raises:
        UsageError: *shard* spells none.

    """
    from icesync.cli.scoping import Scope
    from icesync.planner.shards import parse_shard

    return Scope(parse_shard(shard) if shard else None, organizations)


def probe_options(command: Command) -> Command:
    """Add ``--probe`` and ``--ca-file``."""
    return click.option(
        "--probe", "with_probe", is_flag=True,
        help="Log in to the mail servers of what changes; one that says no is a guard.",
    )(ca_file_option(command))  # fmt: skip


def ca_file_option(command: Command) -> Command:
    """Add ``--ca-file``."""
    return click.option(
        "--ca-file", type=click.Path(path_type=Path), metavar="FILE",
        help="With --probe: trust these certificates besides the public ones.",
    )(command)  # fmt: skip


def read_duration(context: click.Context, parameter: click.Parameter, value: str) -> float:
    """Return the seconds that an option spells: 30, 30s, 5m, 1h."""
    match = _DURATION.fullmatch(value)
    if match is None:
        told = f"{value!a} is no time; write 30, 30s, 5m or 1h"
        raise click.BadParameter(told, ctx=context, param=parameter)
    return float(match[1]) * _UNITS_S[match[2]]


_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smh]?)", re.ASCII)
_UNITS_S: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def check_age(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> str | None:
    """Return the age that an option spells as it is, once it is known to be one."""
    from icesync.planner.select import parse_age

    if value is not None:
        parse_age(value)
    return value


def lock_option(command: Command) -> Command:
    """Add ``--lock-timeout``."""
    return click.option(
        "--lock-timeout", "lock_timeout_s", callback=read_duration, default="0",
        metavar="TIME", help="Wait so long for the lock of another run: 30s, 5m.  [default: 0]",
    )(command)  # fmt: skip
