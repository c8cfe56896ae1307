"""``icesync validate``."""

from __future__ import annotations

import click

from icesync.cli.options import Common, common_options, format_options
from icesync.errors import ConfigError

__all__ = ["command"]


@click.command(name="validate")
@common_options
@format_options
@click.pass_obj
def command(common: Common, format_name: str, as_json: bool) -> int:
    """
    Check all files; offline, without secrets.

    Strict YAML, schema, references. Every finding of every file comes in one
    run, as file:line:column.

    \b
    icesync validate
    icesync validate --json | jq '.diagnostics[].summary'
    """
    from icesync.engine.validate import validate
    from icesync.render.findings import diagnostics_document, render_diagnostics

    context = common.open()
    console = common.console
    validation = validate(context.project, context.providers)
    if as_json or format_name == "json":
        console.document(diagnostics_document(validation.diagnostics))
    else:
        console.data(render_diagnostics(validation.diagnostics, console.style))
    if validation.errors:
        errors = _counted(len(validation.errors), "error")
        console.talk(f"{errors} in {_counted(validation.files, 'file')}")
        return ConfigError.exit_code
    servers = _counted(len(validation.desired.servers), "server")
    console.talk(f"valid: {servers} in {_counted(validation.files, 'file')}")
    return 0


def _counted(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"
