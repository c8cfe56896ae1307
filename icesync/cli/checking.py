"""The order of a scheduled check: plan, token, mail servers, what is due, exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.bootstrap import obtain_token
from icesync.cli.planning import ask_for_plan, show_facts
from icesync.cli.scoping import scoped
from icesync.engine.apply import check_token
from icesync.engine.check import look_after
from icesync.engine.secret_resolution import SecretsMode
from icesync.errors import EXIT_CHANGES, EXIT_OK
from icesync.model.plan import Selection

if TYPE_CHECKING:
    from pathlib import Path

    from icesync.cli.output import Output
    from icesync.cli.scoping import Scope

__all__ = ["check_fleet"]


def check_fleet(
    output: Output,
    scope: Scope,
    mode: SecretsMode,
    max_age: str | None,
    *,
    strict: bool,
    with_probe: bool,
    ca_file: Path | None,
) -> int:
    """Show what is open in *scope*, and return 2 when there is something to do."""
    narrowed = scoped(output.open(), Selection(), scope, output.console)
    context, api = narrowed.context, narrowed.context.project.api
    planning = ask_for_plan(
        context, narrowed.selection, secrets=mode, strict=strict, option_name=narrowed.option_name
    )
    output.planned(planning)
    show_facts(output.console, context, planning)
    given = api.token is not None and mode is SecretsMode.REQUIRE
    token = obtain_token(context) if given else None
    probe = None
    if with_probe:
        from icesync.cli.probing import look_at_mail

        probe = look_at_mail(context, output, planning, ca_file)
    snapshot, now = planning.stored.snapshot, context.clock.now()
    maintenance = look_after(planning.plan, snapshot, now, max_age, token, probe)
    output.looked_after(maintenance)
    if maintenance.stale:
        hint = f"icesync apply --resend older-than={max_age}   asserts them anew"
        output.console.talk(f"hint: {hint}")
    if token is not None:
        check_token(token, len(planning.plan.calls), api, context.clock)
    return EXIT_CHANGES if planning.plan.effective or maintenance.due else EXIT_OK
