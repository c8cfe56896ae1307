"""``icesync check``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from icesync.cli.options import (
    ca_file_option,
    check_age,
    common_options,
    read_scope,
    scope_options,
    strict_option,
)
from icesync.cli.output_options import output_options
from icesync.model.command_result import Command

if TYPE_CHECKING:
    from pathlib import Path

    from icesync.cli.output import Output

__all__ = ["command"]


@click.command(name="check")
@common_options
@scope_options
@strict_option
@click.option(
    "--secrets",
    "secrets_mode",
    type=click.Choice(["auto", "require", "skip"]),
    default="require",
    show_default=True,
    help="As for plan.",
)
@click.option(
    "--max-age",
    metavar="AGE",
    callback=check_age,
    help="Exit 2 also when an acknowledgement is older: 30d, 12h.",
)
@click.option(
    "--probe",
    "with_probe",
    is_flag=True,
    help="Log in to all mail servers, too: who says no, which certificates end in 21 days?",
)
@ca_file_option
@click.pass_obj
@output_options(Command.CHECK)
def command(
    output: Output,
    shard: str | None,
    organizations: tuple[int, ...],
    strict: bool,
    secrets_mode: str,
    max_age: str | None,
    with_probe: bool,
    ca_file: Path | None,
) -> int:
    """
    For schedules: exit 2 when there is something to do.

    Shows what differs from what was last acknowledged, calls whose outcome is
    unknown, orphans, the oldest answers and the end of the token. Exits 4 when
    the token has ended. --probe adds certificates near their end and mail servers
    that say no. Nothing is written and nothing is sent. Secrets must be
    there, so that a rotation cannot be missed because a variable was.

    \b
    icesync check || echo "look at it: exit code $?"
    icesync check --max-age 30d --probe --report markdown=issue.md
    """
    from icesync.cli.checking import check_fleet
    from icesync.engine.secret_resolution import SecretsMode

    scope, mode = read_scope(shard, organizations), SecretsMode(secrets_mode)
    return check_fleet(
        output, scope, mode, max_age, strict=strict, with_probe=with_probe, ca_file=ca_file
    )
