"""``icesync show``."""

from __future__ import annotations

from pathlib import Path

import click

from icesync.cli.options import Common, common_options, format_options, organization_option

__all__ = ["command"]


@click.command(name="show")
@click.argument("planfile", required=False, type=click.Path(path_type=Path))
@common_options
@organization_option
@format_options
@click.pass_obj
def command(
    common: Common,
    planfile: Path | None,
    organization: int | None,
    format_name: str,
    as_json: bool,
) -> int:
    """
    Show a saved plan, or the snapshot.

    A PLANFILE is shown as plan showed it.

    \b
    icesync show plan.json
    icesync show
    """
    as_json = as_json or format_name == "json"
    if planfile is None:
        from icesync.cli.snapshots import show_snapshot

        show_snapshot(common, organization, as_json=as_json)
        return 0
    from icesync.cli.files import read_named
    from icesync.cli.planning import show_plan
    from icesync.codec.plan import decode_plan

    show_plan(common.console, decode_plan(read_named(planfile)), as_json=as_json)
    return 0
