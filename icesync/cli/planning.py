"""What plan, apply and check have in common: ask for a plan, and show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync import __version__
from icesync.codec.plan import plan_digest, plan_document
from icesync.diagnostics import Diagnostic, Severity
from icesync.engine.plan import Planning, PlanRequest
from icesync.engine.plan import plan as make_planning
from icesync.engine.secret_resolution import SecretsMode, unfingerprinted
from icesync.model.desired import Move
from icesync.planner.moves import obsolete_entries
from icesync.planner.select import assumed, is_move_selected, is_selected
from icesync.render.findings import render_diagnostics
from icesync.render.plan import CANNOT_BE_READ, render_plan, render_refusals, spent_told
from icesync.render.state import age, oldest

if TYPE_CHECKING:
    from icesync.bootstrap import Context
    from icesync.cli.console import Console
    from icesync.model.desired import Removal
    from icesync.model.plan import Plan, Selection

__all__ = ["ask_for_plan", "show_facts", "show_plan"]


def ask_for_plan(
    context: Context,
    selection: Selection,
    allowed: tuple[str, ...] = (),
    secrets: SecretsMode = SecretsMode.AUTO,
    *,
    strict: bool = False,
    curious: bool = False,
    option_name: str | None = "--target",
) -> Planning:
    """Return the plan for *selection*; *allowed* are the arguments of ``--allow``."""
    now = context.clock.now()
    request = PlanRequest(
        selection, secrets, allowed, now, strict=strict, curious=curious, option_name=option_name
    )
    return make_planning(context.project, context.store, context.providers, request)


def show_plan(console: Console, plan: Plan, *, as_json: bool) -> None:
    """Write *plan* to stdout; a saved plan and a fresh one look the same."""
    if as_json:
        console.document(plan_document(plan, __version__))
    else:
        console.data(render_plan(plan, plan_digest(plan), console.style))


def show_facts(console: Console, context: Context, planning: Planning) -> None:
    """Say on stderr what the plan itself does not hold: warnings, guards, ages."""
    style = console.talk_style
    if not console.quiet:
        console.complain(render_diagnostics(_worth_saying(console, planning), style))
        console.complain(render_refusals(planning.refusals, style))
    if planning.unshown:
        noun = "1 warning" if planning.unshown == 1 else f"{planning.unshown} warnings"
        console.talk(f"note: {noun} about servers that do not change; icesync validate   shows all")
    recovered = planning.stored.recovered
    if recovered is not None and recovered.records:
        console.talk(
            f"note: an apply that never ended left {recovered.records} records in the journal; "
            f"{recovered.uncertain} outcomes are unknown and will be sent again"
        )
    spent = obsolete_entries(planning.desired, planning.stored.snapshot)
    if context.project.state.per is not None:
        # Of an organization that was not looked at, nothing is known.
        spent = tuple(entry for entry in spent if _is_looked_at(entry, planning.plan.selection))
    if spent:
        console.talk(f"note: nothing is left to do for {spent_told(spent)}")
    if context.project.fingerprint_key is None:
        console.talk(
            "note: secrets are not compared without `fingerprints.key`, so a rotation is not "
            "seen; icesync keygen   makes a key"
        )
    guessed = assumed(planning.stored.snapshot)
    if guessed:
        console.talk(
            f"note: ICE never acknowledged what the snapshot assumes of {len(guessed)} "
            f"server{'' if len(guessed) == 1 else 's'}; icesync apply --resend assumed   asserts it"
        )
    bare = unfingerprinted(planning.stored.snapshot) if planning.key is not None else 0
    if bare:
        console.talk(
            f"note: {bare} secrets have no fingerprint, so a rotation of them is not seen; "
            "icesync apply --resend all   makes them"
        )
    known = oldest(planning.stored.snapshot)
    if known is None:
        console.talk(f"note: {CANNOT_BE_READ}; so far nothing was")
    else:
        address, moment = known
        ago = age(moment, context.clock.now())
        console.talk(f"note: {CANNOT_BE_READ}; the oldest answer is {address}'s, {ago}")


def _is_looked_at(entry: Move | Removal, selection: Selection) -> bool:
    if isinstance(entry, Move):
        return is_move_selected(entry, selection)
    return is_selected(entry.address, selection)


def _worth_saying(console: Console, planning: Planning) -> list[Diagnostic]:
    """Return the warnings of *planning*, and with ``-v`` what only informs, too."""
    least = {Severity.INFO} if not console.verbose else set()
    return [d for d in planning.warnings if d.severity not in least]
