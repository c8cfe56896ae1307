"""``icesync check``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from icesync.cli.help import Page
from icesync.cli.options import common_options, output_options, plan_options, read_age
from icesync.model.report import Command

if TYPE_CHECKING:
    from icesync.cli.output import Output
    from icesync.engine.plan import PlanRequest


@click.command(name="check", cls=Page)
@common_options
@click.option(
    "--max-age",
    metavar="AGE",
    callback=read_age,
    help="Also exit 2 if a server was last confirmed longer ago than this: 30d, 12h.",
)
@click.pass_obj
@output_options(Command.CHECK)
@plan_options(
    selected=False,
    secrets="require",
    probe="Also test all mail logins, and report certificates that expire within 21 days.",
)
def command(output: Output, request: PlanRequest, max_age: str | None) -> int:
    """
    Report what needs attention, for scheduled jobs.

    Exits 2 if anything does: changes that wait, an apply that would be blocked, calls
    whose outcome is unknown, servers that are in no file, old confirmations (--max-age),
    rejected logins and expiring certificates (--probe). Exits 4 when the token has
    expired. Nothing is written and nothing is sent. All secrets must be set; otherwise
    a rotated password could go unnoticed.

    \b
    icesync check || echo "needs attention: exit code $?"
    icesync check --max-age 30d --probe --report markdown=issue.md
    """
    import shlex

    from icesync.cli.options import own_words
    from icesync.engine.check import CheckRequest, check
    from icesync.errors import EXIT_CHANGES, EXIT_OK
    from icesync.render.text import check_verdict

    found = check(output.open(), CheckRequest(request, max_age), output)
    if found.maintenance.out_of_date:
        scope = own_words(without=frozenset({"max_age", "secrets_mode", "with_probe", "ca_file"}))
        words = ["icesync", "apply", "--resend", f"older-than={max_age}", *scope]
        output.console.talk(f"hint: run `{shlex.join(words)}` to send them again")
    code = EXIT_CHANGES if found.due else EXIT_OK
    blocked, plan = bool(found.planning.refusals), found.planning.plan
    output.console.talk(check_verdict(plan, found.maintenance, code, blocked=blocked))
    return code
