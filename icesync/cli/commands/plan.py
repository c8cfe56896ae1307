"""``icesync plan``."""

from __future__ import annotations

from pathlib import Path

import click

from icesync.cli.options import (
    Common,
    common_options,
    format_options,
    probe_options,
    selection_options,
)

__all__ = ["command"]


@click.command(name="plan")
@common_options
@selection_options
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
@format_options
@click.pass_obj
def command(
    common: Common,
    targets: tuple[str, ...],
    excludes: tuple[str, ...],
    resend: tuple[str, ...],
    allowed: tuple[str, ...],
    out: Path | None,
    detailed_exitcode: bool,
    secrets_mode: str,
    with_probe: bool,
    ca_file: Path | None,
    format_name: str,
    as_json: bool,
) -> int:
    r"""
    Show what apply would send.

    Needs no API, no lock, and works without secrets.

    \b
    icesync plan
    icesync plan --target '59/*' -o plan.json
    icesync plan --detailed-exitcode; test $? -eq 2 && echo changes
    """
    from icesync import __version__
    from icesync.cli.files import write_private
    from icesync.cli.planning import ask_for_plan, show_facts, show_plan
    from icesync.codec.plan import encode_plan
    from icesync.engine.secrets import SecretsMode
    from icesync.errors import EXIT_CHANGES, EXIT_OK
    from icesync.model.plan import Selection

    context = common.open()
    console = common.console
    selection = Selection(targets, excludes, resend)
    planning = ask_for_plan(context, selection, allowed, SecretsMode(secrets_mode))
    as_json = as_json or format_name == "json"
    show_plan(console, planning.plan, as_json=as_json)
    if with_probe:
        from icesync.cli.probing import guard_by_probe

        planning = guard_by_probe(context, console, planning, allowed, ca_file, shown=not as_json)
    show_facts(console, context, planning)
    if out is not None:
        write_private(out, encode_plan(planning.plan, __version__))
        console.talk(f"saved: icesync apply {out}   carries out exactly this")
    return EXIT_CHANGES if detailed_exitcode and planning.plan.effective else EXIT_OK
