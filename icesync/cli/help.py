"""
How help pages are laid out, and what a word gets that no command or option is called.

A page shows the command's own options first and those that all commands take last.
A word that other programs use gets one sentence; a slip is offered the nearest
command or option, unless that one sends or writes.
"""

from __future__ import annotations

import inspect
import os
import sys
from typing import TYPE_CHECKING, Final

import click

from icesync.errors import UsageError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_OFFERED: Final = frozenset(
    {
        "validate", "explain", "plan", "check", "show", "state", "state list", "state show",
        "state pull", "secrets", "secrets check", "doctor", "token", "ci", "schema", "completion",
        "version",
    }
)  # fmt: skip
"""The commands that a slip may be answered with: they send nothing and write nothing."""

_OFFERED_OPTIONS: Final = frozenset(
    {
        "--all", "--body", "--changed", "--chdir", "--check", "--ci", "--color", "--config",
        "--debug", "--detailed-exitcode", "--diff", "--dns", "--draft", "--dry-run", "--editor",
        "--emulator",
        "--exclude", "--expect-digest", "--forge", "--format", "--help", "--json", "--key",
        "--latency", "--lock-timeout", "--map", "--max-age", "--no-input", "--number",
        "--only-changes", "--organization", "--parallelism", "--plain", "--port", "--pre-commit",
        "--profile", "--project", "--quiet", "--readme", "--secrets", "--set", "--shard", "--sheet",
        "--since", "--skill", "--strict", "--summary", "--target", "--template", "--timeout",
        "--title", "--trusted-config", "--verbose", "--version", "--watch",
    }
)  # fmt: skip
"""The options that a slip may be answered with: they send nothing and let nothing through."""

_OTHER_PROGRAMS: Final = {
    "ICE deletes nothing; `removed:` in a server file disables or forgets a server":
        ("destroy", "delete", "remove", "rm"),
    "ICE has no read API; `icesync plan` compares the files with the state":
        ("refresh", "read", "get", "fetch"),
    "ICE has no read API; `icesync check` reports what needs attention": ("drift", "verify"),
    "`icesync plan` shows what would be sent": ("diff", "preview", "compare", "noop"),
    "`icesync check` reports what needs attention, `icesync state list` what ICE confirmed":
        ("status",),
    "`icesync apply` sends the changes that `icesync plan` shows":
        ("sync", "push", "deploy", "up", "run", "send", "update"),
    "`icesync validate` checks the files": ("lint", "test"),
    "`icesync fmt` formats the files": ("format",),
    "`icesync state list` lists the servers": ("list", "ls"),
    "`icesync state show ADDR` shows what ICE confirmed, `icesync explain ADDR` what the files say":
        ("output", "console", "describe", "query", "inspect"),
    "`icesync import FILE` writes server files for servers that exist":
        ("dump", "adopt", "add", "create", "new"),
    "`icesync apply --resend ADDR` sends a server again": ("taint", "replace", "resend", "retry"),
    "`icesync state unlock` shows the lock and removes it": ("unlock", "force-unlock"),
    "check out the older files with git, then `icesync apply`": ("rollback", "undo", "revert"),
    "`icesync explain` explains rules, addresses and providers":
        ("rule", "rules", "docs", "man", "why", "info"),
    "`icesync explain presets` lists the mail providers": ("providers", "provider", "presets"),
    "`icesync explain configuration` lists the keys of icesync.yaml":
        ("config", "configure", "settings"),
    "`icesync explain environment` lists the variables": ("env", "environment", "variables"),
    "`icesync secrets check` shows where each reference leads": ("secret", "passwords"),
    "`icesync token` shows whose token it is": ("whoami", "auth"),
    "delete the token file: `icesync login` says where it is": ("logout",),
    "`icesync state pull` writes the state to stdout": ("export", "backup", "pull"),
    "`icesync validate` names what is wrong and how to fix it; `icesync fmt` formats": ("fix",),
    "`icesync plan --report html=plan.html` writes a page": ("ui", "web", "report", "dashboard"),
    "each environment has a folder with its own icesync.yaml: `icesync -C DIR`":
        ("workspace", "workspaces", "profile"),
    "upgrade with what installed it: pipx, uv or pip": ("upgrade", "install", "self-update"),
}  # fmt: skip
_WORDS: Final = {word: told for told, words in _OTHER_PROGRAMS.items() for word in words}

