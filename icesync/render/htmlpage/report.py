"""The page of an apply: the plan's changes and the outcome of each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from icesync.codec.plan import plan_digest
from icesync.errors import counted
from icesync.model.plan import Action, Plan, ResourceChange
from icesync.model.report import CommandResult, Report, Result, ResultStatus
from icesync.model.snapshot import utc_text
from icesync.render.htmlpage.cards import Ending, outcome_cards
from icesync.render.htmlpage.charts import bar_of, timeline_of
from icesync.render.htmlpage.page import Alert, Fact, Item, Sheet, Status
from icesync.render.htmlpage.plan import (
    QUIET,
    ages_of,
    alerts_of,
    facts_of,
    groups_of,
    parted,
    rests_of,
    tiles_by,
)
from icesync.render.report import MEANINGS, retry_command, spell_seconds, spent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.model.desired import Address
    from icesync.render import RenderContext

_STATUSES: Final = {
    ResultStatus.FAILED: ("failed", "x", "bad"),
    ResultStatus.UNCERTAIN: ("uncertain", "!", "warn"),
    ResultStatus.NOT_ATTEMPTED: ("skipped", "-", "calm"),
    ResultStatus.APPLIED: ("applied", "+", ""),
}
"""The class of colours of each end, its symbol, and how loud it is at the top."""

_NOT_IN_FILES: Final = Status("not-in-any-file", "?", "no longer in any file", 1)
_LISTED: Final = 20


def report_sheet(review: CommandResult, plan: Plan, report: Report, view: RenderContext) -> Sheet:
    """Return the page of an apply of *plan* that ended as *report*."""
    results = {result.address: result for result in report.results}
    tones = _tones(report, plan)
    loud, quiet = parted(plan)
    acknowledged = _acknowledged(review, report, view)
    return Sheet(
        view=view,
        kind=review.command.value,
        headline=_headline(report),
        subtitle=f"{counted(len(report.results), 'change')} in {spell_seconds(report.elapsed_s)}.",
        facts=[*facts_of(plan, view), Fact("state now", f"serial {report.serial:,}")],
        alerts=[*_alerts(report), *alerts_of(review)],
        tones=tones,
        bar=bar_of(tones),
        groups=groups_of(plan),
        group_word="organization",
        cards_title="Outcomes",
        cards=outcome_cards(loud, {address: _ending(r) for address, r in results.items()}, view.ci),
        nothing="Nothing to send.",
        rest=rests_of(quiet, acknowledged, view.now),
        tiles=tiles_by(plan, tones, lambda change: _key(change, results)),
        ages=ages_of(plan, acknowledged, view),
        timeline=timeline_of(report),
        digest=plan_digest(plan),
    )


def _acknowledged(review: CommandResult, report: Report, view: RenderContext) -> dict[Address, str]:
    """Return when each server was acknowledged, this apply included."""
    known = {assertion.address: assertion.applied_at for assertion in review.assertions}
    if view.now is not None:
        now = utc_text(view.now)
        known |= {result.address: now for result in report.with_status(ResultStatus.APPLIED)}
    return known


def _headline(report: Report) -> str:
    counts = [
        f"{n:,} {status}" for status in ResultStatus if (n := len(report.with_status(status)))
    ]
    message = ", ".join(counts) or "nothing to send"
    return f"{'Complete' if report.complete else 'Incomplete'}: {message}"


def _tones(report: Report, plan: Plan) -> list[Status]:
    tones = [
        Status(key, symbol, status.value, len(report.with_status(status)))
        for status, (key, symbol, _) in _STATUSES.items()
    ]
    tones.append(replace(_NOT_IN_FILES, count=plan.count(Action.NOT_IN_FILES)))
    tones.append(Status(QUIET, "", "unchanged", plan.count(Action.NO_OP)))
    return [tone for tone in tones if tone.count]


def _key(change: ResourceChange, results: Mapping[Address, Result]) -> str:
    """Return how *change* ended, or what it is where there was nothing to carry out."""
    result = results.get(change.address)
    return _STATUSES[result.status][0] if result else change.action.value


def _ending(result: Result) -> Ending:
    key, symbol, _ = _STATUSES[result.status]
    return Ending(
        Status(key, symbol, result.status.value, 1),
        result.outcome.detail if result.outcome else "",
        spent(result),
    )


def _alerts(report: Report) -> list[Alert]:
    alerts = []
    if report.stopped is not None:
        alerts.append(Alert("bad", "The run stopped early", [Item(report.stopped)]))
    for status, (_, _, loudness) in _STATUSES.items():
        results = report.with_status(status)
        if results and loudness:
            title = f"{status.capitalize()}: {MEANINGS[status]}"
            items = [_item(result) for result in results[:_LISTED]]
            if len(results) > _LISTED:
                items.append(Item(f"and {len(results) - _LISTED} more"))
            alerts.append(Alert(loudness, title, items))
    if not report.complete:
        item = Item("To retry only these:", command=retry_command(report))
        alerts.append(Alert("calm", "What to run next", [item]))
    return alerts


def _item(result: Result) -> Item:
    message = result.outcome.detail if result.outcome else ""
    return Item(message, anchor=str(result.address))
