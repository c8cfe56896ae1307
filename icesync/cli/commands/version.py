"""``icesync version``."""

from __future__ import annotations

import click

from icesync import __version__
from icesync.cli.help import Page
from icesync.cli.options import Common, common_options

__all__ = ["command"]


@click.command(name="version", cls=Page)
@common_options
@click.option(
    "--json", "as_json", is_flag=True, help="Include the versions of Python and libraries."
)
@click.pass_obj
def command(common: Common, as_json: bool) -> int:
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

    from icesync.bootstrap.machine import library_versions

    libraries = library_versions()
    python = platform.python_version()
    head = {"kind": "icesync-version", "format_version": "1.0"}
    document = {**head, "icesync": __version__, "python": python, "libraries": libraries}
    common.console.document(document)
    return 0
