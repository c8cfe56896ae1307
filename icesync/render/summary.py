"""``--summary``: a plan or an apply with one line for each server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.model.plan import Action
from icesync.render.plan import SYMBOLS, gist_of, headline
from icesync.render.report import COLOURS, render_report, told_seconds
from icesync.render.style import fold, safe
from icesync.render.table import Cell, render_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.model.plan import Plan, ResourceChange
    from icesync.model.report import Report, Result
    from icesync.render.style import Style

__all__ = ["summarize_plan", "summarize_report"]


def summarize_plan(plan: Plan, digest: str, style: Style) -> str:
    """Return totals, a line for each server that is not left as it is, and the digest."""
    rows = [tuple(_change(c)) for c in plan.changes if c.action is not Action.NO_OP]
    table = render_table(("  action", "server", "name", "what"), rows, style)
    last = f"\nDigest: {digest}\n" if plan.effective else ""
    first = fold(headline(plan, style), style.width)
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
    rows = [tuple(_result(result)) for result in report.results]
    table = render_table(("outcome", "server", "action", "took", "why"), rows, style)
    return f"{table}\n{render_report(report, style, listed=False)}"


def _result(result: Result) -> Iterator[Cell]:
    yield Cell(result.status, (COLOURS[result.status],))
    yield Cell(str(result.address))
    yield Cell(result.action)
    took_s = result.elapsed_s
    yield Cell("" if took_s is None else told_seconds(took_s), ("dim",))
    yield Cell(safe(result.outcome.detail) if result.outcome else "")
