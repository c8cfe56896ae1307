"""The page of a plan: its changes as cards, in the words of the terminal."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from icesync.codec.plan import plan_digest
from icesync.diagnostics import Diagnostic, Severity
from icesync.errors import ApplyIncomplete, ProbeFailed, counted
from icesync.model.plan import Action, Plan, ResourceChange
from icesync.render.findings import FindingGroup, RefusalGroup, group_findings, group_refusals
from icesync.render.htmlpage.cards import plan_cards
from icesync.render.htmlpage.charts import (
    MAX_TILES,
    AgeRow,
    OrganizationMap,
    ServerCell,
    age_rows,
    bar_of,
    is_folded,
    tiles_of,
)
from icesync.render.htmlpage.page import (
    Alert,
    Fact,
    Item,
    Rest,
    Server,
    Sheet,
    Status,
)
from icesync.render.plan import (
    SYMBOLS,
    caveat_of,
    incomplete,
    refusal_sentence,
    totals,
)
from icesync.render.style import age
from icesync.render.text import attention
from icesync.render.text import facts_of as facts_in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from icesync.model.desired import Address
    from icesync.model.report import CommandResult
    from icesync.render import RenderContext

_WORDS: Final = {
    Action.ADD: "to add",
    Action.UPDATE: "to update",
    Action.MOVE: "to move",
    Action.DISABLE: "to disable",
    Action.FORGET: "to forget",
    Action.RESEND: "to resend",
    Action.NOT_IN_FILES: "no longer in any file",
}

QUIET: Final = "no-op"


def action_tones(plan: Plan) -> list[Status]:
    """Return one tone for each action of *plan* that occurs, the unchanged last."""
    tones = [
        Status(action.value, SYMBOLS[action][0], word, plan.count(action))
        for action, word in _WORDS.items()
    ]
    tones.append(Status(QUIET, "", "unchanged", plan.count(Action.NO_OP)))
    return [tone for tone in tones if tone.count]


def rests_of(
    changes: Sequence[ResourceChange], acknowledged: Mapping[Address, str], now: datetime | None
) -> list[Rest]:
    """Return the servers of *changes*, one line each, by organization."""
    return [
        Rest(
            str(organization),
            tuple(
                Server(
                    str(c.address),
                    c.name,
                    age(acknowledged.get(c.address), now) if now is not None else "",
                )
                for c in group
            ),
        )
        for organization, group in groupby(changes, key=lambda c: c.address.organization)
    ]


_SHORT_COMMIT: Final = 12


def plan_sheet(review: CommandResult, plan: Plan, view: RenderContext) -> Sheet:
    """Return the page of *plan*, made by plan or check."""
    tones = action_tones(plan)
    loud, quiet = parted(plan)
    acknowledged = {assertion.address: assertion.applied_at for assertion in review.assertions}
    headline, _, others = totals(plan).partition("; ")
    if review.maintenance is not None:
        headline = attention(plan, review.maintenance, blocked=bool(review.refusals))
        headline = headline[0].upper() + headline[1:]
    elif not plan.effective:
        headline = "No changes"
    return Sheet(
        view=view,
        kind=review.command.value,
        headline=headline,
        subtitle=_lede(plan, others),
        facts=facts_of(plan, view),
        alerts=alerts_of(review),
        tones=tones,
        bar=bar_of(tones),
        groups=groups_of(plan),
        group_word="organization",
        cards_title="Changes",
        cards=plan_cards(loud, view.ci),
        nothing="The files match what ICE last confirmed.",
        rest=rests_of(quiet, acknowledged, view.now),
        tiles=tiles_by(plan, tones, lambda change: change.action.value),
        folded=folded_tiles(plan),
        ages=ages_of(plan, acknowledged, view),
        notes=tuple(f"{text}." for text in [caveat_of(review, view.now)] if text),
        digest=plan_digest(plan) if plan.effective else "",
    )


def _lede(plan: Plan, others: str) -> str:
    servers = counted(len(plan.changes), "server")
    organizations = counted(len(groups_of(plan)), "organization")
    sent = f"{counted(len(plan.calls), 'call')} to ICE" if plan.calls else "nothing is sent"
    return "; ".join(filter(None, (f"{servers} in {organizations}", others, sent))) + "."


def facts_of(plan: Plan | None, view: RenderContext) -> list[Fact]:
    """Return what stands at the top of a page: what it is about, and which run made it."""
    ci = view.ci
    known = [
        Fact("repository", ci.repository),
        Fact("folder", ci.folder),
        Fact("branch", ci.branch),
        Fact("commit", ci.commit[:_SHORT_COMMIT]),
        Fact(
            "run", f"#{ci.run_url.rstrip('/').rpartition('/')[2]}" if ci.run_url else "", ci.run_url
        ),
        Fact("target", plan.base_url if plan else ""),
        Fact("state", f"serial {plan.base_serial:,}" if plan else ""),
        Fact("created", view.now.strftime("%Y-%m-%d %H:%M UTC") if view.now else ""),
    ]
    return [fact for fact in known if fact.value]


def ages_of(plan: Plan, acknowledged: Mapping[Address, str], view: RenderContext) -> list[AgeRow]:
    """Return the ages of what ICE acknowledged, of the servers in *plan*."""
    if view.now is None:
        return []
    return age_rows((acknowledged.get(change.address) for change in plan.changes), view.now)


def parted(plan: Plan) -> tuple[list[ResourceChange], list[ResourceChange]]:
    """Return what is shown in full, and what needs nothing."""
    quiet = [change for change in plan.changes if change.action is Action.NO_OP]
    return [change for change in plan.changes if change.action is not Action.NO_OP], quiet


def groups_of(plan: Plan) -> list[str]:
    """Return the organizations of *plan*, in order."""
    return [str(number) for number in sorted({c.address.organization for c in plan.changes})]


def folded_tiles(plan: Plan) -> str:
    """Return in words which organizations the picture leaves out."""
    known = len(groups_of(plan))
    if not is_folded(known):
        return ""
    changed = len({c.address.organization for c in plan.changes if c.action is not Action.NO_OP})
    more = (changed or known) - MAX_TILES
    quiet = known - changed if changed else 0
    parts = [counted(more, "more organization")] if more > 0 else []
    parts += [f"{counted(quiet, 'organization')} without a change"] if quiet else []
    return " and ".join(parts)


def tiles_by(
    plan: Plan, tones: Sequence[Status], key_of: Callable[[ResourceChange], str]
) -> list[OrganizationMap]:
    """Return the picture of *plan*: each server in the tone that *key_of* names."""
    loud = {tone.key: tone for tone in tones if tone.key != QUIET}
    return tiles_of([ServerCell(c.address, loud.get(key_of(c)), c.name) for c in plan.changes])


def alerts_of(review: CommandResult) -> list[Alert]:
    """Return what must not be overlooked, most severe first."""
    alerts = []
    # An incomplete apply is described above this, a probe below.
    told_elsewhere = review.exit_code in {ApplyIncomplete.exit_code, ProbeFailed.exit_code}
    if review.failure is not None and not told_elsewhere:
        failure = Item(review.failure.message, hint="; ".join(review.failure.hints))
        alerts.append(Alert("bad", f"Ended with exit code {review.exit_code}", [failure]))
    if review.refusals:
        items = [_refusal(group) for group in group_refusals(review.refusals)]
        alerts.append(Alert("bad", "Blocked until you allow it", items))
    if review.plan is not None:
        alerts += _found(review.findings)
        if not review.plan.complete:
            message = incomplete(review.plan).removeprefix("Incomplete: ")
            alerts.append(Alert("warn", "Incomplete", [Item(message)]))
    if review.maintenance is not None:
        facts = [Item(message, label=name) for name, message in facts_in_words(review.maintenance)]
        tone = "warn" if review.maintenance.due else "calm"
        alerts += [Alert(tone, "Maintenance", facts)] if facts else []
    return alerts


def _found(findings: Sequence[Diagnostic]) -> Iterator[Alert]:
    for severity, tone, title in _WEIGHTS:
        found = [finding for finding in findings if finding.severity is severity]
        if found:
            yield Alert(tone, title, [_finding(group) for group in group_findings(found)])


_WEIGHTS: Final = (
    (Severity.ERROR, "bad", "Errors"),
    (Severity.WARNING, "warn", "Warnings"),
    (Severity.INFO, "calm", "Notes"),
)


def _refusal(group: RefusalGroup) -> Item:
    addresses = [str(refusal.address) for refusal in group.refusals if refusal.address]
    command = f"--allow {group.allow}"
    if len(addresses) != 1:
        return Item(refusal_sentence(group), command=command)
    text = group.message.removeprefix(f"{addresses[0]}: ")
    return Item(text, anchor=addresses[0], label=group.rule, command=command)


def _finding(group: FindingGroup) -> Item:
    finding = group.first
    more = len(group.elsewhere)
    text = f"{group.message} ({counted(more, 'more place')})" if more else group.message
    place = None if group.lists_secrets else finding.position
    return Item(text, place, label=finding.rule, hint=group.hint or "")
