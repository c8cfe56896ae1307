"""The totals of what a command came to, in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.diagnostics import Severity
from icesync.model.review import Command
from icesync.render.plan import totals
from icesync.render.probe import totals_of
from icesync.render.report import counts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.model.review import Review, Upkeep

__all__ = ["headline"]


def headline(review: Review) -> str:
    """Return the totals, such as ``2 to update; 30 unchanged``, or why there are none."""
    if review.report is not None:
        told = counts_of(review.report)
        return told if review.report.results else "no changes, nothing was sent"
    if review.command is Command.PROBE and review.probe is not None:
        return totals_of(review.probe)
    if review.failure is not None or review.plan is None:
        return _verdict(review)
    told = totals(review.plan)
    if not review.plan.effective:
        told = f"no changes; {told or 'no servers'}"
    return told + "".join(f"; {due}" for due in _due(review.upkeep))


def _due(upkeep: Upkeep | None) -> Iterator[str]:
    """Yield what mail servers let somebody do, in a few words."""
    if upkeep is not None and upkeep.said_no:
        yield f"{_count(len(upkeep.said_no), 'login')} failed"
    if upkeep is not None and upkeep.ending:
        yield f"{_count(len(upkeep.ending), 'certificate')} near the end"


def _verdict(review: Review) -> str:
    if review.failure is not None:
        return f"stopped, exit code {review.exit_code}"
    errors = sum(d.severity is Severity.ERROR for d in review.findings)
    files = _count(len(review.files), "file")
    if errors:
        return f"{_count(errors, 'error')} in {files}"
    return f"valid, {_count(review.servers, 'server')} in {files}"


def _count(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"
