"""``icesync validate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from icesync.cli.options import common_options
from icesync.cli.reporting import output_options
from icesync.errors import ConfigError
from icesync.model.review import Command

if TYPE_CHECKING:
    from icesync.cli.output import Output

__all__ = ["command"]


@click.command(name="validate")
@common_options
@click.pass_obj
@output_options(Command.VALIDATE)
def command(output: Output) -> int:
    r"""
    Check all files; offline, without secrets.

    Strict YAML, schema, references. Every finding of every file comes in one
    run, as file:line:column.

    \b
    icesync validate
    icesync validate --json | jq '.diagnostics[].summary'
    icesync validate --report sarif=icesync.sarif --report junit=icesync.xml
    """
    from icesync.engine.validate import validate

    context = output.open()
    validation = validate(context.project, context.providers)
    output.validated(validation)
    files = _counted(len(validation.files), "file")
    if validation.errors:
        output.console.talk(f"{_counted(len(validation.errors), 'error')} in {files}")
        return ConfigError.exit_code
    servers = _counted(len(validation.desired.servers), "server")
    output.console.talk(f"valid: {servers} in {files}")
    return 0


def _counted(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"
