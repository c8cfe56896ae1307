"""``icesync validate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from icesync.cli.help import Page
from icesync.cli.options import chosen_servers, common_options, output_options, strict_option
from icesync.cli.watching import watchable
from icesync.errors import ConfigError
from icesync.model.report import Command

if TYPE_CHECKING:
    from icesync.cli.output import Output


@click.command(name="validate", cls=Page)
@common_options
@chosen_servers()
@strict_option
@click.pass_obj
@watchable
@output_options(Command.VALIDATE)
def command(output: Output, words: tuple[str, ...], since: str | None, strict: bool) -> int:
    """
    Check all files; offline, without secrets.

    Checks YAML, schema, references and the rules about email, and reports all problems
    of all files in one run. Exits 3 on errors, with --strict also on warnings.
    Informational findings are shown with -v and in JSON.

    To suppress an intended finding, add a comment on its line or above it:

    \b
    # icesync: allow ICE309 the provider has no other port

    With FILE, FOLDER or ADDR only what concerns those is shown; all files are read.

    \b
    icesync validate
    icesync validate servers/59.yaml
    icesync validate --since origin/main
    icesync validate --watch
    icesync validate --strict
    icesync validate --json | jq '.diagnostics[].summary'
    icesync validate --report sarif=icesync.sarif --report junit=icesync.xml
    """
    from icesync.engine.validate import validate
    from icesync.render.findings import render_totals

    session = output.open()
    words = output.common.words(words, session.project.root)
    validation = validate(session, words, since=since, strict=strict, view=output)
    servers, files = len(validation.desired.servers), len(validation.files)
    output.console.talk(render_totals(validation.diagnostics, servers, files))
    return ConfigError.exit_code if validation.errors else 0
