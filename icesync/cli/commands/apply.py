"""``icesync apply``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from icesync.cli.options import (
    common_options,
    lock_option,
    probe_options,
    read_duration,
    read_scope,
    scope_options,
    selection_options,
    strict_option,
)
from icesync.cli.output_options import output_options
from icesync.model.command_result import Command

if TYPE_CHECKING:
    from icesync.cli.output import Output

__all__ = ["command"]


@click.command(name="apply")
@click.argument("planfile", required=False, type=click.Path(path_type=Path))
@common_options
@selection_options
@scope_options
@strict_option
@click.option("-y", "--auto-approve", is_flag=True, help="Do not ask.")
@click.option("--expect-digest", metavar="sha256:…", help="Refuse any other plan.")
@click.option(
    "--parallelism",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Calls at a time, instead of `api.concurrency`.",
)
@click.option("--fail-fast", is_flag=True, help="Start no more calls after a failure.")
@click.option(
    "--settle",
    "settle_s",
    callback=read_duration,
    default="60",
    metavar="TIME",
    help="Wait so long after a call without an outcome before "
    "another value is sent.  [default: 60s]",
)
@probe_options
@lock_option
@click.pass_obj
@output_options(Command.APPLY)
def command(
    output: Output,
    planfile: Path | None,
    targets: tuple[str, ...],
    excludes: tuple[str, ...],
    resend: tuple[str, ...],
    allowed: tuple[str, ...],
    shard: str | None,
    organizations: tuple[int, ...],
    strict: bool,
    auto_approve: bool,
    expect_digest: str | None,
    parallelism: int | None,
    fail_fast: bool,
    settle_s: float,
    with_probe: bool,
    ca_file: Path | None,
    lock_timeout_s: float,
) -> int:
    """
    Send the changes, or those of a saved plan.

    A PLANFILE is carried out exactly as it was reviewed, or not at all. Asks on
    a terminal unless --auto-approve is given or a PLANFILE is the approval.
    Ctrl-C once ends cleanly: calls in flight get five seconds.

    \b
    icesync apply
    icesync apply plan.json
    icesync apply --auto-approve --shard 2/5
    icesync apply --auto-approve --expect-digest sha256:9f1c…
    icesync apply --auto-approve --json | jq -c 'select(.event == "outcome")'
    """
    from icesync.cli.applying import Approval, Pace, Probing, apply_plan
    from icesync.errors import UsageError
    from icesync.model.plan import Selection

    selection = Selection(targets, excludes, resend)
    scope = read_scope(shard, organizations)
    if planfile is not None and (selection != Selection() or shard or organizations):
        raise UsageError(
            "a saved plan says itself which servers it is about",
            "leave out --target, --exclude, --resend, --shard and --organization, "
            "or make a new plan with them",
        )
    probing = Probing(ca_file) if with_probe else None
    approval = Approval(planfile, expect_digest, allowed, auto_approve, strict, probing)
    pace = Pace(parallelism, settle_s, fail_fast=fail_fast)
    return apply_plan(
        output, selection, approval, scope=scope, pace=pace, lock_timeout_s=lock_timeout_s
    )
