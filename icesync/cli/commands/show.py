"""``icesync show``."""

from __future__ import annotations

from pathlib import Path

import click

from icesync.cli.help import Page
from icesync.cli.options import Common, common_options, format_options, organization_option


@click.command(name="show", cls=Page)
@click.argument("planfile", required=False, type=click.Path(path_type=Path))
@common_options
@organization_option
@format_options
@click.pass_obj
def command(
    common: Common,
    planfile: Path | None,
    organization: int | None,
    as_json: bool,
) -> int:
    """
    Show a saved plan, or the state.

    A saved plan is shown exactly as `icesync plan` showed it.

    \b
    icesync show plan.json
    icesync show
    """
    from icesync.cli.files import read_plan

    saved = read_plan(planfile, "icesync state show {}")
    if saved is None:
        from icesync.cli.state_view import show_state

        show_state(common, organization, as_json=as_json)
        return 0
    from icesync.engine.plan import plan_digest, plan_document
    from icesync.render.plan import render_plan

    console = common.console
    if as_json:
        console.document(plan_document(saved))
    else:
        console.data(render_plan(saved, plan_digest(saved), console.style))
    return 0
