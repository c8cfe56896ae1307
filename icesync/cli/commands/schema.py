"""``icesync schema``."""

from __future__ import annotations

import click

from icesync.cli.options import Common, common_options

__all__ = ["command"]


@click.command(name="schema")
@click.argument("name", required=False)
@common_options
@click.pass_obj
def command(common: Common, name: str | None) -> int:
    """
    Print the JSON Schemas of the files, and of what icesync writes.

    NAME is printed (draft 2020-12); without one, the names are listed.

    \b
    icesync schema email-servers > .vscode/email-servers.schema.json
    """
    import difflib

    from icesync.config.schema import SCHEMAS
    from icesync.errors import UsageError
    from icesync.render.schemas import DOCUMENTS

    schemas = {**SCHEMAS, **DOCUMENTS}
    if name is None:
        common.console.data("".join(f"{known}\n" for known in schemas))
        return 0
    if name not in schemas:
        near = difflib.get_close_matches(name, schemas, n=1)
        hint = f"did you mean {near[0]}?" if near else f"one of: {', '.join(schemas)}"
        raise UsageError(f"no such schema: {ascii(name)[1:-1]}", hint)
    import json

    common.console.data(json.dumps(schemas[name], indent=2) + "\n")
    return 0
