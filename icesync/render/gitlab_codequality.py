"""The findings as GitLab's Code Quality report: a list, empty when there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from icesync.codec.canonical import pretty
from icesync.diagnostics import Diagnostic, Severity, SourcePosition
from icesync.render.finding_fingerprint import identities
from icesync.render.style import safe

if TYPE_CHECKING:
    from icesync.model.command_result import CommandResult
    from icesync.render.formats import RenderContext

__all__ = ["render"]

_WEIGHTS: Final = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.INFO: "info"}


def render(review: CommandResult, view: RenderContext) -> str:
    """
    Return the findings of *review*; files are relative to the repository.

    A run that was stopped by something else stands there as a finding in the
    configuration: an empty list would read as "all is well".
    """
    found = review.findings
    if review.failure is not None and not any(one.severity is Severity.ERROR for one in found):
        place = SourcePosition("icesync.yaml")
        found = (*found, Diagnostic("icesync", review.failure.message, place))
    rows = [
        _row(one, known, view) for one, known in zip(found, identities(found, view.ci), strict=True)
    ]
    return pretty(rows)


def _row(one: Diagnostic, fingerprint: str, view: RenderContext) -> dict[str, Any]:
    # The page shows the description only, so the rule stands in it too.
    return {
        "description": f"{one.rule}: {safe(one.message)}",
        "check_name": one.rule,
        "fingerprint": fingerprint,
        "severity": _WEIGHTS[one.severity],
        "location": {
            "path": view.ci.path(one.position.file),
            "lines": {"begin": one.position.line},
        },
    }
