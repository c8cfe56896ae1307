"""
Flags that several commands share, what every command is given, and commands to paste.

A hint names the command alone, ``icesync apply --allow adds``. Here it gets ``-C`` and
``--config`` of this run, and an apply to repeat gets the arguments of this one.
"""

from __future__ import annotations

import importlib
import os
import re
import shlex
from collections.abc import Callable
from contextlib import suppress
from dataclasses import field, replace
from functools import lru_cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import click
from click.core import ParameterSource

from icesync.cli.help import GlobalOption
from icesync.cli.interrupt import SIGNALS
from icesync.errors import UsageError, printable
from icesync.frozen import mutable
from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from icesync.cli.console import Console
    from icesync.cli.output import OutputOptions
    from icesync.engine.plan import PlanRequest
    from icesync.engine.session import Session
    from icesync.engine.state_operations import StateRequest
    from icesync.model.project import Project
    from icesync.model.report import Command

Function: TypeAlias = Callable[..., Any]
Pairs: TypeAlias = tuple[tuple[str, str], ...]


@mutable
class Common:
    """The flags that every command takes, before or after its name."""

    folder: Path = field(default_factory=Path)
    config: Path | None = None
    trusted: str | None = None
    colour: str = "auto"
    quiet: bool = False
    verbose: int = 0
    no_input: bool = False
    debug: bool = False
    commands: tuple[str, ...] = ()
    _root: str | None = None
    """The configuration's folder once it is known; empty where it is the working directory."""

    @property
    def console(self) -> Console:
        """The streams as these flags want them."""
        from icesync.cli.console import Console

        return Console(
            self.colour,
            quiet=self.quiet,
            verbose=self.verbose,
            located=lambda text: locate(text, self, self.commands),
            named=lru_cache(self.named),
        )

    def named(self, file: str) -> str:
        """Return the name that *file*, of the project, has in the working directory."""
        if self._root is None:
            with suppress(OSError):
                config = self.find()
                root = os.path.realpath(config.parent) if config is not None else ""
                self._root = root if root != str(Path.cwd()) else ""
        if not self._root or file.startswith("<"):
            return file
        return os.path.relpath(os.path.join(self._root, file))  # noqa: PTH118 - may be absolute

    def locate(self) -> Path:
        """Return the configuration file that these flags name or find."""
        from icesync.bootstrap import find_config

        if not os.path.isdir(self.folder):  # noqa: PTH112 - Path.is_dir raises for some names
            # Looking upward from a slip would find another configuration.
            raise UsageError(
                f"-C {printable(self.folder)}: no such folder", "use an existing folder"
            )
        if self.config is None:
            return find_config(self.folder)
        named = self.folder / self.config
        if not os.path.lexists(named) and os.path.lexists(self.config):
            raise UsageError(
                f"there is no {printable(named)}: --config is relative to `-C DIR`",
                f"-C {self.folder} --config {os.path.relpath(self.config, self.folder)}",
            )
        return named

    def find(self) -> Path | None:
        """Return the configuration that is there for these flags, or None where there is none."""
        from icesync.bootstrap import find_config
        from icesync.errors import ConfigMalformed

        if self.config is not None:
            named = self.folder / self.config
            return named if os.path.isfile(named) else None  # noqa: PTH113 - as above
        try:
            return find_config(self.folder)
        except ConfigMalformed:
            return None

    def project_around(self) -> Project | None:
        """Return the project, with all defaults if it cannot be read, or None without one."""
        from icesync.errors import IcesyncError
        from icesync.model.project import Project

        config = self.find()
        if config is None:
            return None
        try:
            return self.open().project
        except IcesyncError:
            return Project(str(config.parent.resolve()), config.name)

    def open(self) -> Session:
        """Return the session of the configuration that these flags name."""
        from icesync.bootstrap import open_session

        SIGNALS.quiet = self.quiet
        return replace(open_session(self.folder, self.locate(), self.trusted), signals=SIGNALS)

    def words(self, words: tuple[str, ...], root: str) -> tuple[str, ...]:
        """Return *words* of the command line with paths relative to *root*."""
        if not words:
            return ()
        from icesync.model.desired import is_address_pattern

        return tuple(w if is_address_pattern(w) else self.relative(w, root) for w in words)

    def relative(self, name: str, root: str) -> str:
        """Return the file *name*, as given on the command line, relative to *root*."""
        path = self.folder / name
        if not os.path.lexists(path) and os.path.lexists(name):
            path = Path(name)  # as findings are printed, from the working directory
        # The folder is resolved as the root was; a link at the end is the reader's business.
        full = path.resolve() if path.name in {"", ".."} else path.parent.resolve() / path.name
        return os.path.relpath(full, root).replace(os.sep, "/")


