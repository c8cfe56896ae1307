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
    help="Exit 2 also when a confirmation is older: 30d, 12h.",
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

    Shows what differs from what ICE last confirmed, calls whose outcome is
    unknown, servers in no file, the oldest answers and the end of the token. Exits 4
    when the token has expired. --probe adds certificates that expire soon and rejected
    logins. Nothing is written and nothing is sent. All secrets must be set, so
    that no rotation is missed.

    \b
    icesync check || echo "look at it: exit code $?"
    icesync check --max-age 30d --probe --report markdown=issue.md
    """
    import shlex

    from icesync.cli.command_line import own_words
    from icesync.engine.check import CheckRequest, check
    from icesync.errors import EXIT_CHANGES, EXIT_OK

    found = check(output.open(), CheckRequest(wanted, max_age), output)
    if found.maintenance.stale:
        scope = own_words(without=frozenset({"max_age", "secrets_mode", "with_probe", "ca_file"}))
        words = ["icesync", "apply", "--resend", f"older-than={max_age}", *scope]
        hint = f"{shlex.join(words)}   sends them again"
        output.console.talk(f"hint: {hint}")
    return EXIT_CHANGES if found.due else EXIT_OK
