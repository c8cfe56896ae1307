"""What a command came to, for people at a terminal: each part when it is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.codec.plan import plan_digest
from icesync.diagnostics import Severity
from icesync.model.command_result import Command
from icesync.render.findings import render_diagnostics
from icesync.render.maintenance import render_maintenance
from icesync.render.plan import render_plan
from icesync.render.probe import render_probe
from icesync.render.report import render_report
from icesync.render.summary import summarize_plan, summarize_report

if TYPE_CHECKING:
    from icesync.model.command_result import CommandResult
    from icesync.model.probe import ProbeReport
    from icesync.render.formats import RenderContext
    from icesync.render.style import Style

__all__ = ["render"]


def render(review: CommandResult, view: RenderContext) -> str:
    """Return the last part that *review* got to: of an apply first its plan, then its report."""
    style = view.style
    if review.report is not None:
        message = summarize_report if view.summary else render_report
        return "\n" + message(review.report, style) if review.report.results else ""
    if review.maintenance is not None:
        return render_maintenance(review.maintenance, style)
    if review.probe is not None:
        return _probed(review.probe, review.command, style)
    if review.plan is not None:
        digest = plan_digest(review.plan)
        if view.summary:
            return summarize_plan(review.plan, digest, style)
        return render_plan(review.plan, digest, style, every=view.include_info)
    hidden = set() if view.include_info else {Severity.INFO}
    found = [d for d in review.findings if d.severity not in hidden]
    return render_diagnostics(found, style, every=view.include_info)


def _probed(report: ProbeReport, command: Command, style: Style) -> str:
    """Return *report* alone, or below a plan, where it is silent about nothing."""
    message = render_probe(report, style)
    if command is Command.PROBE:
        return message
    return f"\n{message}" if report.rows else ""
