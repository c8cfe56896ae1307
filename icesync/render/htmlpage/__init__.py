"""
What a command came to, as one self-contained HTML page.

Nothing is loaded from anywhere: style and script stand in the page, and its
content security policy lets no other script run, so that a hostile text would
stay a text even if escaping failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.render.htmlpage.findings import findings_sheet
from icesync.render.htmlpage.page import render_sheet
from icesync.render.htmlpage.plan import plan_sheet
from icesync.render.htmlpage.report import report_sheet

if TYPE_CHECKING:
    from icesync.model.review import Review
    from icesync.render.formats import View

__all__ = ["render"]


def render(review: Review, view: View) -> str:
    """Return the page of *review*: of the apply, else of the plan, else of the findings."""
    if review.plan is None:
        return render_sheet(findings_sheet(review, view))
    if review.report is None:
        return render_sheet(plan_sheet(review, review.plan, view))
    return render_sheet(report_sheet(review, review.plan, review.report, view))
