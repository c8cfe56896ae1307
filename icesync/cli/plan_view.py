"""What is said about a plan on stderr, beside the plan itself: warnings, guards, ages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.diagnostics import Severity
from icesync.engine.state import told_of_dead_run, told_of_running
from icesync.render.findings import render_diagnostics
from icesync.render.plan import caveat, render_refusals, spent_told
from icesync.render.state import age, oldest
from icesync.render.style import counted

if TYPE_CHECKING:
    from datetime import datetime

    from icesync.cli.console import Console
    from icesync.engine.plan import Planning


def show_facts(console: Console, planning: Planning, now: datetime) -> None:
    """Say what the plan itself does not hold."""
    style = console.talk_style
    if not console.quiet:
        least = set() if console.verbose else {Severity.INFO}
        shown = [d for d in planning.warnings if d.severity not in least]
        every = console.verbose > 0
        console.complain(render_diagnostics(shown, style, every=every))
        console.complain(render_refusals(planning.refusals, style, every=every))
    if planning.unshown:
        noun = "1 warning" if planning.unshown == 1 else f"{planning.unshown} warnings"
        console.talk(f"note: {noun} for unchanged servers not shown; run `icesync validate`")
    stored = planning.stored
    if stored.running is not None:
        console.talk(f"note: {told_of_running(stored.running)}")
    elif stored.recovered is not None and stored.recovered.records:
        console.talk(f"note: {told_of_dead_run(stored.recovered, saved=False)}")
    if planning.obsolete:
        console.talk(f"note: {spent_told(planning.obsolete)}")
    if planning.project.fingerprint_key is None:
        console.talk(
            "note: no fingerprint key, so rotated passwords are not detected; run "
            "`icesync keygen` to create one"
        )
    if planning.assumed:
        count = len(planning.assumed)
        console.talk(
            f"note: {counted(count, 'server')} recorded as unconfirmed; run `icesync apply "
            "--resend unconfirmed` to send them"
        )
    if planning.unfingerprinted:
        console.talk(
            f"note: {counted(planning.unfingerprinted, 'password')} without a fingerprint, "
            "so a rotation is not detected; run `icesync apply --resend all` to record "
            "them"
        )
    _show_ages(console, planning, now)


def _show_ages(console: Console, planning: Planning, now: datetime) -> None:
    """Say how old what is known is."""
    ahead = planning.from_the_future(now)
    if ahead:
        console.talk(
            f"note: {counted(len(ahead), 'confirmation')} dated in the future (first: "
            f"{ahead[0]}); a clock was wrong, so the age is unknown"
        )
    entries = planning.stored.snapshot.entries.values()
    confirmed = [entry.applied_at for entry in entries if entry.applied_at]
    if text := caveat(planning.plan, confirmed, now):
        known = oldest(planning.stored.snapshot)
        since = f" (oldest: {known[0]}, {age(known[1], now)})" if known else ""
        console.talk(f"note: {text}{since}")
