"""``icesync validate``."""

from __future__ import annotations

import click

from icesync.cli.options import Common, common_options, format_options, strict_option
from icesync.errors import ConfigError

__all__ = ["command"]


@click.command(name="validate")
@common_options
@strict_option
@format_options
@click.pass_obj
def command(common: Common, strict: bool, format_name: str, as_json: bool) -> int:
    r"""
    Check all files; offline, without secrets.

    Strict YAML, schema, references, and the rules about mail. Every finding of
    every file comes in one run, as file:line:column. Exit 3 with errors;
    warnings do not stop, unless --strict makes errors of them. What only informs
    is shown with -v and in JSON.

    A finding that is meant is excused where it fires, with a comment:
    # icesync: allow ICE304 the provider offers 465 only

    \b
    icesync validate
    icesync validate --strict
    icesync validate --json | jq '.diagnostics[].summary'
    """
    from icesync.diagnostics import Severity
    from icesync.engine.validate import validate
    from icesync.render.findings import diagnostics_document, render_diagnostics, render_totals

    context = common.open()
    console = common.console
    validation = validate(context.project, context.providers, strict=strict)
    found = validation.diagnostics
    if as_json or format_name == "json":
        console.document(diagnostics_document(found))
    else:
        shown = [d for d in found if console.verbose or d.severity is not Severity.INFO]
        console.data(render_diagnostics(shown, console.style))
    console.talk(render_totals(found, len(validation.desired.servers), validation.files))
    return ConfigError.exit_code if validation.errors else 0
