"""``icesync import``."""

from __future__ import annotations

import click

from icesync.cli.help import Page
from icesync.cli.options import Common, common_options, lock_option

__all__ = ["command"]


@click.command(name="import", cls=Page)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@common_options
@click.option(
    "--out",
    metavar="DIR",
    default="servers",
    help="Folder for the new server files, one per organization.",
)
@click.option(
    "--secrets",
    metavar="KIND:FILE",
    help="Where to save imported passwords: env:FILE or yaml:FILE (for SOPS).",
    show_default="discard",
)
@click.option(
    "--assume-in-sync",
    is_flag=True,
    help="Record them as the current state of ICE, unconfirmed.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be written; write nothing.")
@lock_option
@click.pass_obj
def command(
    common: Common,
    files: tuple[str, ...],
    out: str,
    secrets: str | None,
    assume_in_sync: bool,
    dry_run: bool,
    lock_timeout_s: float,
) -> int:
    """
    Create server files from existing settings.

    FILE holds request bodies, one, a list or one a line, also as the vendor
    prints them; or CSV with a header in the names of requests or of server
    files; - is stdin. All is written or nothing, and nothing is overwritten.

    \b
    icesync import bodies.json --dry-run
    icesync import fleet.csv --secrets env:.icesync/passwords.env
    curl -s http://127.0.0.1:8591/_emulator/servers | icesync import -
    """
    from icesync.cli.importing import ImportOptions, import_servers

    options = ImportOptions(out, secrets, assume_in_sync, dry_run, lock_timeout_s)
    import_servers(common, files, options)
    return 0
