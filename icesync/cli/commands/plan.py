"""``icesync plan``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from icesync.cli.options import (
    common_options,
    probe_options,
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


@click.command(name="plan")
@common_options
@selection_options
@scope_options
@strict_option
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Save the plan, for apply FILE.",
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there are changes.")
@click.option(
    "--secrets",
    "secrets_mode",
    type=click.Choice(["auto", "require", "skip"]),
    default="auto",
    show_default=True,
    help="auto: compare those that are there; require: all; skip: none.",
)
@probe_options
@click.pass_obj
@output_options(Command.PLAN)
def command(
    output: Output,
    targets: tuple[str, ...],
    excludes: tuple[str, ...],
    resend: tuple[str, ...],
    allowed: tuple[str, ...],
    shard: str | None,
    organizations: tuple[int, ...],
    strict: bool,
    out: Path | None,
    detailed_exitcode: bool,
    secrets_mode: str,
    with_probe: bool,
    ca_file: Path | None,
) -> int:
    """
    Show what apply would send.

    Needs no API, no lock, and works without secrets. Warnings are shown for the
    servers that change; the others are counted.

    \b
    icesync plan
    icesync plan --target '59/*' -o plan.json
    icesync plan --shard 2/5
    icesync plan --detailed-exitcode; test $? -eq 2 && echo changes
    icesync plan --report markdown=plan.md --report gitlab-terraform=tf.json
    """
    from icesync import __version__
    from icesync.cli.files import write_private
    from icesync.cli.planning import ask_for_plan, show_facts
    from icesync.cli.scoping import scoped
    from icesync.codec.plan import encode_plan
    from icesync.engine.secret_resolution import SecretsMode
    from icesync.errors import EXIT_CHANGES, EXIT_OK
    from icesync.model.plan import Selection

    selection, scope = Selection(targets, excludes, resend), read_scope(shard, organizations)
    narrowed = scoped(output.open(), selection, scope, output.console)
    context, selection = narrowed.context, narrowed.selection
    mode, curious = SecretsMode(secrets_mode), output.console.verbose > 0
    planning = ask_for_plan(
        context, selection, allowed, mode, strict=strict, curious=curious,
        option_name=narrowed.option_name,
    )  # fmt: skip
    output.planned(planning)
    if with_probe:
        from icesync.cli.probing import guard_by_probe

        planning = guard_by_probe(context, output, planning, allowed, ca_file)
    show_facts(output.console, context, planning)
    if out is not None:
        write_private(out, encode_plan(planning.plan, __version__))
        output.saved_plan = out
        output.console.talk(f"saved: icesync apply {out}   carries out exactly this")
    return EXIT_CHANGES if detailed_exitcode and planning.plan.effective else EXIT_OK
