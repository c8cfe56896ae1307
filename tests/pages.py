"""Reviews that fill a page: each action, each outcome, many servers, and texts that attack."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from builders import BASE_URL, SETTINGS, every_action
from probes import hostile_probe
from reviews import REVIEWS

from icesync.diagnostics import SourcePosition
from icesync.model.desired import Address
from icesync.model.pipeline import Pipeline
from icesync.model.plan import Action, FieldChange, Plan, ResourceChange
from icesync.model.report import (
    Acknowledgement,
    Command,
    CommandResult,
    Failure,
    Outcome,
    OutcomeKind,
)
from icesync.render import RenderContext

__all__ = ["ATTACKS", "PAGES", "VIEW", "at_forge", "attacked", "large"]

VIEW: Final = RenderContext(version="0.1.0", now=datetime(2026, 3, 1, 12, tzinfo=UTC))

ATTACKS: Final = (
    "</script><script>window.hurt = 1</script>",
    "</style><img src=x onerror='window.hurt = 2'>",
    '"><svg onload="window.hurt = 3">',
    "' onmouseover='window.hurt = 4' x='",
    "javascript:window.hurt = 5",
    "{{ 7 * 7 }}{% raw %}",
    "<!-- &lt;b&gt; &#x3c;",
    "\u202egnp.exe\u2066\x1b[31m\x00",
)
"""Texts that would do something if they were anything but text."""


def _known() -> tuple[Acknowledgement, ...]:
    """Return when some of the servers of :func:`builders.every_action` were acknowledged."""
    moments = ("2024-01-01T00:00:00Z", "2025-12-01T00:00:00Z", "2026-02-27T00:00:00Z")
    return tuple(
        map(Acknowledgement, moments, (change.address for change in every_action().changes[1:]))
    )


_FAILURE: Final = Failure("3 of 5 changes were not applied", ("icesync apply",), 7)

PAGES: Final = {
    "plan": replace(REVIEWS["plan"], assertions=_known()),
    "apply": replace(REVIEWS["apply"], assertions=_known(), failure=_FAILURE),
    "check": replace(REVIEWS["check"], assertions=_known()),
    "plan-probed": replace(REVIEWS["plan-probed"], assertions=_known()),
    "check-probed": REVIEWS["check-probed"],
    "probe": REVIEWS["probe"],
    "findings": REVIEWS["validate-findings"],
    "stopped": REVIEWS["plan-locked"],
}
"""One review for each kind of page."""


def large(servers: int, changed: int, *, alike: bool = False) -> CommandResult:
    """
    Return the plan of a fleet of which the first *changed* are updated, ten organizations.

    Each changes on a line of its own, or all of them *alike*.
    """
    place = SourcePosition("servers/1.yaml", 7)
    before, after = {**SETTINGS, "smtp.port": 465}, SETTINGS
    changes = tuple(
        ResourceChange(
            Address(1 + n * 10 // servers, 1 + n),
            Action.UPDATE if n < changed else Action.NO_OP,
            before if n < changed else after,
            after,
            fields=(FieldChange("smtp.port", 465, 587, place._replace(line=7 if alike else 7 + n)),)
            if n < changed
            else (),
            name=f"Desk {n}",
        )
        for n in range(servers)
    )
    assertions = tuple(
        Acknowledgement("2026-02-01T00:00:00Z", change.address) for change in changes
    )
    plan = Plan(BASE_URL, "lineage", 4, changes)
    return CommandResult(Command.PLAN, servers=servers, plan=plan, assertions=assertions)


def attacked(review: CommandResult) -> CommandResult:
    """Return *review* with an attack in every text that comes from outside."""
    attack = " ".join(ATTACKS)
    place = SourcePosition(f"servers/{attack}.yaml", 3)
    plan = review.plan
    if plan is not None:
        changes = tuple(
            replace(
                change, name=attack, place=place,
                fields=(FieldChange(attack, attack, attack, place), *change.fields),
                secrets=tuple(replace(s, place=place) for s in change.secrets),
            )
            for change in plan.changes
        )  # fmt: skip
        plan = replace(plan, base_url=attack, changes=changes)
    report = review.report
    if report is not None:
        hurt = Outcome(OutcomeKind.REJECTED, attack)
        results = tuple(replace(r, outcome=hurt) for r in report.results)
        report = replace(report, results=results, stopped=attack)
    probe = hostile_probe(attack, place) if review.probe is not None else None
    return replace(
        review, plan=plan, report=report, probe=probe,
        failure=Failure(attack, (attack,), 1), exit_code=1,
        refusals=tuple(replace(r, message=attack, allow=attack) for r in review.refusals),
        findings=tuple(
            replace(f, message=attack, hint=attack, rule=attack, position=place)
            for f in review.findings
        ),
    )  # fmt: skip


def at_forge(url: str) -> RenderContext:
    """Return a view whose files can be looked at below *url*."""
    return replace(VIEW, ci=Pipeline(commit="0123456789abcdef", files_url=url))
