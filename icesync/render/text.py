"""
What a command came to, for people at a terminal: each part when it is known.

Also its totals in one line, a line for each server (``--summary``), and what a schedule
looks after: what waits, what is old, when the token ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.diagnostics import Severity
from icesync.errors import counted, listed
from icesync.model.plan import Action, Plan, ResourceChange
from icesync.model.report import Command, CommandResult, Maintenance, Report, Result
from icesync.model.snapshot import readable_time
from icesync.render.findings import render_diagnostics
from icesync.render.plan import CANNOT_BE_READ, SYMBOLS, gist_of, plan_headline, render_plan, totals
from icesync.render.style import Cell, Style, age, fold, render_table, safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from icesync.model.desired import Address
    from icesync.model.probe import ProbeReport
    from icesync.render import RenderContext


def render(review: CommandResult, view: RenderContext) -> str:
    """Return the last part that *review* got to: of an apply first its plan, then its report."""
    style = view.style
    if review.report is not None:
        from icesync.render.report import render_report

        message = summarize_report if view.summary else render_report
        return "\n" + message(review.report, style) if review.report.results else ""
    if review.maintenance is not None:
        return render_maintenance(review.maintenance, style)
    if review.probe is not None:
        return _probed(review.probe, review.command, style)
    if review.plan is not None:
        from icesync.codec.plan import plan_digest

        digest = plan_digest(review.plan)
        if view.summary:
            return summarize_plan(review.plan, digest, style)
        return render_plan(review.plan, digest, style, every=view.include_info)
    hidden = set() if view.include_info else {Severity.INFO}
    if view.errors_only:
        hidden = {Severity.INFO, Severity.WARNING}
    found = [d for d in review.findings if d.severity not in hidden]
    return render_diagnostics(found, style, every=view.include_info)


def _probed(report: ProbeReport, command: Command, style: Style) -> str:
    """Return *report* alone, or below a plan, where it is silent about nothing."""
    from icesync.render.probe import render_probe

    message = render_probe(report, style)
    if command is Command.PROBE:
        return message
    return f"\n{message}" if report.rows else ""


def summarize_plan(plan: Plan, digest: str, style: Style) -> str:
    """Return totals, a line for each server that is not left as it is, and the digest."""
    rows = [tuple(_change(c)) for c in plan.changes if c.action is not Action.NO_OP]
    table = render_table(("  action", "server", "name", "what"), rows, style)
    last = f"\nDigest: {digest}\n" if plan.effective else ""
    first = fold(plan_headline(plan, style), style.width)
    return f"{first}\n" + (f"\n{table}" if table else "") + last


def _change(change: ResourceChange) -> Iterator[Cell]:
    symbol, colour, _ = SYMBOLS[change.action]
    yield Cell(f"{symbol} {change.action}", (colour,))
    yield Cell(str(change.address))
    yield Cell(safe(change.name))
    yield Cell(_why(change), ("dim",))


def _why(change: ResourceChange) -> str:
    if change.action is Action.UPDATE:
        return gist_of(change)
    return "" if change.action is Action.ADD or not change.reason else change.reason.value


def summarize_report(report: Report, style: Style) -> str:
    """Return a line for each change with how it ended, and what the report says at its end."""
    from icesync.render.report import render_report

    rows = [tuple(_result(result)) for result in report.results]
    table = render_table(("outcome", "server", "action", "took", "why"), rows, style)
    return f"{table}\n{render_report(report, style, listed=False)}"


def _result(result: Result) -> Iterator[Cell]:
    from icesync.render.report import COLOURS, spell_seconds

    yield Cell(result.status, (COLOURS[result.status],))
    yield Cell(str(result.address))
    yield Cell(result.action)
    took_s = result.elapsed_s
    yield Cell("" if took_s is None else spell_seconds(took_s), ("dim",))
    yield Cell(safe(result.outcome.detail) if result.outcome else "")


def headline(review: CommandResult) -> str:
    """Return the totals, such as ``2 to update; 30 unchanged``, or why there are none."""
    if review.report is not None:
        from icesync.render.report import counts_of

        message = counts_of(review.report)
        return message if review.report.results else "no changes, nothing was sent"
    if review.command is Command.PROBE and review.probe is not None:
        from icesync.render.probe import totals_of

        return totals_of(review.probe)
    if review.failure is not None or review.plan is None:
        return _verdict(review)
    message = totals(review.plan)
    if not review.plan.effective:
        message = f"no changes; {message or 'no servers'}"
    return message + "".join(f"; {due}" for due in _due(review.maintenance))


def _due(maintenance: Maintenance | None) -> Iterator[str]:
    """Yield what mail servers let somebody do, in a few words."""
    if maintenance is not None and maintenance.failed_logins:
        yield f"{counted(len(maintenance.failed_logins), 'login')} failed"
    if maintenance is not None and maintenance.ending:
        yield f"{counted(len(maintenance.ending), 'certificate')} expiring soon"


def check_verdict(
    plan: Plan, maintenance: Maintenance, exit_code: int, *, blocked: bool = False
) -> str:
    """Return the last line of a check: what needs attention, and the exit code that says so."""
    return f"check: {attention(plan, maintenance, blocked=blocked)} (exit {exit_code})"


def attention(plan: Plan, maintenance: Maintenance, *, blocked: bool) -> str:
    """Return what needs attention, in one line; *blocked* says that an apply would be refused."""
    found = [
        (len(plan.effective), "change is waiting", "changes are waiting"),
        (len(maintenance.not_in_any_file), "server is in no file", "servers are in no file"),
        (
            len(maintenance.out_of_date),
            f"confirmation is older than {maintenance.max_age}",
            f"confirmations are older than {maintenance.max_age}",
        ),
        (len(maintenance.failed_logins), "login failed", "logins failed"),
        (len(maintenance.ending), "certificate expires soon", "certificates expire soon"),
    ]
    parts = [f"{n:,} {one if n == 1 else many}" for n, one, many in found if n]
    if blocked:
        parts.append("the next apply is blocked")
    if maintenance.uncertain and not plan.effective:
        parts.append(f"{counted(len(maintenance.uncertain), 'call')} without a known outcome")
    return ", ".join(parts) or "nothing needs attention"


def _verdict(review: CommandResult) -> str:
    if review.failure is not None:
        return f"stopped, exit code {review.exit_code}"
    errors = sum(d.severity is Severity.ERROR for d in review.findings)
    files = counted(len(review.files), "file")
    if errors:
        return f"{counted(errors, 'error')} in {files}"
    return f"OK, {counted(review.servers, 'server')} in {files}"


_NAMED: Final = 10


def render_maintenance(maintenance: Maintenance, style: Style) -> str:
    """Return a line for each fact that a schedule looks after."""
    facts = [(name, message) for name, message in facts_of(maintenance)]
    width = max((len(name) for name, _ in facts), default=0) + 1
    lines = [f"  {style.paint(f'{name}:', 'dim'):<{width}}  {message}" for name, message in facts]
    head = ["", style.paint("Maintenance:", "bold"), *lines, ""] if facts else [""]
    return "\n".join([*head, f"note: {CANNOT_BE_READ}"]) + "\n"


def facts_of(maintenance: Maintenance) -> Iterator[tuple[str, str]]:
    """Yield name and sentence of each fact that there is; safe text, without addresses' links."""
    if maintenance.uncertain:
        yield "outcome unknown", addresses_in_line(maintenance.uncertain)
    if maintenance.not_in_any_file:
        yield "in no file", addresses_in_line(maintenance.not_in_any_file)
    if maintenance.max_age is not None and maintenance.out_of_date:
        yield f"older than {safe(maintenance.max_age)}", addresses_in_line(maintenance.out_of_date)
    if maintenance.oldest:
        message = ", ".join(
            f"{a.address} {age(a.applied_at, maintenance.now)}" for a in maintenance.oldest
        )
        yield "oldest confirmations", message
    if maintenance.token_ends is not None:
        yield "token", left_of_token(maintenance)
    if maintenance.failed_logins:
        yield (
            "rejected logins",
            listed(
                [f"{one.address} {one.protocol} {one.kind}" for one in maintenance.failed_logins]
            ),
        )
    for one in maintenance.ending:
        place, days = safe(f"{one.host}:{one.port}"), (one.not_after - maintenance.now).days
        yield "certificate", (f"{place} expires in {days} days, {addresses_in_line(one.addresses)}")


def addresses_in_line(addresses: Sequence[Address]) -> str:
    """Return the first ten of *addresses*, and how many more there are."""
    return listed([str(address) for address in addresses], _NAMED)


def left_of_token(maintenance: Maintenance) -> str:
    """Return when the token expires or expired, in the largest unit that says something."""
    assert maintenance.token_ends is not None
    seconds = (maintenance.token_ends - maintenance.now).total_seconds()
    ends, left = readable_time(maintenance.token_ends), abs(seconds)
    units = ((31_557_600, "year"), (86_400, "day"), (3_600, "hour"), (60, "minute"))
    size, unit = next(((s, u) for s, u in units if left >= 2 * s), (1, "second"))
    span = f"{int(left // size)} {unit}s"
    return f"expires at {ends}, in {span}" if seconds > 0 else f"expired at {ends}, {span} ago"