_OTHER_OPTIONS: Final = {
    "--dry-run": "`icesync plan` shows what would be sent",
    "--check": "`icesync check` and `icesync fmt --check` write nothing",
    "--refresh": "ICE has no read API; omit it",
    "--refresh-only": "ICE has no read API; `icesync check` reports what needs attention",
    "--destroy": "`removed:` in a server file disables or forgets a server",
    "--replace": "`--resend ADDR` sends a server again",
    "--token": "`api.token:` in icesync.yaml names the token, such as ref+env://ICE_TOKEN",
    "--auto-approve": "it sends nothing, so there is nothing to approve",
    "--yes": "it sends nothing, so there is nothing to approve",
    "--input": "`--no-input` never asks",
    "--output": "`--json` or `--format` chooses how stdout is written, `--report` writes a file",
    "--var": "defaults are in `defaults:` and _defaults.yaml",
    "--var-file": "defaults are in `defaults:` and _defaults.yaml",
    "--watch": "`icesync validate --watch` repeats on change",
    "--fix": "`icesync fmt` formats; `icesync explain RULE` says how to fix the rest",
    "--lock": "the state is always locked while it is written",
}
"""What is said of options of other programs, where a command has none of that name."""

_NO_ARGUMENT: Final = {
    "init": "run `mkdir -p {word} && icesync -C {word} init` to set up that folder",
    "check": "use `icesync plan {word}` for some servers only",
    "state list": "run `icesync state show {word}` for one server",
    "login": "`api.login:` in icesync.yaml says who logs in",
    "token": "`api.token:` in icesync.yaml names the token, such as ref+env://ICE_TOKEN",
}
"""What to type instead of an argument that a command does not take."""
_ABOUT_SECRETS: Final = frozenset({"login", "token", "keygen", "secrets", "secrets check"})
"""Commands whose needless argument may be the secret itself: it is not shown."""


_NO_BOUND: Final = 2**31 - 1
"""The largest id; not worth mentioning."""


class GlobalOption(click.Option):
    """An option that every command takes."""


class Page(click.Command):
    """A command whose page shows examples, its own options, and then those of all commands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read long options with one dash, too; answer an argument or option that is not known."""
        ctx.allow_extra_args = True
        if args == ["help"] and not os.path.lexists("help"):
            args = ["--help"]
        try:
            rest = super().parse_args(ctx, self._with_two_dashes(ctx, args))
        except click.NoSuchOption as error:
            raise _no_option(error, ctx) from None
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise
        if rest and not ctx.resilient_parsing and not isinstance(self, click.Group):
            _refuse_argument(rest[0], ctx)
        return rest

    def _with_two_dashes(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Return *args* with long options as they are spelled here: terraform's have one dash."""
        known = {option for parameter in self.get_params(ctx) for option in parameter.opts}
        end = args.index("--") if "--" in args else len(args)
        spelled = [f"-{a}" if f"-{a.partition('=')[0]}" in known else a for a in args[:end]]
        return [*spelled, *args[end:]]

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write what the command does, and its examples."""
        whole = inspect.cleandoc(self.help or "")
        text, mark, examples = whole.rpartition("\n\n\b\n")
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(text if mark else whole)
        if mark:
            with formatter.section("Examples"):
                formatter.write_text(f"\b\n{examples}")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write commands, own options, and last those of all commands."""
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)
        options = [p for p in self.get_params(ctx) if isinstance(p, click.Option)]
        shared = [p for p in options if isinstance(p, GlobalOption) or "--help" in p.opts]
        for title, chosen in (
            ("Options", [p for p in options if p not in shared]),
            ("Global options", shared),
        ):
            records = [record for option in chosen for record in _record(option, ctx)]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


