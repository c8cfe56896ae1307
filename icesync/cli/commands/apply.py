"""``icesync apply``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from icesync.cli.help import Page
from icesync.cli.options import (
    common_options,
    lock_option,
    output_options,
    plan_options,
    read_duration,
)
from icesync.model.report import Command

if TYPE_CHECKING:
    from icesync.cli.output import Output
    from icesync.engine.plan import PlanRequest


@click.command(name="apply", cls=Page)
@click.argument("planfile", required=False, type=click.Path(path_type=Path))
@common_options
@click.option("-y", "--auto-approve", "--yes", "automatic", is_flag=True, help="Do not ask.")
@click.option(
    "--expect-digest", "digest", metavar="sha256:…", help="Abort unless the plan has this digest."
)
@click.option(
    "--parallelism",
    "concurrency",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Number of parallel calls; overrides `api.concurrency`.",
)
@click.option("--fail-fast", is_flag=True, help="Stop after the first failure.")
@click.option(
    "--settle",
    "settle_s",
    callback=read_duration,
    default="60s",
    metavar="TIME",
    help="After an uncertain call, wait this long before sending a different value.",
)
@click.option("--create-state", is_flag=True, help="Start a new state where there is none.")
@lock_option
@click.pass_obj
@output_options(Command.APPLY)
@plan_options()
def command(output: Output, request: PlanRequest, planfile: Path | None, **flags: Any) -> int:
    """
    Send the changes to ICE.

    A saved plan (PLANFILE) is applied exactly as reviewed, or not at all. Without
    one, apply asks for approval unless --auto-approve is given. Ctrl-C ends the run
    cleanly: calls in flight get five seconds. Where a remote store holds no state yet,
    apply asks on a terminal whether to start one, and otherwise needs --create-state.

    \b
    icesync apply
    icesync apply plan.json
    icesync apply --auto-approve --shard 2/5
    icesync apply --auto-approve --expect-digest sha256:9f1c…
    icesync apply --auto-approve --json | jq -c 'select(.event == "outcome")'
    """
    from icesync.cli.files import read_plan
    from icesync.engine.apply import ApplyRequest, apply
    from icesync.errors import EXIT_OK, StateMissing

    session = output.open()
    saved = read_plan(planfile, "`--target {}` sends some servers only")
    asked = ApplyRequest(request, saved, **flags)
    try:
        apply(session, asked, output)
    except StateMissing as missing:
        if asked.create_state or not output.may_create_state(missing):
            raise
        from dataclasses import replace

        apply(session, replace(asked, create_state=True), output)
    return EXIT_OK
