"""The totals of what a command came to, in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.diagnostics import Severity
from icesync.model.review import Command
from icesync.render.plan import totals
from icesync.render.probe import totals_of
from icesync.render.report import counts_of

if TYPE_CHECKING:
    from icesync.model.review import Review

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
    if review.plan.effective:
        return totals(review.plan)
    return f"no changes; {totals(review.plan) or 'no servers'}"


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
