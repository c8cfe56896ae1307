"""``icesync import``."""

from __future__ import annotations

import click

from icesync.cli.help import Page
from icesync.cli.options import Common, common_options, lock_option


@click.command(name="import", cls=Page)
@click.argument("files", metavar="FILE...", nargs=-1)
@common_options
@click.option(
    "--map",
    "columns",
    multiple=True,
    metavar="COLUMN=SETTING,...",
    help='What a column is: "Contact=smtp.mailbox,imap.mailbox"; "Owner=" leaves it out.',
)
@click.option(
    "--set",
    "values",
    multiple=True,
    metavar="SETTING=VALUE",
    help="A value for all servers that have none: status=Enabled, preset=gmail.",
)
@click.option("--sheet", metavar="NAME", help="Which sheet of a workbook with several.")
@click.option(
    "--secrets",
    metavar="env:FILE|yaml:FILE|none",
    help="Where passwords go: variables for a shell, YAML for SOPS, or nowhere.",
)
@click.option(
    "--out",
    metavar="DIR",
    default="servers",
    help="Folder for the new server files, one per organization.",
)
@click.option("--as-is", is_flag=True, help="Take texts that look damaged, such as NULL or ####.")
@click.option(
    "-y",
    "--yes",
    "confirmed",
    is_flag=True,
    help="Change existing servers without asking.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be written; write nothing.")
@click.option(
    "--assume-in-sync",
    is_flag=True,
    help="Record them as the current state of ICE, unconfirmed.",
)
@click.option(
    "--template", type=click.Choice(["csv", "xlsx"]), help="Print a table to fill in, and end."
)
@lock_option
@click.pass_obj
def command(
    common: Common,
    files: tuple[str, ...],
    columns: tuple[str, ...],
    values: tuple[str, ...],
    sheet: str | None,
    secrets: str | None,
    out: str,
    as_is: bool,
    confirmed: bool,
    dry_run: bool,
    assume_in_sync: bool,
    template: str | None,
    lock_timeout_s: float,
) -> int:
    """
    Create server files from existing settings.

    FILE is a spreadsheet (.xlsx, or CSV of any program) with a row for each
    server, or UpdateEmailServer calls: JSON bodies, HAR, Postman, curl lines,
    .http; - is stdin. Columns are known by their usual names in English,
    German and French. All is written or nothing; importing the same again
    changes nothing, and changed rows are shown before they are written.

    \b
    icesync import --template xlsx > ../mailboxes.xlsx
    icesync import ../mailboxes.xlsx --secrets env:.icesync/passwords.env
    icesync import ../fleet.csv --map "Contact=smtp.mailbox,imap.mailbox" --dry-run
    curl -s http://127.0.0.1:8591/_emulator/servers | icesync import - --secrets none
    """
    from icesync.cli.importing import import_servers, print_template

    if template is not None:
        print_template(common, template)
        return 0
    if not files:
        raise click.MissingParameter(param_type="argument", param_hint="FILE")
    from icesync.engine.import_ import ImportRequest

    request = ImportRequest(
        (), out, columns, values, sheet or "", secrets, as_is, assume_in_sync, lock_timeout_s
    )
    import_servers(common, files, request, confirmed=confirmed, dry_run=dry_run)
    return 0