class Pages(Page, click.Group):
    """A command of commands; `help` after it is its page."""

    command_class = Page

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the module: first what is needed most."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that *args* begin with; one that is not known is answered."""
        names = self.list_commands(ctx)
        if args and args[0] == "help":
            # `help plan` is what fingers know from git.
            args = [*args[1:], "--help"]
            if len(args) == 1:
                sys.stdout.write(f"{ctx.get_help()}\n")
                raise click.exceptions.Exit(0)
        if args and args[0] not in names and not ctx.resilient_parsing:
            raise _no_command(args[0], names, ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command with its first sentence."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, _sentence(c.help)) for name, c in commands if c])


def _record(option: click.Option, ctx: click.Context) -> Iterator[tuple[str, str]]:
    """Yield the row of *option*, unless it is hidden."""
    record = option.get_help_record(ctx)
    if record is not None:
        notes = "; ".join(_notes(option, ctx))
        yield record[0], f"{option.help}  [{notes}]" if notes else str(option.help)


def _notes(option: click.Option, ctx: click.Context) -> Iterator[str]:
    """Yield what is to be known of the value of *option*: default, bounds, variable."""
    default = option.get_default(ctx, call=False)
    if option.required:
        yield "required"
    elif isinstance(option.show_default, str):
        yield f"default: {option.show_default}"
    elif option.is_flag and option.secondary_opts and isinstance(default, bool):
        yield f"default: {(option.opts if default else option.secondary_opts)[0]}"
    elif isinstance(default, str | int | float) and not option.is_flag and not option.count:
        yield f"default: {default}"
    kind = option.type
    if isinstance(kind, click.IntRange | click.FloatRange) and kind.max and kind.max < _NO_BOUND:
        yield f"{kind.min} to {kind.max}"
    if option.envvar:
        yield f"env: {option.envvar}"


def _sentence(text: str | None) -> str:
    """Return the first sentence of *text*."""
    paragraph = " ".join(inspect.cleandoc(text or "").partition("\n\n")[0].split())
    sentence, stop, _ = paragraph.partition(". ")
    return f"{sentence}." if stop else sentence


def _no_command(word: str, names: Sequence[str], ctx: click.Context) -> UsageError:
    """Return that there is no command *word*, and what to type instead."""
    path = ctx.command_path.partition(" ")[2]
    message = f"no such command: {printable(f'{path} {word}'.strip())}"
    if not path and word in _WORDS:
        return UsageError(message, _WORDS[word])
    import difflib

    near = difflib.get_close_matches(word, names, n=1)
    meant = [f"{path} {name}".strip() for name in near]
    hints = [f"did you mean `icesync {name}`?" for name in meant if name in _OFFERED]
    return UsageError(message, *hints, f"run `{ctx.command_path} --help` for a list of commands")


def _no_option(error: click.NoSuchOption, ctx: click.Context) -> UsageError:
    """Return that there is no such option, and what to type instead."""
    name = error.option_name
    message = f"no such option: {printable(name)}"
    if name in _OTHER_OPTIONS:
        return UsageError(message, _OTHER_OPTIONS[name])
    import difflib

    known = {option.lstrip("-"): option for p in ctx.command.get_params(ctx) for option in p.opts}
    near = [known[match] for match in difflib.get_close_matches(name.lstrip("-"), known, n=1)]
    hints = [f"did you mean `{option}`?" for option in near if option in _OFFERED_OPTIONS]
    return UsageError(message, *hints, options_hint(ctx))


def options_hint(ctx: click.Context) -> str:
    """Return where the options of a command are listed, or the commands of a group."""
    what = "commands" if isinstance(ctx.command, click.Group) else "options"
    return f"run `{ctx.command_path} --help` for a list of {what}"


def _refuse_argument(word: str, ctx: click.Context) -> None:
    path = ctx.command_path.partition(" ")[2]
    shown = printable(word)
    hint = _NO_ARGUMENT.get(path, options_hint(ctx)).format(word=shown)
    if path in _ABOUT_SECRETS:
        raise UsageError(f"`{ctx.command_path}` takes no argument", hint)
    raise UsageError(f"`{ctx.command_path}` does not take the argument {shown}", hint)