def _remember(context: click.Context, parameter: click.Parameter, value: object) -> None:
    """Keep a flag's value, if it was given here: the group's own word counts otherwise."""
    common = context.find_root().ensure_object(Common)
    if value not in {None, False}:
        setattr(common, str(parameter.name), value)


def _global(*names: str, **settings: Any) -> Callable[[Function], Function]:
    """Return an option of all commands; its value is kept in :class:`Common`."""
    settings = {"callback": _remember, "expose_value": False, **settings}
    return click.option(*names, cls=GlobalOption, **settings)


def _uncoloured(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        context.find_root().ensure_object(Common).colour = "never"


def common_options(command: Function) -> Function:
    """Add the flags of :class:`Common`; a command then takes ``@click.pass_obj``."""
    options = (
        _global("-C", "--chdir", "folder", type=click.Path(path_type=Path), metavar="DIR",
                help="Look for icesync.yaml in DIR instead of here."),
        _global("--config", type=click.Path(path_type=Path), metavar="FILE",
                envvar="ICESYNC_CONFIG", help="Use FILE as the configuration."),
        _global("--trusted-config", "trusted", metavar="FILE|REF",
                envvar="ICESYNC_TRUSTED_CONFIG",
                help="Take guards and limits from FILE or REF, and a committed state from REF."),
        _global("--color", "colour", type=click.Choice(["auto", "always", "never"]),
                envvar="ICESYNC_COLOR", help="When to use colors. NO_COLOR is respected."),
        _global("--no-color", is_flag=True, hidden=True, callback=_uncoloured,
                help="Short for --color never."),
        _global("--no-input", is_flag=True, envvar="ICESYNC_NO_INPUT", help="Never prompt."),
        _global("-q", "--quiet", is_flag=True, help="Print only errors to stderr."),
        _global("-v", "--verbose", count=True, help="Print more details to stderr."),
        _global("--debug", is_flag=True, help="Show a traceback on internal errors."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def completing(
    name: str, *words: str
) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Return a function of ``cli.completing``, with *words*; it is loaded when a shell asks."""

    def complete(context: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
        module = importlib.import_module("icesync.cli.completing")
        found: list[str] = getattr(module, name)(context, typed, *words)
        return found

    return complete


def chosen_servers(*, since: bool = True) -> Callable[[Function], Function]:
    """Add the argument that chooses servers by file, folder or address, and ``--since``."""

    def decorate(command: Function) -> Function:
        if since:
            command = click.option(
                "--since", metavar="REF",
                help="Only servers that differ from this git ref, by whatever file or default.",
            )(command)  # fmt: skip
        return click.argument(
            "words",
            nargs=-1,
            metavar="[FILE|FOLDER|ADDR]...",
            shell_complete=completing("words"),
        )(command)

    return decorate


def strict_option(command: Function) -> Function:
    """Add ``--strict``."""
    return click.option(
        "--strict", is_flag=True, envvar="ICESYNC_STRICT", help="Treat warnings as errors.",
    )(command)  # fmt: skip


def format_options(function: Function) -> Function:
    """Add ``--format text|json`` and its short form ``--json``; the command takes *as_json*."""

    @wraps(function)
    def run(*arguments: Any, format_name: str, as_json: bool, **flags: Any) -> int:
        code: int = function(*arguments, as_json=as_json or format_name == "json", **flags)
        return code

    command = click.option("--json", "as_json", is_flag=True, help="Short for --format json.")(run)
    return click.option(
        "--format", "format_name", type=click.Choice(["text", "json"]), default="text",
        help="Format of the result on stdout.",
    )(command)  # fmt: skip


_PROBE_HELP: Final = "Test the mail logins of changed servers; a rejected login blocks apply."


def plan_options(
    *, selected: bool = True, secrets: str | None = None, probe: str = _PROBE_HELP
) -> Callable[[Function], Function]:
    """
    Add the flags that a plan is made of; the command takes a PlanRequest as *request*.

    *selected* adds those that choose servers and lift limits; *secrets* is the default
    of ``--secrets``, without which every secret must be there.
    """

    def decorate(function: Function) -> Function:
        @wraps(function)
        def run(*arguments: Any, **flags: Any) -> int:
            code: int = function(*arguments, request=_take_plan_request(flags), **flags)
            return code

        command: Function = run
        options = [*(_SELECTION if selected else ()), *_SCOPE, strict_option]
        options += [_secrets_option(secrets)] if secrets is not None else []
        options += [
            click.option("--probe", "with_probe", is_flag=True, help=probe),
            click.option("--ca-file", type=click.Path(path_type=Path), metavar="FILE",
                         help="With --probe: also trust these CA certificates."),
        ]  # fmt: skip
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _take_plan_request(flags: dict[str, Any]) -> PlanRequest:
    """Take the flags of :func:`plan_options` out of *flags* and return what they ask for."""
    from icesync.engine.plan import MailProbe, PlanRequest
    from icesync.engine.secret_resolution import SecretsMode
    from icesync.engine.validate import parse_scope
    from icesync.model.plan import Selection

    named = [flags.pop(name, ()) for name in ("targets", "excludes", "resend")]
    scope = parse_scope(Selection(*named), flags.pop("organizations"), flags.pop("shard"))
    ca_file, with_probe = flags.pop("ca_file"), flags.pop("with_probe")
    return PlanRequest(
        scope,
        SecretsMode(flags.pop("secrets_mode", "require")),
        flags.pop("allowed", ()),
        strict=flags.pop("strict"),
        include_info=click.get_current_context().find_root().obj.verbose > 0,
        probe=MailProbe(str(ca_file) if ca_file else None) if with_probe else None,
    )


_SELECTION: Final = (
    click.option("--target", "targets", multiple=True, metavar="ADDR",
                 shell_complete=completing("addresses"),
                 help="Only these servers: 59/663, or a glob such as '59/*'."),
    click.option("--exclude", "excludes", multiple=True, metavar="ADDR",
                 shell_complete=completing("addresses"),
                 help="Not these servers."),
    click.option("--resend", multiple=True, metavar="ADDR|all|unconfirmed|older-than=30d",
                 shell_complete=completing("addresses", "all", "unconfirmed", "older-than=30d"),
                 help="Send these again even if nothing changed."),
    click.option("--allow", "allowed", multiple=True, metavar="RULE[:ADDR]",
                 shell_complete=completing("allowed"),
                 help="Allow what a limit or guard blocks: adds, host-change:59/663."),
)  # fmt: skip

_SCOPE: Final = (
    click.option("--organization", "organizations", multiple=True,
                 type=click.IntRange(1, 2**31 - 1),
                 metavar="ORG", shell_complete=completing("organizations"),
                 help="Only this organization. Repeatable."),
    click.option("--shard", metavar="K/N", envvar="ICESYNC_SHARD",
                 help="Process part K of N only; needs `state: {per: organization}`."),
)  # fmt: skip


def _secrets_option(default: str) -> Callable[[Function], Function]:
    return click.option(
        "--secrets", "secrets_mode", type=click.Choice(["auto", "require", "skip"]),
        default=default,
        help="Secrets to compare: those available (auto), all (require) or none (skip).",
    )  # fmt: skip


def organization_option(command: Function) -> Function:
    """Add ``--organization`` for commands about one snapshot."""
    return click.option(
        "--organization", type=click.IntRange(1, 2**31 - 1), metavar="ORG",
        shell_complete=completing("organizations"),
        help="Organization whose state to use, with `state: {per: organization}`.",
    )(command)  # fmt: skip


def read_duration(_context: click.Context, parameter: click.Parameter, value: str) -> float:
    """
    Return the seconds that an option spells: 30, 30s, 5m, 1h.

    Raises:
        UsageError: it spells none.

    """
    match = _DURATION.fullmatch(value)
    if match is None:
        option = max(parameter.opts, key=len)
        raise UsageError(f"invalid {option} {printable(value)}", "use 30, 30s, 5m or 1h")
    return float(match[1]) * _UNITS_S[match[2]]


_DURATION: Final = regex(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smh]?)", re.ASCII)
_UNITS_S: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def read_age(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return the age that an option spells as it is, once it is known to be one."""
    from icesync.engine.check import check_age

    return check_age(value)


def state_options(*, writes: bool = True, locks: bool = True) -> Callable[[Function], Function]:
    """
    Add the flags of an operation on the state; the command takes a StateRequest as *request*.

    One that only reads has neither ``--dry-run`` nor ``--lock-timeout``; one that only
    adds what is not there need not wait.
    """

    def decorate(function: Function) -> Function:
        @wraps(function)
        def run(*arguments: Any, **flags: Any) -> int:
            code: int = function(*arguments, request=_take_state_request(flags), **flags)
            return code

        command: Function = run
        if writes:
            command = click.option(
                "--dry-run", is_flag=True, help="Show what would change; write nothing."
            )(lock_option(command) if locks else command)
        return organization_option(command)

    return decorate


def _take_state_request(flags: dict[str, Any]) -> StateRequest:
    from icesync.engine.state_operations import StateRequest

    return StateRequest(
        flags.pop("organization"),
        dry_run=flags.pop("dry_run", False),
        lock_timeout_s=flags.pop("lock_timeout_s", 0.0),
    )


def lock_option(command: Function) -> Function:
    """Add ``--lock-timeout``."""
    return click.option(
        "--lock-timeout", "lock_timeout_s", callback=read_duration, default="0",
        metavar="TIME", help="How long to wait for another run's lock, such as 5m.",
    )(command)  # fmt: skip


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

            output = Output(common, name, _take_output_options(flags))
            return output.conduct(lambda: function(output, **flags))

        decorated: Function = run
        for option in reversed(_output_flags(name)):
            decorated = option(decorated)
        return decorated

    return decorate


def _output_flags(name: Command) -> tuple[Callable[[Function], Function], ...]:
    from icesync.model.pipeline import Forge
    from icesync.model.report import Command
    from icesync.render import SHOWN, kinds_for

    kinds = kinds_for(name)
    return (
        click.option("--format", "format_name", type=click.Choice(SHOWN), default="text",
                     envvar="ICESYNC_FORMAT", help="Format of the result on stdout."),
        click.option("--json", "as_json", is_flag=True, help="Short for --format json."),
        click.option("--report", "reports", multiple=True, metavar="KIND=PATH",
                     shell_complete=completing("reports", *kinds),
                     callback=_report_reader(name, kinds),
                     help="Also write the result to PATH (- for stdout). "
                          f"KIND: {', '.join(kinds)}."),
        click.option("--ci", "pipeline", default="auto",
                     type=click.Choice(["auto", *(str(forge) for forge in Forge)]),
                     envvar="ICESYNC_CI",
                     help="Write annotations, a job summary and outputs for this CI system."),
        *([] if name in {Command.VALIDATE, Command.PROBE} else [_SUMMARY]),
    )  # fmt: skip


_SUMMARY: Final = click.option("--summary", is_flag=True, help="Show one line per server.")


def _report_reader(
    name: Command, possible: Sequence[str]
) -> Callable[[click.Context, click.Parameter, Any], Pairs]:
    """Return what reads the arguments of ``--report`` for the command *name*."""

    def read(context: click.Context, parameter: click.Parameter, values: Any) -> Pairs:
        pairs = [value.partition("=") for value in values]
        for kind, _, path in pairs:
            if kind not in possible:
                from icesync.render import FORMATS

                known = kind in FORMATS
                what = (
                    f"{name} does not write {kind}" if known else f"unknown kind {printable(kind)}"
                )
                message = f"{what}; use one of {', '.join(possible)}"
                raise click.BadParameter(message, ctx=context, param=parameter)
            if not path:
                message = f"a path is required; use {kind}=PATH"
                raise click.BadParameter(message, ctx=context, param=parameter)
        return tuple((kind, path) for kind, _, path in pairs)

    return read


def _take_output_options(flags: dict[str, Any]) -> OutputOptions:
    """Take the flags of :func:`output_options` out of *flags* and return what they want."""
    from icesync.cli.output import STDOUT, OutputOptions

    format_name, as_json = flags.pop("format_name"), flags.pop("as_json")
    reports = _take_stdout(flags)
    pipeline = flags.pop("pipeline")
    context = click.get_current_context()
    source = context.get_parameter_source("format_name")
    taken = as_json or source is ParameterSource.COMMANDLINE
    if taken + sum(path == STDOUT for _, path in reports) > 1:
        message = "only one result can go to stdout; use a path instead of -"
        raise click.UsageError(message, context)
    named: tuple[Path, ...] = tuple(flags[name] for name in _FILES if flags.get(name))
    summary = bool(flags.pop("summary", False))
    return OutputOptions(
        "json" if as_json else format_name, reports, pipeline, named, summary, flags.get("out")
    )


def _take_stdout(flags: dict[str, Any]) -> Pairs:
    """Take the reports out of *flags*; what names stdout, however it is spelled, has it alone."""
    from icesync.cli.output import STDOUT

    reports: Pairs = flags.pop("reports")
    out: Path | None = flags.get("out")
    if not (reports or out):
        return reports
    from icesync.cli.files import is_stdout

    reports = tuple((kind, STDOUT if is_stdout(Path(path)) else path) for kind, path in reports)
    if out is not None and is_stdout(out):
        flags["out"] = None
        return (*reports, ("json", STDOUT))  # the document that a saved plan is
    return reports


_EXTRA: Final = regex(r"pip install 'icesync\[(\w+)\]'")
_NOT_REPEATED: Final = frozenset(
    {"format_name", "as_json", "reports", "pipeline", "summary", "digest"}
)


def locate(text: str, common: Common, commands: Iterable[str]) -> str:
    """
    Return *text* with where the configuration is in each command of icesync's that it names.

    In an image there is no pip: an extra is a matter of its build.
    """
    if os.environ.get("ICESYNC_IMAGE"):
        text = _EXTRA.sub(r"docker build --build-arg EXTRAS=\1 .", text)
    where = _where(common)
    if not where:
        return text
    names = "|".join(map(re.escape, commands))
    return re.sub(rf"\bicesync (?=(?:{names})\b)", lambda _: f"icesync {shlex.join(where)} ", text)


def _where(common: Common) -> list[str]:
    words = []
    if str(common.folder) != ".":
        words += ["-C", str(common.folder)]
    if common.config is not None:
        words += ["--config", str(common.config)]
    return words


def scope_words() -> list[str]:
    """Return the flags that narrow this run: comments about other parts are other comments."""
    context = click.get_current_context(silent=True)
    given = context.params if context is not None else {}
    words = ["--shard", given["shard"]] if given.get("shard") else []
    for name in ("organizations", "targets", "excludes"):
        option = "--" + name.removesuffix("s")
        words += [word for value in sorted(given.get(name) or ()) for word in (option, str(value))]
    return words


def own_words(*, without: frozenset[str] = frozenset()) -> list[str]:
    """Return the arguments of the command that is running, as they were given."""
    context = click.get_current_context(silent=True)
    if context is None:
        return []
    words: list[str] = []
    for parameter in context.command.params:
        name = str(parameter.name)
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and parameter.expose_value and name not in _NOT_REPEATED | without:
            words += _spelled(parameter, context.params.get(name))
    return words


def _spelled(parameter: click.Parameter, value: Any) -> list[str]:
    values = value if isinstance(value, tuple) else (value,)
    if isinstance(parameter, click.Argument):
        return [str(each) for each in values if each is not None]
    option = max(parameter.opts, key=len)
    if getattr(parameter, "is_flag", False):
        return [option] if value else []
    return [word for each in values for word in (option, _number(each))]


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def apply_again(hints: Iterable[str]) -> tuple[str, ...]:
    """Return *hints* of an apply with what this one was called with in the commands they name."""
    return tuple(map(_again, hints))


def _again(hint: str) -> str:
    found = _COMMAND.fullmatch(hint)
    if found is None:
        return hint
    before, given, after = found.groups("")
    # A saved plan is out of date once a part of it was carried out.
    own = own_words(without=frozenset() if given else frozenset({"planfile"}))
    return f"{before}{shlex.join(['icesync', 'apply', *own, *shlex.split(given)])}{after}"


_COMMAND: Final = regex(r"((?:then )?run `)?icesync apply((?: [^`]+)?)((?(1)`.*))", re.DOTALL)
"""A hint that is a command, or that says what to run and why."""
