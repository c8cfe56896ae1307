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
from icesync.cli.reporting import output_options
from icesync.model.review import Command

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
    from icesync.bootstrap import obtain_token
    from icesync.cli.planning import ask_for_plan, show_facts
    from icesync.cli.scoping import scoped
    from icesync.engine.apply import check_token
    from icesync.engine.check import look_after
    from icesync.engine.secrets import SecretsMode
    from icesync.errors import EXIT_CHANGES, EXIT_OK
    from icesync.model.plan import Selection

    scope = read_scope(shard, organizations)
    narrowed = scoped(output.open(), Selection(), scope, output.console)
    context, selection = narrowed.context, narrowed.selection
    mode, api = SecretsMode(secrets_mode), context.project.api
    planning = ask_for_plan(
        context, selection, secrets=mode, strict=strict, asked_by=narrowed.asked_by
    )
    given = api.token is not None and mode is SecretsMode.REQUIRE
    output.planned(planning)
    show_facts(output.console, context, planning)
    token = obtain_token(context) if given else None
    probe = None
    if with_probe:
        from icesync.cli.probing import look_at_mail

        probe = look_at_mail(context, output, planning, ca_file)
    snapshot, now = planning.stored.snapshot, context.clock.now()
    upkeep = look_after(planning.plan, snapshot, now, max_age, token, probe)
    output.looked_after(upkeep)
    if upkeep.stale:
        hint = f"icesync apply --resend older-than={max_age}   asserts them anew"
        output.console.talk(f"hint: {hint}")
    if token is not None:
        check_token(token, len(planning.plan.calls), api, context.clock)
    return EXIT_CHANGES if planning.plan.effective or upkeep.due else EXIT_OK
