"""
What a command came to, as Markdown for comments, job summaries and issues.

The first line is a marker, then come the totals. What is too long for a comment
is told in less detail, never cut: see :func:`icesync.render.markdown_escape.first_that_fits`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from icesync.codec.marker import Marker, encode_marker
from icesync.errors import ApplyIncomplete, ProbeFailed
from icesync.render.headline import headline
from icesync.render.markdown_escape import code, first_that_fits, prose
from icesync.render.markdownplan import Detail, plan_part
from icesync.render.markdownprobe import probe_part
from icesync.render.markdownrun import findings_part, maintenance_part, report_part
from icesync.render.plan import caveat_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.model.command_result import CommandResult
    from icesync.render.formats import RenderContext

__all__ = ["render"]

_SHORTENED: Final = "\n_Shortened to fit into a comment; the log of the run has all of it._\n"


def render(review: CommandResult, view: RenderContext) -> str:
    """Return *review* as Markdown of at most ``view.limit_bytes``."""
    return first_that_fits(
        [partial(_page, review, view, detail) for detail in Detail], view.limit_bytes
    )


def _page(review: CommandResult, view: RenderContext, detail: Detail) -> str:
    parts = [_marker(review, view), f"### icesync {review.command}: "]
    parts += [headline(review), "\n", _origin(view)]
    parts.extend(_failure(review))
    parts.append(findings_part(review, view.ci, detail))
    if review.report is not None:
        parts.append(report_part(review.report, detail))
    elif review.plan is not None:
        parts.append(
            plan_part(review.plan, review.refusals, view.ci, detail, caveat_of(review, view.now))
        )
    if review.probe is not None:
        parts.append(probe_part(review.probe, view.ci, detail))
    if review.maintenance is not None:
        parts.append(maintenance_part(review.maintenance))
    if detail:
        parts.append(_SHORTENED)
    return "".join(parts)


def _marker(review: CommandResult, view: RenderContext) -> str:
    """Return the first line, by which a later run finds the comment of this configuration."""
    known = review.plan is not None and review.failure is None
    changes = len(review.plan.effective) if known and review.plan else None
    return encode_marker(Marker(review.command, view.ci.key, changes)) + "\n"


def _origin(view: RenderContext) -> str:
    """Return which configuration at which commit this is about, and who says so."""
    ci = view.ci
    parts = [code(ci.folder)] if ci.folder else []
    parts += [f"commit {code(ci.commit[:12])}"] if ci.commit else []
    parts += [f"[run]({ci.run_url})"] if ci.run_url else []
    return f"\n{' · '.join(parts)}\n" if parts else ""


def _failure(review: CommandResult) -> Iterator[str]:
    if review.failure is None or _says_it_all(review):
        return
    yield f"\n**Stopped:** {prose(review.failure.message)}\n"
    if review.failure.hints:
        yield "\n"
        yield from (f"- {code(hint)}\n" for hint in review.failure.hints)


def _says_it_all(review: CommandResult) -> bool:
    """Return whether the report itself tells all that the failure does."""
    if review.exit_code == ProbeFailed.exit_code:
        return review.probe is not None
    incomplete = review.exit_code == ApplyIncomplete.exit_code
    return incomplete and review.report is not None and review.report.stopped is None
