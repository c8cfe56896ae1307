"""``icesync fmt``."""

from __future__ import annotations

import click

from icesync.cli.options import Common, common_options

__all__ = ["command"]


@click.command(name="fmt")
@click.argument("files", nargs=-1, metavar="[FILE|FOLDER|-]...")
@common_options
@click.option("--check", is_flag=True, help="Write nothing; exit 3 if a file is not in shape.")
@click.option("--diff", is_flag=True, help="The same, and show what would change.")
@click.pass_obj
def command(common: Common, files: tuple[str, ...], check: bool, diff: bool) -> int:  # fmt: skip
    """
    Lay out files in one style; comments stay.

    Keys in the order of the documentation, two blanks a level, nothing wrapped
    or spelled anew, so that the meaning stays the same. Without FILE: all files
    of the configuration. With `-`: from stdin to stdout.

    \b
    icesync fmt
    icesync fmt --check --diff servers/59.yaml
    icesync fmt - < servers/59.yaml
    """
    from icesync.cli.formatting import format_stdin, report, write
    from icesync.engine.fmt import format_files
    from icesync.errors import UsageError

    looking = check or diff
    if "-" in files:
        if len(files) > 1:
            raise UsageError("`-` stands alone: stdin, or files", "icesync fmt --help")
        return format_stdin(common.console, looking=looking, diff=diff)
    project = common.open().project
    formatting = format_files(project, [common.relative(file, project.root) for file in files])
    if not looking:
        write(project.root, formatting)
    return report(common.console, formatting, diff=diff, looking=looking)
