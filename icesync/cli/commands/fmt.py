"""``icesync fmt``."""

from __future__ import annotations

import click

from icesync.cli.help import Page
from icesync.cli.options import Common, common_options, completing


@click.command(name="fmt", cls=Page)
@click.argument(
    "files", nargs=-1, shell_complete=completing("words"), metavar="[FILE|FOLDER|ADDR|-]..."
)
@common_options
@click.option("--check", is_flag=True, help="Write nothing; exit 3 if a file is not formatted.")
@click.option("--diff", is_flag=True, help="Like --check, and show what would change.")
@click.pass_obj
def command(common: Common, files: tuple[str, ...], check: bool, diff: bool) -> int:  # fmt: skip
    """
    Format files, keeping comments.

    Sorts keys into documentation order and indents by two spaces. Values and long
    lines are not rewritten, so the meaning never changes. Without FILE, formats all
    files of the configuration; `-` formats stdin to stdout. Prettier uses another
    style: `icesync init` adds the files to .prettierignore.

    \b
    icesync fmt
    icesync fmt --check --diff servers/59.yaml
    icesync fmt 59/663
    icesync fmt - < servers/59.yaml
    """
    from icesync.cli.files import replace_text
    from icesync.cli.fmt_view import format_stdin, report
    from icesync.engine.fmt import chosen_files, format_files
    from icesync.errors import UsageError

    looking = check or diff
    if "-" in files:
        if len(files) > 1:
            raise UsageError("`-` (stdin) cannot be combined with files", "icesync fmt --help")
        return format_stdin(common.console, looking=looking, diff=diff)
    session = common.open()
    chosen = chosen_files(session, common.words(files, session.project.root))
    formatting = format_files(session.project, chosen, None if looking else replace_text)
    return report(common.console, formatting, diff=diff, looking=looking)
