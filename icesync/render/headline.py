"""The totals of what a command came to, in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.diagnostics import Severity
from icesync.model.command_result import Command
from icesync.render.plan import totals
from icesync.render.probe import totals_of
from icesync.render.report import counts_of
from icesync.render.style import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.model.command_result import CommandResult, Maintenance


def headline(review: CommandResult) -> str:
    """Return the totals, such as ``2 to update; 30 unchanged``, or why there are none."""
    if review.report is not None:
        message = counts_of(review.report)
        return message if review.report.results else "no changes, nothing was sent"
    if review.command is Command.PROBE and review.probe is not None:
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
        yield f"{counted(len(maintenance.ending), 'certificate')} near the end"


def _verdict(review: CommandResult) -> str:
    if review.failure is not None:
        return f"stopped, exit code {review.exit_code}"
    errors = sum(d.severity is Severity.ERROR for d in review.findings)
    files = counted(len(review.files), "file")
    if errors:
        return f"{counted(errors, 'error')} in {files}"
    return f"OK, {counted(review.servers, 'server')} in {files}"
