"""``icesync check``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from icesync.cli.options import common_options, plan_options, read_age
from icesync.cli.output_options import output_options
from icesync.model.command_result import Command

if TYPE_CHECKING:
    from icesync.cli.output import Output
    from icesync.engine.plan import PlanRequest


@click.command(name="check")
@common_options
@click.option(
    "--max-age",
    metavar="AGE",
    callback=read_age,
    help="Exit 2 also when an acknowledgement is older: 30d, 12h.",
)
@click.pass_obj
@output_options(Command.CHECK)
@plan_options(
    selected=False,
    secrets="require",
    probe="Log in to all mail servers, too: which reject, which certificates end in 21 days?",
)
def command(output: Output, wanted: PlanRequest, max_age: str | None) -> int:
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
    from icesync.engine.check import CheckRequest, check
    from icesync.errors import EXIT_CHANGES, EXIT_OK

    found = check(output.open(), CheckRequest(wanted, max_age), output)
    if found.maintenance.stale:
        hint = f"icesync apply --resend older-than={max_age}   asserts them anew"
        output.console.talk(f"hint: {hint}")
    return EXIT_CHANGES if found.due else EXIT_OK
