"""``icesync schema`` and ``version``: what this icesync understands."""

from __future__ import annotations

import click

from icesync import __version__
from icesync.cli.help import Page
from icesync.cli.options import Common, common_options, completing
from icesync.errors import printable


@click.command(name="schema", cls=Page)
@click.argument("name", required=False, shell_complete=completing("schemas"))
@common_options
@click.option(
    "--draft",
    type=click.Choice(["2020-12", "7"]),
    default="2020-12",
    help="Draft of JSON Schema; older editors need 7.",
)
@click.option("--plain", is_flag=True, help="Omit what only editors use, for ajv --strict.")
@click.pass_obj
def schema_command(common: Common, name: str | None, draft: str, plain: bool) -> int:  # fmt: skip
    """
    Print the JSON Schemas of input files and reports.

    Without NAME, lists the names. `icesync init --editor` writes those of the files that
    you edit, and configures the editor.

    \b
    icesync schema
    icesync schema email-servers > schemas/email-servers.schema.json
    """
    import difflib

    from icesync.engine.explain import file_schemas, print_file_schema
    from icesync.errors import UsageError
    from icesync.render.documents import DOCUMENTS

    own = file_schemas()
    schemas = [*own, *DOCUMENTS]
    if name is None:
        common.console.data("".join(f"{known}\n" for known in schemas))
        return 0
    if name not in schemas:
        near = difflib.get_close_matches(name, schemas, n=1)
        hint = f"did you mean {near[0]}?" if near else f"one of: {', '.join(schemas)}"
        raise UsageError(f"unknown schema {printable(name)}", hint)
    if name in own:
        common.console.data(print_file_schema(name, draft, plain=plain))
    elif draft == "2020-12":
        common.console.document(DOCUMENTS[name])
    else:
        raise UsageError(f"{name} is available in draft 2020-12 only", f"icesync schema {name}")
    return 0


@click.command(name="version", cls=Page)
@common_options
@click.option(
    "--json", "as_json", is_flag=True, help="Include the versions of Python and libraries."
)
@click.pass_obj
def version_command(common: Common, as_json: bool) -> int:
    """
    Print the version.

    \b
    icesync version
    icesync version --json
    """
    if not as_json:
        common.console.data(f"icesync {__version__}\n")
        return 0
    import platform

    from icesync.bootstrap.installation import library_versions

    libraries = library_versions()
    python = platform.python_version()
    head = {"kind": "icesync-version", "format_version": "1.0"}
    document = {**head, "icesync": __version__, "python": python, "libraries": libraries}
    common.console.document(document)
    return 0
