"""The table of commands, loaded one at a time, and the exit code of each error."""

from __future__ import annotations

import importlib
import keyword
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeGuard

import click

from icesync.cli.console import STDOUT_NAME
from icesync.cli.help import GlobalOption, Pages
from icesync.cli.interrupt import SIGNALS
from icesync.cli.options import Common, common_options
from icesync.errors import EXIT_UNEXPECTED, EXIT_WORDS, ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

GROUPS: Final = {
    "Start": {
        "init": "Set up a repository, or add to one.",
        "import": "Create server files from existing settings.",
        "validate": "Check all files; offline, without secrets.",
        "explain": "Explain a value, a rule, a mail provider or a topic.",
        "fmt": "Format files, keeping comments.",
    },
    "Change": {
        "plan": "Show what apply would send.",
        "probe": "Test the mail server logins.",
        "apply": "Send the changes to ICE.",
        "check": "Report what needs attention, for scheduled jobs.",
    },
    "State": {
        "show": "Show a saved plan, or the state.",
        "state": "Inspect and change the state.",
        "secrets": "Check that every secret reference resolves.",
        "doctor": "Check the setup and print the commands that fix it.",
    },
    "Pipeline": {
        "ci": "Post a plan or a check to GitHub or GitLab.",
        "schema": "Print the JSON Schemas of input files and reports.",
        "completion": "Print a shell completion script.",
        "version": "Print the version.",
    },
    "Access": {
        "login": "Log in and save the token to a file.",
        "token": "Show whose token it is and when it expires.",
        "keygen": "Generate the key for password fingerprints.",
    },
    "Try it": {
        "emulator": "Run a local ICE emulator.",
    },
}
"""Name and one line of help, as `--help` groups them; `--help` loads no module."""

COMMANDS: Final = {name: line for group in GROUPS.values() for name, line in group.items()}


_SHARED: Final = {
    **dict.fromkeys(("keygen", "login", "token", "secrets"), "access"),
    **dict.fromkeys(("schema", "version"), "reference"),
}
"""Commands that share a module; each is called ``<name>_command`` there."""


def module_of(name: str) -> str:
    """Return the module of the command *name*; a word of Python's own gets an underscore."""
    return _SHARED.get(name, f"{name}_" if keyword.iskeyword(name) else name)


def load_command(name: str) -> click.Command:
    """Return the command *name*, which imports what it needs to be parsed."""
    module = importlib.import_module(f"icesync.cli.commands.{module_of(name)}")
    command: click.Command = getattr(module, f"{name}_command" if name in _SHARED else "command")
    return command


class _Commands(Pages):
    """Knows all commands by name and imports the one that is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002
        cmd_name: str,
    ) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return load_command(cmd_name)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        width = max(map(len, COMMANDS))
        for title, group in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), line) for name, line in group.items()])


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\n"
    "New here?      icesync init, then icesync plan\n"
    "One command:   icesync help plan\n"
    "One rule:      icesync explain ICE303\n"
    "\n"
    f"Exit codes: {', '.join(f'{code} {word}' for code, word in EXIT_WORDS.items())}.",
)
@common_options
@click.version_option(
    None,
    "-V",
    "--version",
    package_name="icesync",
    message="icesync %(version)s",
    cls=GlobalOption,
)
def program() -> None:
    """
    Manage the email servers of the ICE contact-centre service as code.

    \b
    icesync validate          check the files
    icesync plan              show what would be sent
    icesync apply             send it
    """  # fmt: skip


def run(arguments: Sequence[str]) -> int:
    """Run the command line *arguments* and return the exit code; never raises."""
    _reopen_closed_streams()
    common = Common(commands=tuple(COMMANDS))
    with SIGNALS.installed():
        try:
            code = program.main(
                args=list(arguments),
                prog_name="icesync",
                standalone_mode=False,
                obj=common,
            )
            common.console.flush()
        except BaseException as error:  # noqa: BLE001 - the outermost door
            if _is_question(error) and error.ctx is not None:
                common.console.data(f"{error.ctx.get_help()}\n")
                return 0
            SIGNALS.leave()
            return _leave(error, common)
    return code if isinstance(code, int) else 0


def _is_question(error: BaseException) -> TypeGuard[click.UsageError]:
    """Return whether a command was named without anything: newer clicks call that an error."""
    return type(error).__name__ == "NoArgsIsHelpError"


def _reopen_closed_streams() -> None:
    """
    Put something where a standard stream was closed from outside.

    The next file that is opened would get its number, and what is meant for the
    stream would end up in there. A closed stdout still cannot be written to.
    """
    for number, (name, flags, mode) in enumerate(_STREAMS):
        if getattr(sys, name) is None:
            with suppress(OSError):
                os.fstat(number)
                continue
            os.open(os.devnull, flags)
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


_STREAMS: Final = (
    ("stdin", os.O_RDONLY, "r"),
    ("stdout", os.O_RDONLY, "w"),
    ("stderr", os.O_WRONLY, "w"),
)


def _leave(error: BaseException, common: Common) -> int:
    """Say what *error* means to the user and return its exit code."""
    try:
        return explain_error(error, common)
    except OSError:
        return EXIT_UNEXPECTED
    except MemoryError:
        with suppress(OSError):
            os.write(2, b"error: there is not enough memory\n")
        return EXIT_UNEXPECTED


def explain_error(error: BaseException, common: Common) -> int:
    """Say what *error* means to the user and return its exit code; stderr must be there."""
    from icesync.cli.error_report import describe, exit_code_of, is_output_error
    from icesync.render.findings import render_error

    try:
        sys.stdout.flush()
    except OSError as lost:
        _drop_output()
        if isinstance(error, OSError) and error.errno == lost.errno:
            error.filename = STDOUT_NAME
    failure = describe(error, debug=common.debug)
    if failure is None:
        return exit_code_of(error)
    if isinstance(error, ConfigError):
        _show_findings(error, common)
    console = common.console
    console.complain(render_error(failure.message, failure.hints, console.talk_style))
    if common.debug and failure.exit_code == EXIT_UNEXPECTED and not is_output_error(error):
        import traceback

        console.complain("".join(traceback.format_tb(error.__traceback__)))
    return failure.exit_code


def _drop_output() -> None:
    """Let go of what cannot be written: Python would try once more at shutdown, and complain."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_findings(error: ConfigError, common: Common) -> None:
    from icesync.diagnostics import Diagnostic

    common.console.complain_of(d for d in error.diagnostics if isinstance(d, Diagnostic))
