"""
What a command came to, as one self-contained HTML page.

Nothing is loaded from anywhere: style and script stand in the page, and its
content security policy lets no other script run, so that a hostile text would
stay a text even if escaping failed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from icesync.render.htmlpage.findings import findings_sheet
from icesync.render.htmlpage.page import Sheet, render_sheet
from icesync.render.htmlpage.plan import plan_sheet
from icesync.render.htmlpage.probe import probe_cards, probe_sheet
from icesync.render.htmlpage.report import report_sheet

if TYPE_CHECKING:
    from icesync.model.report import CommandResult
    from icesync.render import RenderContext

__all__ = ["render"]


def render(review: CommandResult, view: RenderContext) -> str:
    """Return the page of *review*: of the apply, else of the plan, the probe, the findings."""
    return render_sheet(_sheet(review, view))


def _sheet(review: CommandResult, view: RenderContext) -> Sheet:
    if review.plan is None:
        if review.probe is None:
            return findings_sheet(review, view)
        return probe_sheet(review, review.probe, view)
    if review.report is None:
        sheet = plan_sheet(review, review.plan, view)
    else:
        sheet = report_sheet(review, review.plan, review.report, view)
    return replace(sheet, probes=probe_cards(review.probe)) if review.probe else sheet
