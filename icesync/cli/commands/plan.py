"""``icesync plan``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from icesync.cli.help import Page
from icesync.cli.options import chosen_servers, common_options, output_options, plan_options
from icesync.model.report import Command

if TYPE_CHECKING:
    from icesync.cli.output import Output
    from icesync.engine.plan import PlanRequest


@click.command(name="plan", cls=Page)
@common_options
@chosen_servers()
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Save the plan for `icesync apply FILE`.",
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 if there are changes.")
@click.pass_obj
@output_options(Command.PLAN)
@plan_options(secrets="auto")
def command(
    output: Output,
    request: PlanRequest,
    words: tuple[str, ...],
    since: str | None,
    out: Path | None,
    detailed_exitcode: bool,
) -> int:
    """
    Show what apply would send.

    Needs no API and no lock, and works without secrets. Warnings are shown for the
    servers that change; others are counted.

    With FILE, FOLDER or ADDR only those servers are planned: those in a server file
    or below a folder, those that a defaults file applies to, 59/663, '59/*'.

    \b
    icesync plan
    icesync plan servers/support 59/663
    icesync plan --since origin/main
    icesync plan --target '59/*' -o plan.json
    icesync plan --shard 2/5
    icesync plan --detailed-exitcode; test $? -eq 2 && echo changes
    icesync plan --report markdown=plan.md --report gitlab-terraform=tf.json
    """
    import shlex
    from dataclasses import replace

    from icesync.engine.plan import plan, stream_plan
    from icesync.errors import EXIT_CHANGES, EXIT_OK

    session = output.open()
    words = output.common.words(words, session.project.root)
    scope = replace(request.scope, words=words, since=since)
    planning = plan(session, replace(request, scope=scope), output)
    if out is not None:
        from icesync.cli.files import is_stream, write_private

        write_private(out, stream_plan(planning.plan))
    if out is not None and not is_stream(out):
        output.saved_plan = out
        allowed = [word for name in request.allowed for word in ("--allow", name)]
        command = shlex.join(["icesync", "apply", str(out), *allowed])
        message = f"To apply exactly this plan: {command}"
        if not planning.plan.complete:
            message = "It is incomplete: it can be reviewed, but not applied."
        output.console.talk(f"Plan saved. {message}")
    # What a secret store did not tell may be a change.
    found = planning.plan.effective or planning.plan.unanswered
    return EXIT_CHANGES if detailed_exitcode and found else EXIT_OK
